"""The three regimes: the mean effective rank at one width over all depths, and each formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

__all__ = ["SIZE", "draw"]

SIZE = (9.6, 4.2)
_LOOKS = {
    "limit": ("tab:blue", "--"),
    "corrected": ("tab:orange", "-"),
    "independent logs": ("tab:green", "-."),
    "typical spectrum": ("tab:purple", ":"),
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
        colour, line = _LOOKS[name]
        seen = np.where(values > 0, values, np.nan)
        left.plot(depths, seen, line, color=colour, label=name)
        right.plot(depths, np.abs(values - mean) / mean, line, color=colour, label=name)
    left.errorbar(depths, mean, 2 * error, fmt="ko", markersize=4, label="Monte Carlo")
    right.plot(depths, error / mean, "k.", label="standard error")
    for axes in (left, right):
        for edge in (width / 4, 4 * width):
            axes.axvline(edge, color="0.6", linewidth=1)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("depth")
    for place, name in ((1.1, "wide"), (0.27 * width, "proportional"), (4.3 * width, "deep")):
        left.annotate(name, (place, 1.02), xycoords=("data", "axes fraction"), fontsize=9)
    left.set_ylabel("mean effective rank, nats")
    right.set_ylabel("relative error")
    right.set_ylim(1e-5, 30)
    left.set_ylim(mean.min() / 10, 2 * mean.max())
    left.legend(loc="lower left")
