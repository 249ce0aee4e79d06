"""The depth-width map: what share of its width a random network uses, and where formulas hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

__all__ = ["SIZE", "draw"]

SIZE = (7.2, 5.6)
# Widths and depths of the products in the paper's Figure 7.
_PAPER = [(width, depth) for width in (32, 256) for depth in (1, 2, 4, 8)]


def draw(
    widths: Sequence[int],
    depths: Sequence[int],
    share: npt.NDArray[np.float64],
    limit: npt.NDArray[np.float64],
    corrected: npt.NDArray[np.float64],
    figure: Figure,
) -> None:
    """Draw the map.

    Parameters
    ----------
    widths, depths : sequence of int
        Increasing; powers of 2 look best.
    share : ndarray, shape (depths, widths)
        Effective rank exp(E S) over the width.
    limit, corrected : ndarray, shape (depths, widths)
        Relative error of the exponentiated limit of infinite width, and with its corrections.
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    axes = figure.subplots()
    x, y = np.log2(widths), np.log2(depths)
    image = axes.pcolormesh(
        x, y, share, norm=LogNorm(vmin=share.min(), vmax=1), cmap="viridis", shading="gouraud"
    )
    figure.colorbar(image, label="effective rank / width")
    for error, style, label in ((limit, "--", "limit"), (corrected, "-", "corrected")):
        # contours of a logarithm are straight where errors are powers
        lines = axes.contour(
            x, y, np.log10(np.maximum(error, 1e-8)), levels=[-2], colors="w", linestyles=style
        )
        axes.clabel(lines, fmt={-2: f"{label}: 1 %"}, fontsize=9)
    axes.plot(x, x, ":", color="w", linewidth=1)
    axes.annotate("depth = width", (x[4] - 0.1, x[4] - 0.5), color="w", rotation=43, fontsize=9)
    paper = np.log2([place for place in _PAPER if place[0] <= widths[-1]])
    axes.plot(*paper.T, "o", color="none", markeredgecolor="w", markersize=6, label="Figure 7")
    axes.set_xticks(x, [str(width) for width in widths])
    axes.set_yticks(y, [str(depth) for depth in depths])
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    axes.set_xlabel("width")
    axes.set_ylabel("depth")
