r"""
Measures of rank disagree
=========================

Spectra :math:`\sigma_i = i^{-a}` of 100 values. The steeper the decay, the
lower all measures, but they differ by factors.
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

decay = np.linspace(0, 2, 41)
index = np.arange(1, 101)
matrices = np.array([np.diag(index**-a) for a in decay])
measures = rr.rank_measures(matrices, delta=0.1)
fig, ax = plt.subplots()
for name, label in {
    "roy_vetterli_rank": "effective rank (Roy and Vetterli)",
    "energy_rank": "90 % of the sum",
    "participation_ratio": "participation ratio",
    "stable_rank": "stable rank",
}.items():
    ax.plot(decay, getattr(measures, name), label=label)
ax.set(yscale="log", ylim=(0.9, 2000), xlabel="decay a", ylabel="rank")
ax.legend(loc="upper right")
plt.show()
