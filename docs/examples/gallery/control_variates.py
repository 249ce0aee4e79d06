"""
What control variates save
==========================

The variance of an estimate of the effective rank, divided by that with control
variates. For complex entries they explain nearly everything.
"""

import matplotlib.pyplot as plt

import rmt_rank as rr

depths = [1, 2, 4, 8, 16]
fig, ax = plt.subplots()
for field in ("real", "complex"):
    saved = [
        rr.estimate(
            "effective_rank", 16, depth, samples=512, field=field, rng=0
        ).variance_reduction
        for depth in depths
    ]
    ax.plot(depths, saved, "o-", label=field)
ax.set_xscale("log", base=2)
ax.set(yscale="log", xlabel="depth", ylabel="variance, relative")
ax.legend()
plt.show()
