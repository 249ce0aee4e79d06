"""
How much the effective rank varies
==================================

The effective rank of 4000 products of width 64 and depth 4. Its standard
deviation is known, and of the order of 1/width: one matrix is enough.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import rmt_rank as rr
from rmt_rank.metrics import spectrum
from rmt_rank.theory.finite_width.fluctuations import effective_rank_variance

sigma = rr.sample_singular_values(64, depth=4, size=4000, rng=0)
rank = spectrum.effective_rank(sigma)
mean = rr.expected_effective_rank(64, 4).value
deviation = np.sqrt(effective_rank_variance(64, 4))
x = mean + deviation * np.linspace(-4, 4, 200)
fig, ax = plt.subplots()
ax.hist(rank, bins=50, density=True, alpha=0.5, label="4000 products")
ax.plot(x, stats.norm.pdf(x, mean, deviation), "k", label="theory")
ax.set(xlabel="effective rank (nats)", ylabel="density")
ax.legend()
plt.show()
