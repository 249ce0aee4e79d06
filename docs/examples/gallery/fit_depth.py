"""
Fit a depth to singular values
==============================

The effective rank of one product of unknown depth gives its depth: 60 products
for each true depth, at width 64.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr
from rmt_rank.metrics import spectrum

depth = np.linspace(0.2, 16, 400)
limit = rr.limit_effective_rank(depth)  # it falls
true = np.array([1, 2, 3, 4, 6, 8])
fits = []
for each in true:
    sigma = rr.sample_singular_values(64, depth=int(each), size=60, rng=0)
    gap = spectrum.effective_rank(sigma) - np.log(64)
    fits.append(np.interp(gap, limit[::-1], depth[::-1]))
fig, ax = plt.subplots()
ax.axline((0, 0), slope=1, color="k", linewidth=0.8)
ax.violinplot(fits, true, widths=0.6, showextrema=False)
ax.set(xlabel="true depth", ylabel="fitted depth", xlim=(0, 9), ylim=(0, 10))
plt.show()
