r"""
Order and chaos
===============

Correlation of two inputs, 0.6 at first, layer by layer in a wide tanh network
with biases. Below the critical variance of the weights, here 1.76, the inputs
become equal; above it they stay apart.
"""

import matplotlib.pyplot as plt

import rmt_rank as rr

fig, ax = plt.subplots()
for variance in (0.8, 1.0, 1.5, 2.5):
    path = rr.nonlinear.correlations(
        "tanh",
        30,
        correlation=0.6,
        weight_variance=variance,
        bias_variance=0.05,
    )
    ax.plot(path.correlation, label=f"weight variance {variance}")
ax.set(xlabel="layer", ylabel="correlation", ylim=(0, 1.02))
ax.legend()
plt.show()
