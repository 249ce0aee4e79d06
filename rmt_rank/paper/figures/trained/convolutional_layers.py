"""Figure 11 of the list of captions on convolutional networks: singular values of all layers."""

from __future__ import annotations

import json
from typing import Any

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import legend_below
from rmt_rank.paper.figures.trained.convolutional import curves, heading, medians, spectra
from rmt_rank.paper.figures.trained.dynamics import spectrum_keys

__all__ = ["FIGURE", "draw"]

# the plain network, and the one with the paper's number of factors
_NETWORKS = ("plain", "4x")


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a row for each layer; for each network singular values, and these over the largest."""
    convolutions = len(json.loads(dataset.attrs["settings"])["channels"])
    for place, name in enumerate(_NETWORKS):
        part = dataset.sel(network=name)
        for layer, row in enumerate(axes):
            raw, scaled = row[2 * place : 2 * place + 2]
            found = part.layer_values.isel(layer=layer).transpose("repeat", "epoch", "layer_value")
            curves(raw, part, medians(found.values))
            curves(scaled, part, spectra(found))
            raw.set_ylim(bottom=0)
            scaled.set_ylim(0, 1.05)
        axes[0, 2 * place].set_title(heading(part))
        axes[0, 2 * place + 1].set_title("σ$_i$ / σ$_1$")
    for layer, panel in enumerate(axes[:, 0]):
        kind, number = "convolution", layer + 1
        if layer >= convolutions:
            kind, number = "fully conn.", number - convolutions
        panel.set_ylabel(f"{kind} {number}\nσ$_i$")
    for panel in axes[-1]:
        panel.set_xlabel("epoch")
    legend_below(axes[0, 0], spectrum_keys(), 3)


FIGURE = PaperFigure(
    name="convolutional-layers",
    title="Singular values of each layer of convolutional networks over training",
    aliases=(),
    experiment="convolutional",
    draw=draw,
    caption="Singular values of each weight, at most 24 kept, of convolutional networks (Appendix "
    "E with channels {channels}) on {data}: medians of {repeats} networks. Left of each pair as "
    "they are, right over the largest; with 4 factors, of the product.",
    panels=lambda dataset: (dataset.layer_values.sizes["layer"], 2 * len(_NETWORKS)),
    row_height=1.1,
    extra_height=0.75,
    sharex="all",
)
