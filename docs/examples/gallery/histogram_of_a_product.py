"""
One random product and its law
==============================

The singular values of a single product of four Gaussian matrices of width
1000 already follow the law for infinite width.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

sigma = rr.sample_singular_values(1000, depth=4, size=1, rng=0)[0]
x = np.linspace(0.01, 3.5, 400)
fig, ax = plt.subplots()
ax.hist(sigma, bins=60, density=True, alpha=0.5, label="one product")
ax.plot(x, rr.singular_value_law.pdf(x, 4), "k", label="law")
ax.set(xlabel="singular value", ylabel="density", ylim=(0, 2.5))
ax.legend()
plt.show()
