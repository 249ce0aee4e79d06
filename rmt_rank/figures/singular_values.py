"""Figure 7 of the paper again: histograms of singular values over the density of Eq. 5."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from rmt_rank.figures.style import depth_colours
from rmt_rank.simulation.chain_statistics import ChainStatistics
from rmt_rank.theory.fuss_catalan import singular_value_law

__all__ = ["SIZE", "draw"]

SIZE = (9.0, 4.6)
_DEPTHS = (1, 2, 4, 8)


def draw(chains: Sequence[ChainStatistics], figure: Figure) -> None:
    """Draw a row of panels per width and a panel per depth 1, 2, 4 and 8.

    Parameters
    ----------
    chains : sequence of ChainStatistics
        Monte Carlo results, one a width, with these depths; may be empty.
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    panels = figure.subplots(max(1, len(chains)), len(_DEPTHS), sharex="col", squeeze=False)
    colours = depth_colours(len(_DEPTHS))
    for i, (row, chain) in enumerate(zip(panels, chains, strict=False)):
        for axes, depth, colour in zip(row, _DEPTHS, colours, strict=True):
            edge = float(singular_value_law.support(depth)[1])
            below = np.concatenate([[0], chain.below[chain.depths.index(depth)], [1]])
            levels = np.concatenate([[0], chain.levels, [1]])
            keep = np.linspace(0, len(levels) - 1, 33).round().astype(int)
            edges = singular_value_law.ppf(levels[keep], depth)
            heights = np.diff(below[keep]) / np.diff(edges)
            axes.stairs(
                heights, edges, fill=True, color=colour, alpha=0.3, linewidth=0, label="Monte Carlo"
            )
            sigma = edge * np.linspace(0, 1, 801)[1:] ** 2
            axes.plot(sigma, singular_value_law.pdf(sigma, depth), color=colour, label="Eq. 5")
            axes.set_ylim(0, 2.0)
            axes.set_xlim(0, edge)
            if i == 0:
                axes.set_title(f"depth {depth}")
            if i == len(chains) - 1:
                axes.set_xlabel("singular value")
        row[0].set_ylabel(f"density, width {chain.width}")
    if chains:
        panels[0][0].legend(loc="upper right")
