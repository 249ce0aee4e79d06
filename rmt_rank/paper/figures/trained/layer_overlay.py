"""Figure 12 of the list of captions: a layer's singular values over training, overlaid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import key, legend_below, swatch
from rmt_rank.paper.figures.style import depth_colours, ink, markers
from rmt_rank.paper.figures.trained.dynamics import rate_steps, subtitle, title

__all__ = ["FIGURE", "draw"]

_TIMES = 6


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a row for each network: spectra of the last hidden layer, and its rank over training.

    The first initialisation and learning rate are shown, and for spectra the first repeat.
    """
    layer, start = int(dataset.layer[-2]), str(dataset.initialisation[0].values)
    shown = dataset.isel(initialisation=0, learning_rate=0).sel(layer=layer)
    times = _times(dataset.epoch.values)
    looks = [
        {"color": colour, "marker": marker, "markersize": 3.5}
        for colour, marker in zip(depth_colours(len(times)), markers(len(times)), strict=True)
    ]
    for (left, right), expansion in zip(axes, dataset.expansion.values.tolist(), strict=True):
        part = shown.sel(expansion=expansion)
        _overlay(left, part.isel(repeat=0).isel(epoch=times), looks)
        _rank(right, part)
        left.set_title(title(expansion, start))
        left.set_ylabel("σ$_i$ / σ$_1$")
        right.set_ylabel("effective rank, nats")
    axes[0, 1].set_title(f"rank of layer {layer}, all repeats")
    axes[-1, 0].set_xlabel("place i among those kept")
    axes[-1, 1].set_xlabel("epoch (linear to 10)")
    epochs = dataset.epoch.values[times].tolist()
    entries = [
        *(key(f"epoch {epoch}", **look) for epoch, look in zip(epochs, looks, strict=True)),
        key("median rank"),
        swatch("quartiles", alpha=0.25),
        key("learning rate over 10", linestyle=":", linewidth=1),
    ]
    legend_below(axes[0, 0], entries, 3)
    subtitle(axes[0, 0], dataset)


def _times(epochs: npt.NDArray[Any]) -> list[int]:
    """Places of the first epoch, the last, and some between, denser at the beginning."""
    wanted = np.r_[0, np.geomspace(max(1, epochs[-1] / 100), epochs[-1], _TIMES - 1)]
    return sorted({int(np.abs(epochs - each).argmin()) for each in wanted})


def _overlay(axes: Axes, part: Any, looks: list[dict[str, Any]]) -> None:
    values = part.layer_values.transpose("epoch", "layer_value").values.astype(np.float64)
    values = values[:, ~np.isnan(values).all(axis=0)]
    places = np.arange(1, values.shape[1] + 1)
    for spectrum, look in zip(values, looks, strict=True):
        axes.plot(places, spectrum / spectrum[0], markevery=3, **look)
    axes.set_ylim(0, 1.05)


def _rank(axes: Axes, part: Any) -> None:
    """The first epochs, when most of it happens, take a third of a mixed axis."""
    ranks = part.layer_rank.transpose("repeat", "epoch").values
    low, middle, high = np.nanquantile(ranks, (0.25, 0.5, 0.75), axis=0)
    epochs = part.epoch.values
    axes.fill_between(epochs, low, high, color=ink(), alpha=0.25, linewidth=0)
    axes.plot(epochs, middle, color=ink())
    rate_steps(axes, epochs)
    axes.set_xscale("symlog", linthresh=10)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_xlim(0, epochs[-1])


FIGURE = PaperFigure(
    name="layer-overlay",
    title="A layer's singular values over training on top of one another, and its rank",
    aliases=("captions:fig12",),
    experiment="dynamics",
    draw=draw,
    caption="Left: singular values of the last hidden weight of one network, over the largest, "
    "{kept} kept. Right: its effective rank, medians of {repeats} networks; bands are "
    "quartiles.",
    panels=lambda dataset: (dataset.expansion.size, 2),
    row_height=1.85,
    extra_height=0.9,
    sharex="col",
)
