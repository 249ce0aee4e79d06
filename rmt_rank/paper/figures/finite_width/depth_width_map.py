"""The depth-width map: the share of its width that a network uses, and where formulas hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure

__all__ = ["FIGURE"]

# Contours of the errors of formulas, with the side on which errors are smaller.
_CONTOURS = {
    "limit": ("--", "limit: error 1 %, less to the right of it and in its loops"),
    "corrected": ("-", "corrected: error 1 %, less to the right of it"),
}

# Widths and depths of the products in the paper's Figure 7.
_PAPER = [(width, depth) for width in (32, 256) for depth in (1, 2, 4, 8)]


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
        cmap="viridis",
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
    for name, (style, label) in _CONTOURS.items():
        # contours of a logarithm are straight where errors are powers
        error = np.log10(np.maximum(dataset[f"{name}_error"].values, 1e-8))
        if error.min() < -2 < error.max():
            panel.contour(x, y, error, levels=[-2], colors="w", linestyles=style)
        panel.plot([], [], style, color="w", label=label)
    ends = max(x[0], y[0]), min(x[-1], y[-1])
    panel.plot(ends, ends, ":", color="w", linewidth=1, label="depth = width")
    paper = [p for p in _PAPER if p[0] in widths and p[1] in depths]
    if paper:
        panel.plot(
            *np.log2(paper).T,
            "o",
            color="none",
            markeredgecolor="w",
            markersize=6,
            label="Figure 7",
        )
    panel.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        labelcolor="w",
        frameon=True,
        facecolor="0.3",
        framealpha=1,
    )
    panel.set_xticks(x, [str(width) for width in widths])
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
    panel_size=(6.2, 5.8),
)
