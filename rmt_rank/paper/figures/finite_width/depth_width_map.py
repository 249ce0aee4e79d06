"""The depth-width map: the share of its width that a network uses, and where formulas hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from contourpy import LineType, contour_generator
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.style import SINGLE

__all__ = ["FIGURE"]

Array = npt.NDArray[np.float64]

# Contours of the errors of formulas, by dash and words.
_CONTOURS = {"limit": ("--", "limit within 1 %"), "corrected": ("-", "corrected within 1 %")}

# Widths and depths of the products in the paper's Figure 7.
_PAPER = [(width, depth) for width in (32, 256) for depth in (1, 2, 4, 8)]


# White lines and letters have a dark edge, to be seen on light colours, too.
_EDGE = [withStroke(linewidth=2, foreground="0.2")]
# From a line to its words, in octaves.
_BESIDE = 0.25

# Logarithm of the error that counts as small.
_ONE_PERCENT = -2.0


def _boundary(axes: Axes, line: Array, dash: str, words: str) -> None:
    """A line, from the left or from below, and words along its middle, to the right of it."""
    line = line if line[0, 1] < line[-1, 1] else line[::-1]
    axes.plot(*line.T, dash, color="w", path_effects=_EDGE)
    at = len(line) // 2
    along = line[min(at + 1, len(line) - 1)] - line[at - 1]
    axes.text(
        line[at, 0] + _BESIDE,
        line[at, 1] - _BESIDE,
        words,
        color="w",
        path_effects=_EDGE,
        rotation=np.degrees(np.arctan2(along[1], along[0])),
        rotation_mode="anchor",
        transform_rotates_text=True,
        ha="center",
        va="top",
        fontsize=7,
    )


def _draw(dataset: Any, axes: AxesArray) -> None:
    (panel,) = axes.ravel()
    dataset = dataset.transpose("depth", "width")
    widths, depths = dataset.width.values, dataset.depth.values
    x, y = np.log2(widths), np.log2(depths)
    share = dataset.share.values
    image = panel.pcolormesh(
        x,
        y,
        share,
        norm=LogNorm(vmin=share.min(), vmax=1),
        shading="gouraud",
        rasterized=True,
    )
    bar = panel.figure.colorbar(
        image,
        ax=panel,
        label="effective rank / width",
        ticks=LogLocator(subs=(1, 2, 5)),
        format="{x:g}",
    )
    bar.minorticks_off()
    for name, (dash, words) in _CONTOURS.items():
        # contours of a logarithm are straight where errors are powers
        error = np.log10(np.maximum(dataset[f"{name}_error"].values, 1e-8))
        pieces = contour_generator(x, y, error, line_type=LineType.Separate).lines(_ONE_PERCENT)
        if pieces:
            _boundary(panel, max(map(np.asarray, pieces), key=len), dash, words)
    paper = [p for p in _PAPER if p[0] in widths and p[1] in depths]
    if paper:
        panel.plot(*np.log2(paper).T, "o", color="k", markerfacecolor="w", clip_on=False)
    panel.set_xticks(x[::2], [str(width) for width in widths[::2]])
    panel.set_yticks(y, [str(depth) for depth in depths])
    panel.set_xlim(x[0], x[-1])
    panel.set_ylim(y[0], y[-1])
    panel.set_xlabel("width")
    panel.set_ylabel("depth")


FIGURE = PaperFigure(
    name="depth-width-map",
    title="Effective rank over width, at widths and depths; circles: the products of Figure 7",
    aliases=(),
    experiment="depth-width-map",
    draw=_draw,
    caption="Share of the width that products of random matrices use, computed at the ticks, to a "
    "standard error of {target_error} nats or better; colours between them are linear in "
    "both logarithms. Right of the lines a formula is within 1 % of the effective rank: the"
    " limit of infinite width (dashed), and that with corrections for the width (solid); "
    "islands to the left of them, where an error changes sign, are left out. Circles: the "
    "products of Figure 7.",
    width=SINGLE,
    row_height=2.7,
)
