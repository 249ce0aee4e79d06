"""Measures of rank against depth, at infinite width: what falls, and the threshold rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from rmt_rank.paper.figures.style import depth_colours

__all__ = ["SIZE", "draw"]

SIZE = (9.6, 4.2)
Array = npt.NDArray[np.float64]


def draw(
    depths: Array,
    measures: Mapping[str, Array],
    thresholds: Sequence[float],
    shares: Sequence[Array],
    peaks: Sequence[tuple[float, float]],
    figure: Figure,
) -> None:
    """Draw a panel of measures and one of threshold ranks.

    Parameters
    ----------
    depths : ndarray, shape (k,)
        Depths, increasing.
    measures : mapping of str to ndarray, shape (k,)
        Limits over the width, by label.
    thresholds : sequence of float
        Thresholds over the mean singular value, increasing.
    shares : sequence of ndarray, shape (k,)
        Share of singular values above each threshold.
    peaks : sequence of (float, float)
        Depths and shares to mark.
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    left, right = figure.subplots(1, 2)
    for i, (label, values) in enumerate(measures.items()):
        left.loglog(depths, values, color=f"C{i}", label=label)
    left.set(title="These fall with depth", ylabel="measure / width", ylim=(None, 1.2))
    left.legend(loc="lower left")
    colours = depth_colours(len(thresholds))
    for threshold, share, colour in zip(thresholds, shares, colours, strict=True):
        right.semilogx(depths, share, color=colour, label=f"t = {threshold:g}")
    right.plot(*np.transpose(peaks), "o", color="black", markersize=4, label="peak")
    right.set(title="Threshold rank at τ = t/width: only for t ≤ 1", ylim=(0, 1))
    right.legend(loc="upper right", ncols=2)
    for axes in (left, right):
        axes.set(xlabel="depth", xlim=(depths[0], depths[-1]))
