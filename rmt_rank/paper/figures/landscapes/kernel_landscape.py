"""Figure 12: the rank of the Gram matrix on a plane, ReLU networks of two layers and of four."""

from __future__ import annotations

from typing import Any

from rmt_rank.paper.experiments.landscapes.kernel_landscape import DEEP, SHALLOW
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.landscapes.landscape import label_lines, maps_and_volumes

__all__ = ["FIGURE"]


def _draw(dataset: Any, axes: AxesArray) -> None:
    cases = [
        (f, r) for f in dataset.features.values.tolist() for r in dataset.reach.values.tolist()
    ]
    for row, (features, reach) in zip(axes, cases, strict=True):
        titles = {name: f"{name}, {features}" for name in (SHALLOW, DEEP)}
        maps_and_volumes(row, dataset.sel(features=features, reach=reach), titles)
        row[-1].set_xlabel(f"threshold less rank of {SHALLOW}\nat the origin (nats)")
    label_lines(axes)


FIGURE = PaperFigure(
    name="kernel-landscape",
    title="Rank of the Gram matrix on a random plane; right: shares of many planes",
    aliases=("fig12", "captions:fig15"),
    experiment="kernel-landscape",
    draw=_draw,
    panels=lambda dataset: (dataset.features.size * dataset.reach.size, 3),
    panel_size=(3.2, 3.2),
)
