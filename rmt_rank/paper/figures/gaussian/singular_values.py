"""Figure 7 of the paper again: histograms of singular values over the density of Eq. 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.style import depth_colours, ink
from rmt_rank.simulation.means.chain_statistics import ChainStatistics
from rmt_rank.theory.gaussian.fuss_catalan import singular_value_law

__all__ = ["FIGURE", "LOGARITHMIC", "SIZE", "draw"]

Array = npt.NDArray[np.float64]

SIZE = (9.0, 4.6)
_DEPTHS = (1, 2, 4, 8)
_HIGHEST = 2.0


def draw(chains: Sequence[ChainStatistics], figure: Figure) -> None:
    """Draw a row of panels per width and a panel per depth 1, 2, 4 and 8.

    Parameters
    ----------
    chains : sequence of ChainStatistics
        Monte Carlo results, one per width, with these depths; may be empty.
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    panels = figure.subplots(max(1, len(chains)), len(_DEPTHS), sharex="col", squeeze=False)
    colours = depth_colours(len(_DEPTHS))
    for row, chain in zip(panels, chains, strict=False):
        for axes, depth, colour in zip(row, _DEPTHS, colours, strict=True):
            below = np.concatenate([[0], chain.below[chain.depths.index(depth)], [1]])
            levels = np.concatenate([[0], chain.levels, [1]])
            keep = np.linspace(0, len(levels) - 1, 33).round().astype(int)
            edges = singular_value_law.ppf(levels[keep], depth)
            _panel(axes, edges, np.diff(below[keep]) / np.diff(edges), depth, colour)
    if chains:
        _label(panels, [chain.width for chain in chains], _DEPTHS, "density")
        panels[0, 0].legend(loc="upper right")


def _panel(
    axes: Axes, edges: Array, heights: Array, depth: float, colour: Any, *, log: bool = False
) -> None:
    """A histogram and the law."""
    axes.stairs(
        heights, edges, fill=True, color=colour, alpha=0.5, linewidth=0, label="Monte Carlo"
    )
    largest = float(singular_value_law.support(depth)[1])
    if log:
        sigma = np.geomspace(edges[0], largest, 801)
        axes.set_xscale("log")
        axes.set_xlim(edges[0], edges[-1])
    else:
        sigma = largest * np.linspace(0, 1, 801)[1:] ** 2
        axes.set_ylim(0, _HIGHEST)
        axes.set_xlim(0, edges[-1])
        # beyond depth 1 the density has no bound
        if depth > 1 or heights.max() > _HIGHEST:
            axes.text(
                0.08,
                0.98,
                f"↑ cut at {_HIGHEST:g}",
                transform=axes.transAxes,
                va="top",
                fontsize="small",
            )
    density = singular_value_law.pdf(sigma, depth)
    axes.plot(sigma, density * sigma if log else density, color=ink(), linewidth=1, label="Eq. 5")


def _label(panels: AxesArray, widths: Sequence[int], depths: Sequence[int], density: str) -> None:
    for axes, depth in zip(panels[0], depths, strict=True):
        axes.set_title(f"depth {depth}")
    for axes in panels[-1]:
        axes.set_xlabel("singular value")
    for axes, width in zip(panels[:, 0], widths, strict=True):
        axes.set_ylabel(f"{density}, width {width}")


def _draw(dataset: Any, axes: AxesArray, log: bool) -> None:
    depths, widths = dataset.depth.values.tolist(), dataset.width.values.tolist()
    prefix = "log_" if log else ""
    colours = depth_colours(len(depths))
    for row, width in zip(axes, widths, strict=True):
        for panel, depth, colour in zip(row, depths, colours, strict=True):
            part = dataset.sel(width=width, depth=depth)
            edges, heights = part[f"{prefix}edges"].values, part[f"{prefix}density"].values
            _panel(panel, np.exp(edges) if log else edges, heights, depth, colour, log=log)
            panel.text(
                0.04 if log else 0.96,
                0.96 if log else 0.55,
                f"distance {float(part.distance):.4f}\nbound {float(part.bound):.4f}",
                transform=panel.transAxes,
                ha="left" if log else "right",
                va="top",
                fontsize="small",
            )
    _label(axes, widths, depths, r"density of $\log\sigma$" if log else "density")
    axes[0, 0].legend(loc="center left" if log else "upper right")


def _linear(dataset: Any, axes: AxesArray) -> None:
    _draw(dataset, axes, log=False)


def _logarithmic(dataset: Any, axes: AxesArray) -> None:
    _draw(dataset, axes, log=True)


def _panels(dataset: Any) -> tuple[int, int]:
    return dataset.width.size, dataset.depth.size


FIGURE = PaperFigure(
    name="singular-values",
    title="Singular values of random products against Eq. 5",
    aliases=("fig7", "captions:fig6"),
    experiment="singular-values",
    draw=_linear,
    panels=_panels,
    panel_size=(2.4, 2.3),
    sharex="col",
)

LOGARITHMIC = PaperFigure(
    name="singular-values-log",
    title="The same over the logarithm, where small singular values are seen",
    aliases=(),
    experiment="singular-values",
    draw=_logarithmic,
    panels=_panels,
    panel_size=(2.4, 2.3),
    sharex="col",
    sharey="row",
)
