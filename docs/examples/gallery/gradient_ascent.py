"""
Raise the rank by its gradient
==============================

The gradient of the effective rank is known in closed form. Along it the small
singular values grow and the large ones shrink.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

rng = np.random.default_rng(0)
a = rng.normal(size=(12, 12)) @ rng.normal(size=(12, 12)) / 12
history = []
for _ in range(200):
    history.append(np.linalg.svd(a, compute_uv=False))
    a += 0.3 * rr.effective_rank_gradient(a)
fig, ax = plt.subplots()
ax.plot(history, color="C0")
ax.set(xlabel="step", ylabel="singular values")
plt.show()
