"""Figure 3: clustered Gram matrices, a row for each activation and a column for each depth."""

from __future__ import annotations

import json
from typing import Any

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import activation_name

__all__ = ["FIGURE", "draw"]


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw the matrix of the first repeat in each panel."""
    settings = json.loads(dataset.attrs["settings"])
    for row, activation in zip(axes, dataset.activation.values.tolist(), strict=True):
        for panel, depth in zip(row, dataset.depth.values.tolist(), strict=True):
            part = dataset.sel(activation=activation, depth=depth)
            image = panel.imshow(part.gram.values, vmin=-1, vmax=1, interpolation="nearest")
            first = part.isel(repeat=0)
            words = f"ρ = {float(first.gram_rank):.2f}"
            if first.converged != 1:
                words += f", loss {float(first.loss):.1g}"
            panel.set_title(words, loc="center")
            panel.set_xticks([])
            panel.set_yticks([])
            panel.spines[:].set_visible(False)
        row[0].set_ylabel(activation_name(activation))
    for panel, depth in zip(axes[-1], dataset.depth.values.tolist(), strict=True):
        panel.set_xlabel(f"{depth} hidden layer{'s' if depth > 1 else ''}")
    axes[0, 0].figure.colorbar(
        image,
        ax=axes.ravel().tolist(),
        location="bottom",
        aspect=40,
        shrink=0.7,
        pad=0.01,
        label=f"cosine of features of {settings['held_out']} held-out images ({settings['data']})",
    )


FIGURE = PaperFigure(
    name="gram-matrices",
    title="Gram matrices of trained networks, hierarchically clustered, by activation and depth",
    aliases=("fig3", "captions:fig16"),
    experiment="gram-matrices",
    draw=draw,
    caption="Cosine Gram matrices of {held_out} held-out images ({data}), rows and columns in the "
    "order of an average-linkage clustering; the first of {repeats} networks of width "
    "{width}, trained on {examples} images. ρ: effective rank in nats; a loss is given "
    "where it is above {tolerance}.",
    panels=lambda dataset: (dataset.activation.size, dataset.depth.size),
    row_height=1.62,
    extra_height=0.5,
)
