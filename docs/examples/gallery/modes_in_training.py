"""
Depth makes training greedy
===========================

Gradient flow in a deep linear network learns large singular values first. The
deeper the network, the later and the more abruptly each follows.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

time = np.linspace(0, 20, 400)
targets = np.array([3, 2, 1])
fig, panels = plt.subplots(1, 3, sharey=True, figsize=(7.5, 3))
for ax, depth in zip(panels, (1, 2, 3), strict=True):
    sigma = rr.networks.mode_singular_values(
        time[:, None], targets, 0.02, depth
    )
    ax.plot(time, sigma)
    ax.set(xlabel="time", title=f"depth {depth}")
panels[0].set_ylabel("singular values")
plt.show()
