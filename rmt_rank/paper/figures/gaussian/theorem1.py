"""Theorem 1 in one picture: the law of the singular values, and the effective rank, by depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmt_rank.paper.figures.style import DOUBLE, depth_colours, ink, markers
from rmt_rank.simulation.means.chain_statistics import ChainStatistics
from rmt_rank.theory import gaussian
from rmt_rank.theory.finite_width.corrections import (
    LARGEST_DEPTH_PER_WIDTH,
    finite_width_correction,
)
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["SIZE", "draw"]

SIZE = (DOUBLE, 3.6)


def draw(chains: Sequence[ChainStatistics], depths: Sequence[float], figure: Figure) -> None:
    """Draw densities with histograms, and the effective rank against depth.

    Parameters
    ----------
    chains : sequence of ChainStatistics
        Monte Carlo results, one per width; may be empty.
    depths : sequence of float
        Depths whose densities are drawn.
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    grid = figure.add_gridspec(2, 2, height_ratios=(3, 2))
    _densities(chains, depths, figure.add_subplot(grid[:, 0]))
    rank = figure.add_subplot(grid[0, 1])
    _ranks(chains, depths, rank)
    _differences(chains, figure.add_subplot(grid[1, 1], sharex=rank))
    rank.tick_params(labelbottom=False)


def _densities(chains: Sequence[ChainStatistics], depths: Sequence[float], axes: Axes) -> None:
    chain = max(chains, key=lambda c: c.width * c.samples, default=None)
    for depth, colour in zip(depths, depth_colours(len(depths)), strict=True):
        edge = float(gaussian.singular_value_law.support(depth)[1])
        sigma = edge * np.linspace(0, 1, 801)[1:] ** 2
        axes.plot(
            sigma,
            gaussian.singular_value_law.pdf(sigma, depth),
            color=colour,
            label=f"{depth:g}",
        )
        if chain is None or depth not in chain.depths:
            continue
        # bins of equal probability under the law, at least one level of the spectrum wide
        below = np.concatenate([[0], chain.below[chain.depths.index(int(depth))], [1]])
        levels = np.concatenate([[0], chain.levels, [1]])
        bins = min(32, chain.width)
        keep = np.linspace(0, len(levels) - 1, bins + 1).round().astype(int)
        edges = gaussian.singular_value_law.ppf(levels[keep], depth)
        heights = np.diff(below[keep]) / np.diff(edges)
        axes.stairs(heights, edges, color=colour, linewidth=0.8, baseline=None)
    title = "Density: Eq. 5"
    if chain is not None:
        title += f" (lines), {chain.samples} products of width {chain.width} (steps)"
    largest = max(float(gaussian.singular_value_law.support(depth)[1]) for depth in depths)
    axes.set(xlim=(0, 1.02 * largest), ylim=(0, 1.2), xlabel="singular value σ", title=title)
    axes.legend(title="depth", ncols=2)


def _ranks(chains: Sequence[ChainStatistics], depths: Sequence[float], axes: Axes) -> None:
    deepest = max([*depths, *(depth for chain in chains for depth in chain.depths)])
    grid = np.linspace(0, deepest * 1.03, 400)
    axes.plot(grid, differential_effective_rank(grid), color=ink(), label="ρ, width ∞")
    for i, (chain, shape) in enumerate(zip(chains, markers(len(chains)), strict=True)):
        axes.plot(
            chain.depths,
            chain.rank - math.log(chain.width),
            linestyle="",
            marker=shape,
            markerfacecolor="none",
            color=f"C{i}",
            label=f"width {chain.width}",
        )
    axes.set(
        xlim=(0, deepest * 1.04),
        ylabel="nats",
        title="Mean effective rank − log width",
    )
    axes.legend()


def _differences(chains: Sequence[ChainStatistics], axes: Axes) -> None:
    axes.axhline(0, color=ink(), linewidth=1)
    for i, (chain, shape) in enumerate(zip(chains, markers(len(chains)), strict=True)):
        limit = math.log(chain.width) + differential_effective_rank(chain.depths)
        axes.errorbar(
            chain.depths,
            chain.rank - limit,
            yerr=2 * chain.rank_error,
            fmt=shape,
            markersize=3.5,
            markerfacecolor="none",
            color=f"C{i}",
            linewidth=1,
            capsize=2,
        )
        inside = [L for L in chain.depths if LARGEST_DEPTH_PER_WIDTH * chain.width >= L]
        corrections = [finite_width_correction(chain.width, L, chain.field).value for L in inside]
        axes.plot(inside, corrections, color=f"C{i}", linewidth=0.8, linestyle="--")
    axes.set(
        xlabel="depth (number of factors)",
        ylabel="nats",
        title="the same − ρ (bars: 2 s.e.; dashed: known correction)",
    )
