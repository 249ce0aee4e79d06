"""Figure 11: the rank on a plane, one layer against two, and over many planes its low volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rmt_rank.paper.experiments.landscapes.landscape import DEEP, SHALLOW
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.style import ink

__all__ = ["FIGURE", "label_lines", "maps_and_volumes"]

# The experiment's names of lines are short.
_WORDS = {
    "one layer, product": "one layer: directions with the law of a product of two",
    "one layer, matched": "one layer: changes as long as those of the two layers",
    "one layer, first order": "one layer: the change of the two layers to first order",
}

_STYLES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))


def maps_and_volumes(
    axes: AxesArray, parts: Sequence[Any], mapped: Sequence[str], names: Sequence[str]
) -> None:
    """A row for each case: maps of networks on one plane, and a panel of shares over all planes.

    All maps have one scale of colours, and iso-lines at the same ranks.

    Parameters
    ----------
    axes : ndarray of Axes, shape (cases, networks mapped + 1)
    parts : sequence of xarray.Dataset
        With dimensions network, alpha, beta and offset, and the coordinate reach.
    mapped : sequence of str
        Networks that are mapped; all have a line.  Thresholds are above the rank of the first at
        the origin, where its map has a bold iso-line.
    names : sequence of str
        Words for the rows.
    """
    ranks = [
        part["rank"].sel(network=list(mapped)).transpose("network", "beta", "alpha")
        for part in parts
    ]
    low, high = min(float(r.min()) for r in ranks), max(float(r.max()) for r in ranks)
    levels = [t for t in MaxNLocator(12).tick_values(low, high) if low < t < high]
    for row, part, planes, name in zip(axes, parts, ranks, names, strict=True):
        places = [float(part.reach) * part[key].values for key in ("alpha", "beta")]
        for panel, plane in zip(row, planes.values, strict=False):
            image = _map(panel, places, plane, (low, high), levels)
        origin = planes.values[0][tuple(n // 2 for n in planes.shape[1:])]
        if planes[0].min() < origin < planes[0].max():
            row[0].contour(*places, planes.values[0], levels=[origin], colors="k", linewidths=1)
        row[0].set_ylabel(f"{name}$\\beta$")
        _volumes(row[-1], part)
    for panel, name in zip(axes[0], mapped, strict=False):
        panel.set_title(name)
    for panel in axes[-1, :-1]:
        panel.set_xlabel("$\\alpha$")
    axes[0, -1].set_title("share of the plane")
    axes[-1, -1].set_xlabel("threshold − rank at\nthe origin (nats)")
    bar = axes[0, 0].figure.colorbar(
        image, ax=axes[:, :-1], location="bottom", aspect=40, shrink=0.9, ticks=levels[::2]
    )
    bar.set_label(f"effective rank (nats), iso-lines every {levels[1] - levels[0]:g}")


def _map(
    axes: Axes,
    places: Sequence[Any],
    plane: Any,
    ends: tuple[float, float],
    levels: Sequence[float],
) -> Any:
    image = axes.pcolormesh(
        *places, plane, vmin=ends[0], vmax=ends[1], shading="nearest", rasterized=True
    )
    inside = [each for each in levels if plane.min() < each < plane.max()]
    if inside:
        axes.contour(*places, plane, levels=inside, colors="w", linewidths=0.5)
    axes.plot(0, 0, "o", color="k", markersize=3.5, markerfacecolor="w", markeredgewidth=0.8)
    axes.set_aspect("equal")
    reach = float(places[0][-1])
    axes.set_xticks([-reach, 0, reach])
    axes.set_yticks([-reach, 0, reach])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    return image


def _volumes(axes: Axes, part: Any) -> None:
    offset = part.offset.values
    for name, style in zip(part.network.values.tolist(), _STYLES, strict=False):
        here = part.sel(network=name)
        (line,) = axes.plot(offset, here.below, linestyle=style, label=name, zorder=3)
        axes.fill_between(
            offset,
            here.below_low,
            here.below_high,
            color=line.get_color(),
            alpha=0.2,
            linewidth=0,
        )
    axes.axvline(0, color=ink(), linewidth=0.8)
    # where lines are between 0 and 1
    moving = np.flatnonzero(((part.below > 0.002) & (part.below < 0.998)).any("network"))
    if moving.size:
        first, last = max(moving[0] - 1, 0), min(moving[-1] + 1, offset.size - 1)
        axes.set_xlim(offset[first], offset[last])
    axes.set_ylim(0, 1)
    axes.locator_params(axis="x", nbins=4)


def label_lines(axes: AxesArray) -> None:
    """One legend below all panels for the lines, which are the same in every row."""
    lines = axes[0, -1].get_lines()[:-1]
    words = [_WORDS.get(line.get_label(), line.get_label()) for line in lines]
    axes[0, 0].figure.legend(lines, words, loc="outside lower center", ncols=2)


def _draw(dataset: Any, axes: AxesArray) -> None:
    reaches = dataset.reach.values.tolist()
    parts = [dataset.sel(reach=reach) for reach in reaches]
    maps_and_volumes(axes, parts, (SHALLOW, DEEP), [""] * len(parts))
    label_lines(axes)


FIGURE = PaperFigure(
    name="landscape",
    title="Rank of the weight on a random plane; right: shares of many planes, mean and quartiles",
    aliases=("fig11", "captions:fig14"),
    experiment="landscape",
    draw=_draw,
    caption="Left: effective rank of products of {width} × {width} matrices on one random plane, "
    "reaches {reaches}; the bold iso-line is that of the origin, the dot. Right: the share "
    "of the plane whose rank is below a threshold, counted from the rank of one layer at "
    "the origin: mean over {planes} planes; bands are quartiles.",
    panels=lambda dataset: (dataset.reach.size, 3),
    row_height=2.2,
    extra_height=1.1,
)
