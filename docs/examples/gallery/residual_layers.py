r"""
Skip connections keep the rank
==============================

A residual layer is :math:`I + a\,G` with a Gaussian matrix :math:`G`. The
smaller :math:`a`, the more slowly the effective rank falls with depth.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

depths = np.array([1, 2, 4, 8, 16, 32])
fig, ax = plt.subplots()
ax.plot(depths, rr.limit_effective_rank(depths), "ko-", label="no skips")
for scale in (1, 0.5, 0.25):
    layer = rr.ResidualFactor(scale)
    rank = [rr.limit_effective_rank(factors=[layer] * n) for n in depths]
    ax.plot(depths, rank, "o-", label=f"a = {scale}")
ax.set_xscale("log", base=2)
ax.set(xlabel="layers", ylabel="effective rank less log width (nats)")
ax.legend()
plt.show()
