"""Figure 5: the rank from initialisation to convergence, with default and low-rank initial weights.

A depth's path runs from left to right over the epochs, within the depth's place on the axis.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import (
    HOLLOW,
    key,
    legend_below,
    points,
    quartiles,
    reference_line,
)
from rmt_rank.paper.figures.style import TASK, depth_colours, ground, ink

__all__ = ["FIGURE", "draw"]

_TITLES = {
    "normal": "Default initialisation",
    "balanced": "All begin as a product of {as_depth}",
    "marginals": "Weights with that product's entries",
}
# Half the share of the space between depths that a path occupies.
_REACH = 0.33
# Size of the dot at the start of a path.
_DOT = 3.5


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each initialisation."""
    depths, settings = dataset.depth.values.tolist(), json.loads(dataset.attrs["settings"])
    for panel, name in zip(axes.flat, dataset.initialisation.values.tolist(), strict=True):
        part = dataset.sel(initialisation=name)
        for place, colour in enumerate(depth_colours(len(depths))):
            _path(panel, part.isel(depth=place), place, colour)
        for flag, variable, marker, shift in (
            ("converged", "gram_rank", "s", 0),
            ("fitted", "fitted_gram_rank", "D", 0.14),
        ):
            _ends(panel, part, variable, flag, marker=marker, shift=shift)
        reference_line(panel, part.task_gram_rank, color=TASK)
        reference_line(panel, part.minimal_gram_rank, linestyle="--")
        panel.set_xticks(range(len(depths)), [f"{depth}" for depth in depths])
        panel.set_title(_TITLES[name].format(**settings))
        panel.set_xlabel("depth (paths: log epochs)")
    axes[0, 0].set_ylabel("effective rank of the\nGram matrix, nats")
    steps = int(dataset.step.max())
    look: dict[str, Any] = {"linestyle": "", "markersize": 5}
    entries = [
        key("at initialisation", marker="o", **look | {"markersize": _DOT}),
        key(f"path over {steps} epochs, log scale"),
        key(f"after {steps} epochs", marker="s", **look),
        key("at zero training error", marker="D", **look),
        key(f"{HOLLOW} got there", marker="s", markerfacecolor=ground(), **look),
        key("least norm W* P", linestyle="--", linewidth=1),
        key("the task: ρ(K) under W*", color=TASK, linewidth=1),
    ]
    legend_below(axes[0, 0], entries, 4)


def _path(axes: Axes, part: Any, place: int, colour: Any) -> None:
    steps = np.log1p(part.step.values)
    x = place + _REACH * (2 * steps / steps[-1] - 1)
    low, middle, high = part.gram_rank_path.quantile([0.25, 0.5, 0.75], "repeat").values
    axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.plot(x, middle, color=colour)
    axes.plot(
        x[0],
        middle[0],
        "o",
        color=ink(),
        markersize=_DOT,
        zorder=3,
    )


def _ends(axes: Axes, part: Any, variable: str, flag: str, *, marker: str, shift: float) -> None:
    found = quartiles(part, variable, flag)
    for place, colour in enumerate(depth_colours(part.depth.size)):
        at = np.flatnonzero(found.depths == part.depth.values[place])
        # where L-BFGS did not continue, gradient descent is not drawn twice
        if flag == "fitted":
            at = at[found.enough[at]]
        x = np.full(at.size, place + _REACH + shift)
        points(axes, x, found.middle[at], found.enough[at], color=colour, marker=marker, zorder=3)


FIGURE = PaperFigure(
    name="parameterization",
    title="Rank of the Gram matrix from initialisation to convergence, by initial weights",
    aliases=("fig5", "captions:fig4"),
    experiment="parameterization",
    draw=draw,
    panels=lambda dataset: (1, dataset.initialisation.size),
    panel_size=(3.2, 3.2),
    sharex="all",
    sharey="all",
)
