"""Figure 10 of the list of captions: the rank over depth, a panel for each kernel."""

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
from rmt_rank.paper.figures.style import TASK, ground, ink

__all__ = ["FIGURE", "draw"]

_COLUMNS = 4
_TITLES = {
    "polynomial": "polynomial, degree 2",
    "rbf": "Gaussian (rbf)",
    "laplacian": "Laplacian",
    "euclidean": "−distance (indefinite)",
}


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each kernel; unused panels stay empty."""
    depths = dataset.depth.values.tolist()
    looks: dict[str, dict[str, Any]] = {
        "initial_rank": {"color": ink(), "linestyle": ":", "marker": "o"},
        "fitted_rank": {"color": "#D55E00", "marker": "D"},
    }
    flags = {"initial_rank": "started", "fitted_rank": "fitted"}
    dataset = dataset.assign(started=dataset.converged * 0 + 1)
    kernels = dataset.kernel.values.tolist()
    for panel in axes.flat[len(kernels) :]:
        panel.set_axis_off()
    for panel, kernel in zip(axes.flat, kernels, strict=False):
        part = dataset.sel(kernel=kernel)
        for name, look in looks.items():
            plot_medians(panel, part, name, flags[name], **look)
        reference_line(panel, part.minimal_rank, linestyle="--")
        reference_line(panel, part.task_rank, color=TASK)
        panel.set_title(_TITLES.get(kernel, kernel))
        depth_axis(panel, depths)
    for row in axes:
        row[0].set_ylabel("effective rank, nats")
    entries = [
        key("at initialisation", **looks["initial_rank"], markersize=5),
        key("at zero training error", **looks["fitted_rank"], markersize=5),
        key(
            f"{HOLLOW} got there",
            linestyle="",
            marker="D",
            markersize=5,
            markerfacecolor=ground(),
        ),
        key("least norm W* P", linestyle="--", linewidth=1),
        key("the task: ρ(K) under W*", color=TASK, linewidth=1),
    ]
    legend_below(axes[0, 0], entries, 3)


FIGURE = PaperFigure(
    name="kernel-ablation",
    title="Rank of the Gram matrix over depth, under several kernels",
    aliases=("captions:fig10",),
    experiment="kernel-ablation",
    draw=draw,
    caption="Effective rank of kernel matrices of {held_out} held-out inputs: medians of {repeats} "
    "networks of width {width}, trained on {examples} examples of task rank {task_rank}; "
    "bands are quartiles.",
    panels=lambda dataset: (-(-dataset.kernel.size // _COLUMNS), _COLUMNS),
    row_height=1.6,
    extra_height=0.5,
)
