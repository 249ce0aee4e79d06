"""
Very deep products separate
===========================

Logarithms of the eight singular values of one product, divided by its depth.
They tend to the Lyapunov exponents; the smallest singular value at depth 4000
is far below the smallest float.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr
from rmt_rank.theory.finite_width.lyapunov import lyapunov_exponents

width = 8
depths = np.unique(np.geomspace(4, 4000, 16).round().astype(int))
logs = [
    rr.sample_singular_values(
        width, depth=int(depth), size=1, rng=0, return_log=True
    )[0]
    for depth in depths
]
fig, ax = plt.subplots()
ax.plot(depths, np.array(logs) / depths[:, None], ".-", color="C0")
for exponent in lyapunov_exponents(width):
    ax.axhline(exponent, color="k", linewidth=0.6)
ax.set(xscale="log", xlabel="depth", ylabel="log singular value / depth")
plt.show()
