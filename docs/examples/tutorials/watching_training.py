"""
Training a deep linear network and watching its rank
====================================================

Deep linear networks express the same functions as shallow ones, and gradient descent finds other solutions
in them. This tutorial trains networks of several depths on the same under-determined least squares
problem and follows their rank. It needs xarray (``pip install ".[study]"``).

A problem with many solutions
-----------------------------

A weight of rank 2 maps 24 features to 24 outputs, and only 12 examples are known. Infinitely many
weights fit them:
"""

import matplotlib.pyplot as plt

import rmt_rank as rr

problem = rr.networks.least_squares_problem(
    24, task_rank=2, examples=12, rng=0
)
problem

# %%
# Training
# --------
#
# An integer is the depth of a plain network. Five networks of each depth, from different initial weights, are
# trained as one batch, each until its loss is at most ``tolerance``:

depths = (1, 2, 4)
rates = {1: 0.3, 2: 0.1, 4: 0.05}
results = {
    depth: rr.networks.train(
        problem,
        depth,
        learning_rate=rates[depth],
        seeds=5,
        tolerance=1e-4,
        record=60,
        rng=1,
    )
    for depth in depths
}
results

# %%
# All of them converged. Networks that did not are reported, because their rank is often too low: compare ranks only
# where ``status`` says ``CONVERGED``.
#
# The rank while the loss falls
# -----------------------------
#
# ``result.dataset`` is an xarray Dataset with what was recorded on the way. The loss falls for every depth, and
# the effective rank of the whole map ends the lower the deeper the network is:

fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.4))
for depth, result in results.items():
    data = result.dataset.isel(learning_rate=0)
    color = f"C{depths.index(depth)}"
    left.plot(data.step, data.loss.T, color=color)
    right.plot(data.step, data.effective_rank.T, color=color)
    left.plot([], color=color, label=f"depth {depth}")
left.set(xscale="symlog", yscale="log", xlabel="step", ylabel="loss")
right.set(xscale="symlog", xlabel="step", ylabel="effective rank (nats)")
left.legend()
plt.show()

# %%
# The singular values
# -------------------
#
# The two directions of the task grow first. What remains of the initial weights, in directions that the data do not
# see, is smaller in a deep network, because it is a product:

fig, panels = plt.subplots(1, len(depths), figsize=(7.5, 3), sharey=True)
for axes, (depth, result) in zip(panels, results.items(), strict=True):
    data = result.dataset.isel(learning_rate=0, seed=0)
    axes.plot(data.step, data.singular_values, color="C0", linewidth=0.8)
    axes.set(xscale="symlog", xlabel="step", title=f"depth {depth}")
panels[0].set(ylabel="singular values", ylim=(0, None))
plt.show()

# %%
# A check
# -------
#
# The end of training is known exactly up to the last layers: in directions that the data do not see, the first
# weight does not move. `rmt_rank.networks.converged_weight_distance` measures how far each network is from
# that identity, next to what the remaining loss allows:

distance = rr.networks.converged_weight_distance(results[4], problem)
distance

# %%
# Read next
# ---------
#
# - :doc:`/training`: problems, optimizers, learning rates, nonlinear networks, saving and resuming.
# - :doc:`/networks`: what training of deep linear networks converges to, and proofs.
# - :doc:`/experiments`: the paper's experiments, with more networks and statistics.
