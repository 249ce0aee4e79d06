"""Figure 9 of the captions: losses and ranks over depth, for tasks of high and low rank."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

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

_ROWS = (
    "test loss",
    "training loss\nafter {steps} epochs",
    "effective rank\nof W, nats",
    "threshold rank\nof W",
)
_LINES = ("-", "--", "-.")


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a column for each task rank, a row for each measure."""
    taus = dataset.threshold.values.tolist()
    looks = [
        {"color": f"C{i + 1}", "marker": marker, "linestyle": _LINES[i % 3]}
        for i, marker in enumerate(markers(len(taus) + 1)[1:])
    ]
    for column, rank in zip(axes.T, dataset.task_rank.values.tolist(), strict=True):
        part = dataset.sel(task_rank=rank)
        column[0].set_title(f"task rank {rank}")
        _losses(column[0], column[1], part)
        plot_medians(column[2], part, "fitted_weight_rank", "fitted", color="C0")
        reference_line(column[2], part.minimal_weight_rank, linestyle="--")
        for tau, look in zip(taus, looks, strict=True):
            plot_medians(
                column[3], part.sel(threshold=tau), "fitted_threshold_rank", "fitted", **look
            )
        for panel in column:
            depth_axis(panel, dataset.depth.values.tolist(), "")
        column[-1].set_xlabel("depth")
    for panel, label in zip(axes[:, 0], _ROWS, strict=True):
        panel.set_ylabel(label.format(steps=int(dataset.step.max())))
    _legend(axes[0, 0], list(zip(taus, looks, strict=True)))


def _losses(test: Axes, training: Axes, part: Any) -> None:
    plot_medians(test, part, "fitted_test_loss", "fitted", color="C0")
    reference_line(test, part.minimal_test_loss, linestyle="--")
    plot_medians(training, part, "loss", "converged", color="C0")
    training.set_yscale("log")


def _legend(axes: Axes, thresholds: list[tuple[float, dict[str, Any]]]) -> None:
    dot = {"marker": "o", "markersize": 5}
    entries = [
        key("median and quartiles at zero training error", color="C0", **dot),
        key(f"{HOLLOW} got there", linestyle="", markerfacecolor=ground(), **dot),
        key("least norm W* P", linestyle="--", linewidth=1),
        *(key(f"τ = {tau:g}", markersize=5, **look) for tau, look in thresholds),
    ]
    legend_below(axes, entries, 3)


FIGURE = PaperFigure(
    name="least-squares-ablation",
    title="Losses, effective and threshold ranks over depth, for tasks of high and low rank",
    aliases=("captions:fig9",),
    experiment="least-squares-ablation",
    draw=draw,
    caption="Medians of {repeats} networks of width {width}, trained on {examples} examples; bands "
    "are quartiles. Dashed: the solution of least norm.",
    panels=lambda dataset: (len(_ROWS), dataset.task_rank.size),
    row_height=1.4,
    extra_height=0.6,
    sharex="all",
    sharey="row",
)
