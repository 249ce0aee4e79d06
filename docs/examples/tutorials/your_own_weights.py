"""
Your own weights against chance
===============================

The effective rank of a trained layer says little by itself: a random matrix does not have full effective
rank either. This tutorial trains a small network on handwritten digits, compares its layers with random
matrices of the same shape, and shows where a difference sits. With a model of your own, start at
`Comparison`_. You need scikit-learn for the digits (``pip install ".[data,study]"``).

A network to look at
--------------------

The digits have 64 pixels. The network has two hidden layers, and a rectifier after each:
"""

import matplotlib.pyplot as plt
import numpy as np

import rmt_rank as rr
from rmt_rank.data import load_digits

digits = load_digits().subset(800, rng=0).standardised()
x, y = digits.inputs, digits.one_hot
problem = rr.networks.LeastSquaresProblem(x[:600], y[:600], x[600:], y[600:])
network = rr.networks.NonlinearNetwork(
    (64, 128, 64, 10), "relu", criterion="cross-entropy"
)
result = rr.networks.train(
    problem,
    network,
    optimizer="adam",
    learning_rate=0.003,
    scale=0.5,  # small initial weights, in which training leaves a clear trace
    tolerance=1e-3,
    record=10,
    rng=1,
)
print(f"test accuracy {result.dataset.final_test_accuracy.item():.2f}")

# %%
# ``result.weights`` has the three trained matrices, with an axis for learning rates and one for seeds.
# Here each of these axes has the length one:

trained = {f"layer {i}": w[0, 0] for i, w in enumerate(result.weights, 1)}
initial = {
    f"layer {i}": w[0, 0] for i, w in enumerate(result.initial_weights, 1)
}
{name: weight.shape for name, weight in trained.items()}

# %%
# Comparison
# ----------
#
# `rmt_rank.inspect` takes such a mapping of names to arrays, a PyTorch module, or the path of a
# file. It compares each matrix with Gaussian matrices of its shape, and with its own entries in random order:

found = rr.inspect(trained)
found

# %%
# The *deficit* is the mean effective rank of the null model less that of the matrix, in nats. A deficit
# :math:`d` means a fraction :math:`e^{-d}` of the dimensions that chance gives; the interval contains
# the difference to 95 % of the null model's matrices. All numbers are in ``found.rows()`` and ``found.to_pandas()``.
#
# Was it training?
# ----------------
#
# A deficit does not say that training caused it. The initial weights do:

before = rr.inspect(initial)
fig, ax = plt.subplots()
names = list(trained)
for inspection, label, marker in (
    (before, "before training", "o"),
    (found, "after training", "s"),
):
    rows = [row for row in inspection.rows() if row["null"] == "gaussian"]
    deficit = np.array([row["deficit"] for row in rows])
    half = np.array([row["deficit"] - row["low"] for row in rows])
    ax.errorbar(
        deficit, np.arange(len(rows)), xerr=half, fmt=marker, label=label
    )
ax.axvline(0, color="0.6", linewidth=0.8)
ax.set_yticks(np.arange(len(names)), names)
ax.invert_yaxis()
ax.set(
    xlabel="deficit against Gaussian matrices (nats)",
    ylabel="layer",
    title="Rank that chance has and the layer lacks",
)
ax.legend()
plt.show()

# %%
# The initial layers are typical random matrices. After training, the rank of the first two layers is clearly
# lower than chance; that of the last one, which has only ten rows, is not.
#
# Where the deficit sits
# ----------------------
#
# A lower rank may come from a few large singular values, from the shape of the rest, or from a tail. The law of
# Marchenko and Pastur, here `rmt_rank.rectangular_law`, is what independent entries would give:

weight = trained["layer 2"]
rows, columns = weight.shape
scale = np.sqrt(np.mean(weight**2) * min(rows, columns))
law = rr.rectangular_law([columns, rows])
sigma = np.linalg.svd(weight, compute_uv=False) / scale
grid = np.linspace(*law.support(), 300)[1:-1]
fig, ax = plt.subplots()
ax.hist(sigma, bins=30, density=True, alpha=0.5, label="trained layer 2")
ax.plot(grid, law.pdf(grid), "k", label="independent entries")
ax.set(xlabel="singular value (scaled)", ylabel="density")
ax.legend()
plt.show()

# %%
# ``inspect`` says the same in one word for each matrix, and counts the singular values beyond the edge:

for report in found.matrices:
    print(f"{report.name}: {report.where}, {report.spikes} beyond the edge")

# %%
# Read next
# ---------
#
# - :doc:`/inspect`: files of trained models, other null models, and what may and may not be concluded.
# - :doc:`/how-to/measure`: other measures of rank. :doc:`/how-to/peft`: ranks for adapters.
# - :doc:`watching_training`: the rank during training.
