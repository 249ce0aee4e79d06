"""
Monte Carlo to a stated error
=============================

Where theory ends, random matrices are drawn. This tutorial estimates a mean to an error that you
state, moves the same line to a GPU, and runs a study that can be interrupted. The study needs xarray
(``pip install ".[study]"``).

One number
----------

`rmt_rank.estimate` draws products until the standard error is at most ``target_error``:
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr

result = rr.estimate("effective_rank", 32, 8, target_error=1e-3, rng=0)
result

# %%
# ``variance_reduction`` says how much the control variates saved: numbers that vary along with the
# effective rank and whose means are known exactly. Without them, the same error takes more samples:

plain = rr.estimate(
    "effective_rank", 32, 8, target_error=1e-3, control_variates=False, rng=0
)
print(
    f"{result.samples} samples with control variates, {plain.samples} without"
)

# %%
# Is the error right?
# -------------------
#
# Here are 30 independent estimates of 500 samples each, and the value from above. About two
# thirds of the bars should reach the line:

several = [
    rr.estimate("effective_rank", 8, 8, samples=500, rng=seed)
    for seed in range(30)
]
exact = rr.estimate("effective_rank", 8, 8, samples=20_000, rng=99)
values = np.array([each.value for each in several])
errors = np.array([each.error for each in several])
fig, ax = plt.subplots()
ax.errorbar(np.arange(30), values, yerr=errors, fmt="o", markersize=4)
ax.axhline(exact.value, color="k", label="20 000 samples")
ax.set(xlabel="seed", ylabel="effective rank (nats)")
ax.legend()
plt.show()
print(
    f"{np.mean(np.abs(values - exact.value) < errors):.0%} of the bars reach the line"
)

# %%
# A function of your own
# ----------------------
#
# The first argument may be a function of the singular values, which come in blocks of shape (samples, width):

share = rr.estimate(
    lambda sigma: sigma[:, 0] / sigma.sum(axis=1), 32, 8, samples=2000, rng=0
)
print(
    f"largest singular value: {share.value:.3f} of the sum, standard error {share.error:.4f}"
)

# %%
# On a GPU
# --------
#
# The functions take an array library as ``xp``. With CuPy (``pip install ".[gpu]"``) the same line computes
# on a CUDA device; it draws other numbers from the same law:
#
# .. code-block:: python
#
#     import array_api_compat.cupy as xp
#
#     rr.estimate("effective_rank", 32, 8, target_error=1e-5, rng=0, xp=xp)
#
# A study that resumes
# --------------------
#
# A study is a grid of widths and depths whose results are kept in a folder:

folder = Path(tempfile.mkdtemp()) / "grid.study"
study = rr.study.Study(
    widths=[8, 16, 32], depths=[1, 2, 4, 8, 16], samples=1000, seed=1
)


def stop_early(done, total):
    """Interrupt the study after seven blocks, as Ctrl-C would."""
    print(f"{done} of {total} blocks")
    if done == 7:
        raise KeyboardInterrupt


try:
    rr.study.run_study(study, folder, progress=stop_early)
except KeyboardInterrupt:
    print("interrupted")

# %%
# What is done is in the folder. The same call computes the rest, and the numbers are those of an
# uninterrupted run, to the last bit:

data = rr.study.run_study(study, folder)
data

# %%

fig, ax = plt.subplots()
for width in data.width.values:
    rank = data.effective_rank.sel(width=width).squeeze() - np.log(width)
    ax.plot(data.depth, rank, "o-", label=f"width {width}")
depth = np.linspace(1, 16, 100)
ax.plot(depth, rr.limit_effective_rank(depth), "k", label="limit")
ax.set(xlabel="depth", ylabel="effective rank less log width (nats)")
ax.legend()
plt.show()

# %%
# Read next
# ---------
#
# - :doc:`/monte-carlo`: all options, how the samples are drawn, and what the error means.
# - :doc:`/how-to/cluster`: the same study on many machines. :doc:`/how-to/gpu`: what runs on a GPU.
# - :doc:`/finite-width`: formulas that need no samples.
