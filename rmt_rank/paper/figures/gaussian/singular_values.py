"""Figure 7 of the paper again: histograms of singular values over the density of Eq. 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure, settings_of
from rmt_rank.paper.figures.style import DOUBLE, depth_colours, ink
from rmt_rank.simulation.means.chain_statistics import ChainStatistics
from rmt_rank.theory import gaussian

__all__ = ["FIGURE", "LOGARITHMIC", "SIZE", "draw"]

Array = npt.NDArray[np.float64]

SIZE = (DOUBLE, 2.6)
_DEPTHS = (1, 2, 4, 8)
# Factor by which an axis is longer than the data, for labels.
_ROOM = 30


def draw(chains: Sequence[ChainStatistics], figure: Figure) -> None:
    """Draw a panel per width with depths 1, 2, 4 and 8.

    Parameters
    ----------
    chains : sequence of ChainStatistics
        Monte Carlo results, one per width, with these depths; may be empty.
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    panels = figure.subplots(1, max(1, len(chains)), sharey=True, squeeze=False)
    for axes, chain in zip(panels.flat, chains, strict=False):
        for depth, colour in zip(_DEPTHS, depth_colours(len(_DEPTHS)), strict=True):
            below = np.concatenate([[0], chain.below[chain.depths.index(depth)], [1]])
            levels = np.concatenate([[0], chain.levels, [1]])
            # bins of equal probability; the first, which begins at 0, has no place on the axis
            keep = np.linspace(0, len(levels) - 1, 33).round().astype(int)[1:]
            edges = gaussian.singular_value_law.ppf(levels[keep], depth)
            _histogram(axes, edges, np.diff(below[keep]) / np.diff(edges), depth, colour)
        axes.set_title(f"width {chain.width}, {chain.samples} products")
    _label(panels, log=False)


def _histogram(
    axes: Axes, edges: Array, heights: Array, depth: float, colour: Any, *, log: bool = False
) -> None:
    """Steps of Monte Carlo and the law as a line, with a label, over a logarithmic axis.

    With `log` the density is that of the logarithm; else its axis is logarithmic, too.
    """
    seen = np.where(heights > 0, heights, np.nan)
    axes.stairs(seen, edges, color=colour, linewidth=1.4, baseline=None)
    sigma = np.geomspace(edges[0], float(gaussian.singular_value_law.support(depth)[1]), 801)[:-1]
    density = gaussian.singular_value_law.pdf(sigma, depth) * (sigma if log else 1)
    axes.plot(sigma, density, color=ink(), linewidth=0.6)
    axes.set_xscale("log")
    if not log:
        axes.set_yscale("log")
    # right of the peak, or left of the beginning, where nothing else is
    peak = int(density.argmax())
    axes.annotate(
        f"depth {depth:g}",
        (sigma[-1] if log else sigma[0], density[peak]),
        (3 if log else -3, 0),
        textcoords="offset points",
        ha="left" if log else "right",
        va="top" if log else "center",
        fontsize=7,
    )


def _label(panels: AxesArray, log: bool) -> None:
    for axes in panels.flat:
        axes.set_xlabel("singular value σ")
        # room for the labels
        low, high = axes.get_xlim()
        axes.set_xlim((low, high * _ROOM) if log else (low / _ROOM, high))
        if log:
            axes.set_ylim(bottom=0)
    panels[0, 0].set_ylabel("density of log σ" if log else "density of σ")


def _draw(dataset: Any, axes: AxesArray, log: bool) -> None:
    depths, widths = dataset.depth.values.tolist(), dataset.width.values.tolist()
    draws = settings_of(dataset)["draws"]
    for panel, width in zip(axes.flat, widths, strict=True):
        for depth, colour in zip(depths, depth_colours(len(depths)), strict=True):
            part = dataset.sel(width=width, depth=depth)
            edges, heights = part.log_edges.values, part.log_density.values
            if not log:
                heights = heights * np.diff(edges) / np.diff(np.exp(edges))
            _histogram(panel, np.exp(edges), heights, depth, colour, log=log)
        panel.set_title(f"width {width}, {draws[str(width)]} products")
    _label(axes, log)


def _linear(dataset: Any, axes: AxesArray) -> None:
    _draw(dataset, axes, log=False)


def _logarithmic(dataset: Any, axes: AxesArray) -> None:
    _draw(dataset, axes, log=True)


def _panels(dataset: Any) -> tuple[int, int]:
    return 1, dataset.width.size


_CAPTION = (
    "Steps: histograms of all singular values of random products, at depths {depths}. Lines: the "
    "limit at infinite width, Eq. 5. "
)

FIGURE = PaperFigure(
    name="singular-values",
    title="Singular values of random products against Eq. 5",
    aliases=("fig7", "captions:fig6"),
    experiment="singular-values",
    draw=_linear,
    caption=_CAPTION
    + "Bins of equal width in log σ, from the law's quantile 0.01 on; empty ones are left "
    "out.",
    panels=_panels,
    row_height=2.4,
    sharey="all",
)

LOGARITHMIC = PaperFigure(
    name="singular-values-log",
    title="The same over the logarithm, where small singular values are seen",
    aliases=(),
    experiment="singular-values",
    draw=_logarithmic,
    caption=_CAPTION
    + "Density of the logarithm, so that areas are probabilities, from the law's quantile "
    "0.01 on.",
    panels=_panels,
    row_height=2.4,
    sharey="all",
)
