"""
A product of different layers
=============================

The law of a Gaussian layer after three residual ones, from free probability,
and one such product of width 400.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

law = rr.free_product_law([rr.GaussianFactor()] + [rr.ResidualFactor(0.5)] * 3)
rng = np.random.default_rng(0)
width = 400
product = rng.normal(size=(width, width)) / np.sqrt(width)
for _ in range(3):
    noise = rng.normal(size=(width, width)) / np.sqrt(width)
    product = product @ (np.eye(width) + 0.5 * noise)
sigma = np.linalg.svd(product, compute_uv=False)
x = np.linspace(0.01, law.support()[1], 300)
fig, ax = plt.subplots()
ax.hist(sigma, bins=40, density=True, alpha=0.5, label="one product")
ax.plot(x, law.pdf(x), "k", label="law")
ax.set(xlabel="singular value", ylabel="density", ylim=(0, 1.3))
ax.legend()
plt.show()
