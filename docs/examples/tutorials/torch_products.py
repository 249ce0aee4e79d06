"""
Over-parameterising a PyTorch model, and collapsing it
======================================================

A layer can be trained as a product of several matrices and used as one: the functions that it can
express are the same, and training tends to those of lower rank. This tutorial does that to a small model. It needs
PyTorch (``pip install ".[torch]"``); where these pages were built without it, the results below are missing.

A model and its products
------------------------

Here is a network for synthetic data: 10 classes in 64 dimensions, with overlap.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import rmt_rank as rr
from rmt_rank.torch import collapse, overparameterize

torch.manual_seed(0)
torch.set_num_threads(1)
centres = torch.randn(10, 64)
labels = torch.arange(300) % 10
inputs = centres[labels] + 1.5 * torch.randn(300, 64)


def make():
    """Return the plain model, from the same initial weights each time."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


model = make()
print(overparameterize(model, depth=3))

# %%
# The model was changed in place. Its class, its methods and its outputs' shape are as before, but each weight is a
# product of three factors, computed when it is used. Create the optimizer afterwards, for the new parameters.
#
# Training, with and without
# --------------------------
#
# The measures of rank take PyTorch's tensors. A training loop of your own can record them as it does the loss:


def train(model, steps=100):
    """Train, and return the effective rank of the middle layer before each tenth step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    ranks = []
    for step in range(steps + 1):
        if step % 10 == 0:
            with torch.no_grad():
                ranks.append(rr.effective_rank(model[2].weight).item())
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.4f}")
    return ranks


plain = make()
histories = {"plain": train(plain), "three factors": train(model)}

# %%

fig, ax = plt.subplots()
for name, ranks in histories.items():
    ax.plot(np.arange(len(ranks)) * 10, ranks, "o-", markersize=4, label=name)
ax.axhline(
    rr.baseline((64, 64)).value,
    color="k",
    linewidth=0.8,
    label="Gaussian matrix",
)
ax.set(
    xlabel="step",
    ylabel="effective rank of the middle layer (nats)",
    ylim=(0, None),
)
ax.legend()
plt.show()

# %%
# The product starts lower, because a product of Gaussian matrices has a lower rank
# (:doc:`rank_of_a_random_network`), and
# it ends lower.
#
# A plain model again
# -------------------
#
# `collapse` multiplies the factors, and restores layers of the original classes:

before = model.eval()(inputs)
report = collapse(model)
print(report)
print(list(model.state_dict()))
print(
    f"largest change of an output: {(model(inputs) - before).abs().max().item():.1e}"
)

# %%
# The singular values of the two middle layers, each divided by its largest:

fig, ax = plt.subplots()
for name, each in {"plain": plain, "three factors": model}.items():
    sigma = torch.linalg.svdvals(each[2].weight.detach())
    ax.plot(np.arange(1, 65), sigma / sigma[0], ".-", label=name)
ax.set(
    yscale="log",
    xlabel="index",
    ylabel="singular value, relative to the largest",
    ylim=(1e-4, 1.5),
)
ax.legend()
plt.show()

# %%
# Read next
# ---------
#
# - :doc:`/torch`: initial values, convolutions, residual factors, weight decay, checkpoints.
# - :doc:`your_own_weights`: whether a layer's rank is lower than chance.
# - :doc:`watching_training`: the same effect without PyTorch, where theory is complete.
