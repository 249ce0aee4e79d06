"""Figure 4: the rank that seven optimizers converge to, over depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import (
    depth_axis,
    key,
    legend_below,
    points,
    reference_line,
)
from rmt_rank.paper.figures.style import SINGLE, ground, ink, markers

__all__ = ["FIGURE", "draw"]

_NAMES = {
    "gradient_descent": "gradient descent",
    "momentum": "momentum",
    "nesterov": "Nesterov",
    "adam": "Adam",
    "lbfgs": "L-BFGS",
    "cma_es": "CMA-ES",
    "random_search": "random search",
}
# Octaves of depth from an optimizer's points to the next one's, where they would hide each other.
_SHIFT = 0.09


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw the runs of all optimizers in one panel, beside one another, and their medians."""
    dataset = dataset.squeeze("task_rank")
    panel, names = axes[0, 0], dataset.optimizer.values.tolist()
    shifts = 2 ** (_SHIFT * (np.arange(len(names)) - (len(names) - 1) / 2))
    looks = [
        {"color": f"C{i}", "marker": marker, "markersize": 3}
        for i, marker in enumerate(markers(len(names)))
    ]
    for name, shift, look in zip(names, shifts, looks, strict=True):
        part = dataset.sel(optimizer=name).dropna("depth", how="all", subset=["loss"])
        _runs(panel, part, shift, look)
    # all begin from the same weights
    first = dataset.initial_gram_rank.isel(optimizer=0).median("repeat")
    panel.plot(dataset.depth, first, ":", color=ink(), linewidth=1)
    reference_line(panel, dataset.minimal_gram_rank, linestyle="--")
    depth_axis(panel, dataset.depth.values.tolist())
    panel.set_ylabel("rank of the Gram matrix (nats)")
    entries = [key(_NAMES[name], **look) for name, look in zip(names, looks, strict=True)]
    hollow = {"marker": "o", "linestyle": "", "markersize": 3, "markerfacecolor": ground()}
    entries += [
        key("hollow: not converged", **hollow),
        key("at initialisation", linestyle=":", linewidth=1),
        key("least norm W* P", linestyle="--", linewidth=1),
    ]
    legend_below(panel, entries, 2)


def _runs(axes: Axes, part: Any, shift: float, look: dict[str, Any]) -> None:
    """Draw every run, and a line through the medians of those that converged, if any did."""
    axes.plot(part.depth * shift, _median(part), color=look["color"], linewidth=0.8)
    depths, ranks = np.broadcast_arrays(part.depth, part.gram_rank.transpose("repeat", "depth"))
    converged = (part.converged == 1).transpose("repeat", "depth").values
    small = {**look, "markeredgewidth": 0.6}
    points(axes, np.ravel(depths * shift), np.ravel(ranks), np.ravel(converged), **small)


def _median(part: Any) -> Any:
    good = part.converged == 1
    return part.gram_rank.where(good | ~good.any("repeat")).median("repeat")


FIGURE = PaperFigure(
    name="optimizers",
    title="Rank of the Gram matrix that seven optimizers converge to, over depth",
    aliases=("fig4", "captions:fig3"),
    experiment="optimizers",
    draw=draw,
    caption="Effective rank of the Gram matrix of networks of width {width}, trained on {examples} "
    "examples of task rank {task_ranks}: {repeats} runs of each optimizer, side by side at "
    "each depth, and medians of those that converged (mean squared error below "
    "{tolerance_others}, of CMA-ES below {tolerance_cma_es}); of all where none did. CMA-ES"
    " was run up to depth {deepest_cma_es} only. Random search is the best of "
    "{steps_random_search} draws.",
    width=SINGLE,
    row_height=3.6,
)
