"""
The features of random networks
===============================

Effective rank of the cosine Gram matrix of 128 inputs after each layer of a
very wide random network. Rectifiers align the inputs, so that the rank falls;
with tanh and GELU, at this variance of the weights, it does not.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

inputs = np.random.default_rng(0).standard_normal((128, 16))
depths = np.arange(0, 21)
fig, ax = plt.subplots()
for activation in ("relu", "gelu", "tanh"):
    rank = rr.nonlinear.neural_kernel_effective_rank(
        inputs, depths, activation
    )
    ax.plot(depths, rank, ".-", label=activation)
ax.set(xlabel="hidden layers", ylabel="effective rank (nats)")
ax.legend()
plt.show()
