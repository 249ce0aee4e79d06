"""Figure 11: the rank on a plane, one layer against two, and over many planes its low volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

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


def maps_and_volumes(row: Sequence[Axes], part: Any, mapped: Mapping[str, str]) -> None:
    """Maps of networks on one plane, and a panel of shares over all planes.

    Parameters
    ----------
    row : sequence of Axes
        One more than networks.
    part : xarray.Dataset
        With dimensions network, alpha, beta and offset, and the coordinate reach.
    mapped : mapping of str to str
        Networks that are mapped, and titles of their maps, below which the reach is said; all
        networks have a line.
    """
    *maps, last = row
    reach = float(part.reach)
    ranks = part["rank"].sel(network=list(mapped)).transpose("network", "beta", "alpha")
    low, high = float(ranks.min()), float(ranks.max())
    for axes, (name, title) in zip(maps, mapped.items(), strict=True):
        image = axes.pcolormesh(
            reach * part.alpha.values,
            reach * part.beta.values,
            ranks.sel(network=name).values,
            vmin=low,
            vmax=high,
            shading="nearest",
            rasterized=True,
        )
        axes.plot(0, 0, "+", color="w", markersize=7)
        axes.set_aspect("equal")
        axes.set_xticks([-reach, 0, reach])
        axes.set_yticks([-reach, 0, reach])
        axes.set_title(f"{title}\n$\\alpha$, $\\beta$ up to {reach:g}")
        axes.set_xlabel(r"$\alpha$")
        axes.set_ylabel(r"$\beta$")
    maps[-1].figure.colorbar(image, ax=maps, label="effective rank (nats)", shrink=0.9)
    _volumes(last, part)


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
    axes.set_xlabel("threshold less rank\nat the origin (nats)")
    # on top, as a label at the side would meet that of the colour bar
    axes.set_title("share of the plane\nbelow the threshold")


def label_lines(axes: AxesArray) -> None:
    """One legend below all panels for the lines, which are the same in every row."""
    lines = axes[0, -1].get_lines()[:-1]
    # room between the colour bar's label and the last panel's numbers
    axes[0, 0].figure.get_layout_engine().set(w_pad=0.12)
    words = [_WORDS.get(line.get_label(), line.get_label()) for line in lines]
    axes[0, 0].figure.legend(lines, words, loc="outside lower center", ncols=2)


def _draw(dataset: Any, axes: AxesArray) -> None:
    for row, reach in zip(axes, dataset.reach.values.tolist(), strict=True):
        maps_and_volumes(row, dataset.sel(reach=reach), {SHALLOW: SHALLOW, DEEP: DEEP})
    label_lines(axes)


FIGURE = PaperFigure(
    name="landscape",
    title="Rank of the weight on a random plane; right: shares of many planes, mean and quartiles",
    aliases=("fig11", "captions:fig14"),
    experiment="landscape",
    draw=_draw,
    panels=lambda dataset: (dataset.reach.size, 3),
    panel_size=(3.2, 3.4),
)
