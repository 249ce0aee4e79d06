"""
Every notion of effective rank falls with depth
===============================================

Limits of the effective rank for Rényi orders from 0.5 to infinity, as a
fraction of the dimensions. Order 1 is Shannon's entropy, that of the paper.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

depth = np.geomspace(0.1, 30, 100)
fig, ax = plt.subplots()
for order in (0.5, 1, 2, np.inf):
    share = np.exp(rr.limit_effective_rank(depth, order=order))
    label = f"order {order}" if np.isfinite(order) else "order ∞"
    ax.plot(depth, share, label=label)
ax.set(xscale="log", xlabel="depth", ylabel="share of the dimensions")
ax.legend()
plt.show()
