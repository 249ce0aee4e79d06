"""Measures of rank against depth, at infinite width: what falls, and the threshold rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from rmt_rank.paper.figures.style import DOUBLE, depth_colours, ink

__all__ = ["SIZE", "draw"]

SIZE = (DOUBLE, 2.8)
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
# Heights at which falling lines are named.
_NAMED = (0.75, 0.85, 0.65)
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
        left.loglog(depths, values, color=f"C{i}", linestyle=_DASHES[i % len(_DASHES)], label=label)
    left.set(title="These fall with depth", ylabel="measure / width", ylim=(None, 1.2))
    left.legend(loc="lower left")
    colours = depth_colours(len(thresholds))
    for i, (threshold, share, colour) in enumerate(zip(thresholds, shares, colours, strict=True)):
        right.semilogx(depths, share, color=colour)
        # below the peak, or beside the line on its way down: the first on its right
        risen = threshold > 1
        at = int(np.argmax(share) if risen else np.argmax(share < _NAMED[i % len(_NAMED)]))
        right.annotate(
            f"t = {threshold:g}",
            (depths[at], share[at]),
            (0, -4) if risen else (4, 0) if i == 0 else (-4, -3),
            textcoords="offset points",
            ha="center" if risen else "left" if i == 0 else "right",
            va="top" if risen else "center",
            fontsize=7,
        )
    right.plot(*np.transpose(peaks), "o", color=ink(), markersize=3)
    right.set(title="Threshold rank at τ = t/width: only for t ≤ 1", ylim=(0, 1))
    right.set_ylabel("share of singular values above")
    for axes in (left, right):
        axes.set(xlabel="depth", xlim=(depths[0], depths[-1]))
