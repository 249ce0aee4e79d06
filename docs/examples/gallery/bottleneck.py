"""
The width of a bottleneck
=========================

Two Gaussian layers from 100 to 100 dimensions through a hidden layer. The
rank that is lost by chance, beyond the bottleneck itself, is largest where
the hidden layer is as wide as the ends.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

hidden = np.unique(np.geomspace(5, 2000, 60).round())
limit = [rr.limit_effective_rank(widths=[100, n, 100]) for n in hidden]
fig, ax = plt.subplots()
ax.plot(hidden, limit)
ax.axvline(100, color="0.6", linewidth=0.8)
ax.set(
    xscale="log",
    xlabel="width of the hidden layer",
    ylabel="effective rank\nless log(smallest width)",
)
plt.show()
