"""The three regimes: the mean effective rank at one width over all depths, and each formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from rmt_rank.paper.figures.style import DOUBLE

__all__ = ["SIZE", "draw"]

SIZE = (DOUBLE, 2.7)
_LOOKS = {
    "limit": ("C0", "--"),
    "corrected": ("C1", "-"),
    "independent logs": ("C2", "-."),
    "typical spectrum": ("C3", ":"),
}


def draw(
    width: int,
    depths: Sequence[int],
    mean: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    formulas: Mapping[str, npt.NDArray[np.float64]],
    figure: Figure,
) -> None:
    """Draw the mean and the formulas on the left, the formulas' errors on the right.

    Parameters
    ----------
    width : int
        Side of the matrices.
    depths : sequence of int, length k
        Increasing.
    mean, error : ndarray, shape (k,)
        Mean effective rank in nats by Monte Carlo, and its standard error.
    formulas : mapping of str to ndarray, shape (k,)
        "limit", "corrected", "independent logs" and "typical spectrum".
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    left, right = figure.subplots(1, 2, sharex=True)
    for name, values in formulas.items():
        colour, dash = _LOOKS[name]
        seen = np.where(values > 0, values, np.nan)
        left.plot(depths, seen, dash, color=colour)
        right.plot(depths, np.abs(values - mean) / mean, dash, color=colour, label=name)
    left.errorbar(depths, mean, 2 * error, fmt="ko", markersize=3, elinewidth=0.8)
    right.plot(depths, error / mean, "k.", markersize=4, label="standard error of the simulation")
    left.plot([], [], "ko", markersize=3, label="simulation")
    for axes in (left, right):
        for edge in (width / 4, 4 * width):
            axes.axvline(edge, color="0.6", linewidth=0.8, zorder=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(f"depth (width {width})")
        for place, name in ((1, "wide"), (0.27 * width, "proportional"), (4.3 * width, "deep")):
            axes.annotate(name, (place, 1.02), xycoords=("data", "axes fraction"), fontsize=7)
    left.set_ylabel("mean effective rank (nats)")
    right.set_ylabel("relative error")
    right.set_ylim(1e-5, 30)
    left.set_ylim(mean.min() / 10, 2 * mean.max())
    handles = [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
