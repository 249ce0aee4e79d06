"""
The largest eigenvalue of a random matrix
=========================================

Centred and scaled, the largest squared singular value of a Gaussian matrix
follows the law of Tracy and Widom.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr
from rmt_rank.theory import tracy_widom

width = 100
sigma = rr.sample_singular_values(width, depth=1, size=4000, rng=0)[:, 0]
root = np.sqrt(width - 0.5)
scale = 2 * root * (2 / root) ** (1 / 3)
scaled = (width * sigma**2 - 4 * root**2) / scale
x = np.linspace(-5, 4, 200)
fig, ax = plt.subplots()
ax.hist(scaled, bins=50, density=True, alpha=0.5, label="4000 matrices")
ax.plot(x, tracy_widom.pdf(x, 1), "k", label="Tracy and Widom")
ax.set(xlabel="largest eigenvalue, scaled", ylabel="density")
ax.legend()
plt.show()
