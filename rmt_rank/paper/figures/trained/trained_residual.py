"""Figure 9: rank over depth with residual connections, and the growth of the output."""

from __future__ import annotations

from typing import Any

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import (
    HOLLOW,
    depth_axis,
    key,
    legend_below,
    plot_medians,
    reference_line,
)
from rmt_rank.paper.figures.style import ground, markers

__all__ = ["FIGURE", "draw"]

_NAMES = {
    "plain": "plain",
    "residual": "residual",
    "residual-small": "residual, branches of variance ~ 1/depth",
    "residual-batch-norm": "residual, batch normalisation",
}
_LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))
_PANELS = (
    ("initial_weight_rank", "Rank before training", "effective rank of W, nats"),
    ("fitted_weight_rank", "Rank, trained", "effective rank of W, nats"),
    ("initial_loss", "Output before training", "½ mean squared error"),
)


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw the rank before and after training, and the loss before."""
    # every network has an initialisation
    dataset = dataset.assign(started=dataset.initial_loss.notnull())
    looks = {
        name: {"color": f"C{i}", "marker": marker, "linestyle": _LINES[i]}
        for i, (name, marker) in enumerate(
            zip(dataset.network.values.tolist(), markers(len(_NAMES)), strict=True)
        )
    }
    for panel, (variable, title, label) in zip(axes.flat, _PANELS, strict=True):
        reached = "fitted" if variable.startswith("fitted") else "started"
        for name, look in looks.items():
            plot_medians(panel, dataset.sel(network=name), variable, reached, **look)
        depth_axis(panel, dataset.depth.values.tolist())
        panel.set_title(title)
        panel.set_ylabel(label)
    axes[0, 1].sharey(axes[0, 0])
    axes[0, 1].set_ylabel("")
    reference_line(axes[0, 1], dataset.minimal_weight_rank, linestyle=":")
    axes[0, 2].set_yscale("log")
    entries = [
        *(key(_NAMES[name], markersize=5, **look) for name, look in looks.items()),
        key(
            f"{HOLLOW} reached zero training error",
            linestyle="",
            marker="o",
            markersize=5,
            markerfacecolor=ground(),
        ),
        key("least norm W* P", linestyle=":", linewidth=1),
    ]
    legend_below(axes[0, 0], entries, 3)


FIGURE = PaperFigure(
    name="residual",
    title="Rank of plain and residual networks over depth, and their output's growth",
    aliases=("fig9", "captions:fig13"),
    experiment="residual",
    draw=draw,
    caption="Medians of {repeats} networks of width {width}, trained on {examples} examples of task"
    " rank {task_rank}; bands are quartiles.",
    panels=lambda _dataset: (1, len(_PANELS)),
    row_height=2.2,
    extra_height=0.6,
)
