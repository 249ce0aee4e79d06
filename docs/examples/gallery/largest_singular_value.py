r"""
The largest singular value of a product
=======================================

The law of depth :math:`L` ends at :math:`\sqrt{(L+1)^{L+1}/L^L}`. Products of
width 100 stay slightly inside.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

depths = np.arange(1, 13)
edges = [rr.singular_value_law.support(depth)[1] for depth in depths]
largest = [
    rr.sample_singular_values(100, depth=int(depth), size=50, rng=0)[:, 0]
    for depth in depths
]
fig, ax = plt.subplots()
ax.plot(depths, edges, "k", label="edge of the law")
ax.violinplot(largest, depths, widths=0.7, showextrema=False)
ax.set(xlabel="depth", ylabel="largest singular value")
ax.legend()
plt.show()
