"""
Layers until a share of the rank is left
========================================

Four Gaussian layers leave half of the dimensions, and 27 an eighth. The
number of layers hardly depends on the width, as long as it is larger.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

depth = np.geomspace(0.3, 40, 200)
shares = [1 / 2, 1 / 4, 1 / 8]
layers = [rr.depth_for(256 * share, 256) for share in shares]
fig, ax = plt.subplots()
ax.plot(np.exp(rr.limit_effective_rank(depth)), depth, "k", label="limit")
ax.plot(shares, layers, "o", label="least number, width 256")
ax.set_xscale("log", base=2)
ax.set(yscale="log", xlabel="share of the dimensions left", ylabel="layers")
ax.legend()
plt.show()
