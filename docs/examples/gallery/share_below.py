"""
Deeper products have smaller singular values
============================================

The share of singular values below a number, for products of Gaussian matrices
of infinite width: half of them are below 0.1 at depth 8.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

x = np.geomspace(1e-4, 5, 400)
fig, ax = plt.subplots()
for depth in (8, 4, 2, 1):
    ax.plot(x, rr.singular_value_law.cdf(x, depth), label=f"depth {depth}")
ax.set(xscale="log", xlabel="singular value", ylabel="share below")
ax.legend()
plt.show()
