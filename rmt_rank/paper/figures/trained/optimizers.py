"""Figure 4: the rank that seven optimizers converge to, over depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import depth_axis, key, points, reference_line
from rmt_rank.paper.figures.style import ground, ink

__all__ = ["FIGURE", "draw"]

_COLUMNS = 4
_NAMES = {
    "gradient_descent": "gradient descent",
    "momentum": "momentum",
    "nesterov": "Nesterov",
    "adam": "Adam",
    "lbfgs": "L-BFGS",
    "cma_es": "CMA-ES",
    "random_search": "random search",
}
_COLOUR = "C0"


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each optimizer, and the legend in the panel after the last.

    The experiment has one task rank.
    """
    dataset = dataset.squeeze("task_rank")
    names = dataset.optimizer.values.tolist()
    other = dataset.sel(optimizer="gradient_descent")
    for i, (panel, name) in enumerate(zip(axes.flat, names, strict=False)):
        part = dataset.sel(optimizer=name)
        if name != "gradient_descent":
            panel.plot(other.depth, _median(other), color="0.6", linewidth=1, zorder=1)
        _runs(panel, part.dropna("depth", how="all", subset=["loss"]))
        reference_line(panel, dataset.minimal_gram_rank, linestyle="--")
        depth_axis(
            panel, dataset.depth.values.tolist(), "depth" if i + _COLUMNS >= len(names) else ""
        )
        panel.tick_params(labelbottom=True)
        panel.set_title(_NAMES[name])
        if i % _COLUMNS == 0:
            panel.set_ylabel("effective rank of the\nGram matrix, nats")
    for panel in axes.flat[len(names) :]:
        panel.axis("off")
    axes.flat[-1].legend(
        handles=_keys(), title=f"task rank {int(dataset.task_rank)}", loc="center", fontsize="small"
    )


def _runs(axes: Axes, part: Any) -> None:
    """Draw every run, and a line through the medians of those that converged, if any did."""
    axes.plot(part.depth, part.initial_gram_rank.median("repeat"), ":", color=ink(), linewidth=1)
    axes.plot(part.depth, _median(part), color=_COLOUR)
    depths, ranks = np.broadcast_arrays(part.depth, part.gram_rank.transpose("repeat", "depth"))
    converged = (part.converged == 1).transpose("repeat", "depth").values
    points(axes, np.ravel(depths), np.ravel(ranks), np.ravel(converged), color=_COLOUR, marker="o")


def _median(part: Any) -> Any:
    good = part.converged == 1
    return part.gram_rank.where(good | ~good.any("repeat")).median("repeat")


def _keys() -> list[Any]:
    dot = {"color": _COLOUR, "marker": "o", "markersize": 5}
    return [
        key("a run that converged", linestyle="", **dot),
        key("one that did not", linestyle="", markerfacecolor=ground(), **dot),
        key("median", color=_COLOUR),
        key("gradient descent", color="0.6", linewidth=1),
        key("at initialisation", linestyle=":", linewidth=1),
        key("least norm W* P", linestyle="--", linewidth=1),
    ]


FIGURE = PaperFigure(
    name="optimizers",
    title="Rank of the Gram matrix that seven optimizers converge to, over depth",
    aliases=("fig4", "captions:fig3"),
    experiment="optimizers",
    draw=draw,
    panels=lambda dataset: (dataset.optimizer.size // _COLUMNS + 1, _COLUMNS),
    panel_size=(2.4, 2.3),
    sharex="all",
    sharey="all",
)
