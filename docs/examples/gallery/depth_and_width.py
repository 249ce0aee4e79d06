"""
Where the limit is good
=======================

The mean effective rank at finite width, less the logarithm of the width. The
curves leave the limit where the depth is of the order of the width.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr
from rmt_rank.metrics import spectrum

depths = [1, 2, 4, 8, 16, 32, 64]
fig, ax = plt.subplots()
for width in (4, 16, 64):
    rank = []
    for depth in depths:
        sigma = rr.sample_singular_values(width, depth, size=100, rng=0)
        rank.append(spectrum.effective_rank(sigma).mean())
    ax.plot(depths, rank - np.log(width), "o-", label=f"width {width}")
fine = np.geomspace(1, 64, 60)
ax.plot(fine, rr.limit_effective_rank(fine), "k", label="limit")
ax.set_xscale("log", base=2)
ax.set(xlabel="depth", ylabel="effective rank less log width (nats)")
ax.legend()
plt.show()
