"""Figure 1: densities of the rank of Gram matrices at initialisation, a curve for each depth."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rmt_rank.paper.figures.density import (
    best_window,
    density_grid,
    kernel_density,
    smoothed_density,
)
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import key, legend_below, swatch
from rmt_rank.paper.figures.style import depth_colours, ground, ink

__all__ = ["FIGURE", "draw"]

Array = npt.NDArray[np.float64]

# Markers, one per depth; triangles are reserved for theory.
_SHAPES = "osDXP*ph"

# Medians of all depths within this share of the axis look like one.
_ALIKE = 0.01

# Distance above the largest rank, log of the width, of the markers of ranks beyond it.
_EDGE = 1.03


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a row of panels for each activation and a column for each law of weights."""
    depths = dataset.depth.values.tolist()
    looks = {
        depth: {"color": colour, "marker": marker, "markersize": 5}
        for depth, colour, marker in zip(
            depths, depth_colours(len(depths)), itertools.cycle(_SHAPES), strict=False
        )
    }
    end = _EDGE * _largest(dataset)
    for row, name in zip(axes, dataset.activation.values.tolist(), strict=True):
        for panel, law in zip(row, dataset.law.values.tolist(), strict=True):
            part = dataset.sel(activation=name, law=law)
            for depth in depths:
                _density(panel, part.sel(depth=depth)["rank"].values, looks[depth])
                _theory(panel, part.sel(depth=depth), end, looks[depth]["color"])
            panel.axvline(float(part.input_rank), color=ink(), linewidth=0.8, linestyle="--")
            panel.set_title(f"{name}, {law} weights")
            panel.set_xlim(0, end)
            medians = part["rank"].median("repeat")
            if len(depths) > 1 and float(medians.max() - medians.min()) < _ALIKE * end:
                place, across = float(medians.min()) - 0.03 * end, panel.get_xaxis_transform()
                panel.text(place, 0.5, "all depths", transform=across, ha="right")
        row[0].set_ylim(bottom=0)
        row[0].set_ylabel("density, per nat")
    for panel in axes[-1]:
        panel.set_xlabel("effective rank of the Gram matrix, nats")
    _subtitle(axes[0, 0], dataset)
    legend_below(
        axes[0, 0],
        [
            *(key(f"depth {depth}", **look) for depth, look in looks.items()),
            swatch("by normal kernels", alpha=0.25),
            key("theory, if depth ≤ width/10", marker="^", linestyle=""),
            key("the inputs", linestyle="--", linewidth=0.8),
            key(
                "infinite width (▷ beyond; marks\nof one rank hide each other)",
                marker="v",
                linestyle="",
                markerfacecolor=ground(),
            ),
        ],
        4,
    )


def _subtitle(axes: Axes, dataset: Any) -> None:
    """Title over all panels: size and number of the networks."""
    figure, settings = axes.get_figure(root=True), json.loads(dataset.attrs["settings"])
    if figure is not None:
        figure.suptitle(
            f"Width {settings['width']}, {settings['samples']} inputs, "
            f"{dataset.repeat.size} networks per curve",
            fontsize="medium",
        )


def _largest(dataset: Any) -> float:
    """The largest rank on the axis, from the samples, the inputs and theory."""
    names = ("rank", "input_rank", "predicted_mean")
    return max(float(np.nanmax(dataset[name].values)) for name in names)


def _density(axes: Axes, ranks: Any, look: dict[str, Any]) -> None:
    """The curve of a depth, with its marker on top."""
    samples = ranks.astype(np.float64)
    if np.unique(samples).size < 2:
        return
    grid, curve, check = _curves(samples)
    axes.fill_between(grid, check, color=look["color"], alpha=0.25, linewidth=0)
    axes.plot(grid, curve, markevery=[int(curve.argmax())], **look)


def _curves(samples: Array) -> tuple[Array, Array, Array]:
    """Grid, the paper's density and that by kernels; what they smear below 0 is folded back."""
    grid = density_grid(samples)
    low = grid[0] < 0
    if low:
        grid = np.linspace(-grid[-1], grid[-1], 2 * grid.size - 1)
    curve = smoothed_density(samples, grid, best_window(samples, grid))
    check = kernel_density(samples, grid)
    if low:
        middle = grid.size // 2
        grid = grid[middle:]
        curve, check = (each[middle:] + each[middle::-1] for each in (curve, check))
    return grid, curve, check


def _theory(axes: Axes, part: Any, end: float, colour: Any) -> None:
    """The mean in theory below the axis, and infinite width above the panel."""
    small: dict[str, Any] = {"linestyle": "", "markersize": 4.5, "clip_on": False}
    predicted, infinite = float(part.predicted_mean), float(part.infinite_width)
    place = axes.get_xaxis_transform()
    if math.isfinite(predicted):
        axes.plot([predicted], [-0.05], marker="^", color=colour, transform=place, **small)
    inside = infinite <= end
    axes.plot(
        [min(infinite, end)],
        [1.0],
        marker="v" if inside else ">",
        color=colour if inside else ink(),
        transform=place,
        markerfacecolor=ground(),
        **small,
    )


FIGURE = PaperFigure(
    name="init-pdf",
    title="Distribution of the rank of Gram matrices at initialisation",
    aliases=("fig1", "captions:fig1"),
    experiment="init-pdf",
    draw=draw,
    panels=lambda dataset: (dataset.activation.size, dataset.law.size),
    panel_size=(3.5, 1.9),
    sharex="all",
    sharey="row",
)
