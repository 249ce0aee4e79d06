"""Figure 2: densities of the rank of Gram matrices, at initialisation and at convergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rmt_rank.paper.experiments.judges import ENOUGH
from rmt_rank.paper.figures.density import (
    best_window,
    density_grid,
    kernel_density,
    smoothed_density,
)
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import key, legend_below, reference_line, swatch
from rmt_rank.paper.figures.style import TASK, depth_colours, markers

__all__ = ["FIGURE", "draw"]


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each task rank."""
    depths = dataset.depth.values.tolist()
    looks = {
        depth: {"color": colour, "marker": marker, "markersize": 5}
        for depth, colour, marker in zip(
            depths, depth_colours(len(depths)), markers(len(depths)), strict=True
        )
    }
    for panel, rank in zip(axes.flat, dataset.task_rank.values.tolist(), strict=True):
        part = dataset.sel(task_rank=rank).dropna("depth", how="all", subset=["loss"])
        here = part.depth.values.tolist()
        for depth in here:
            _densities(panel, part.sel(depth=depth), looks[depth])
        reference_line(panel, part.task_gram_rank, across=False, color=TASK, linewidth=2)
        reference_line(panel, part.minimal_gram_rank, across=False, linestyle="--")
        up_to = "" if here == depths else f", up to depth {here[-1]}"
        panel.set_title(f"task rank {rank}{up_to}")
        panel.set_xlabel("effective rank of the Gram matrix, nats")
    # the panels share the axis: set its range only once everything is drawn
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].set_ylabel("density, per nat")
    entries = [
        *(key(f"depth {depth}", **look) for depth, look in looks.items()),
        key("at initialisation", linestyle=":"),
        key("converged"),
        swatch("the same by normal kernels", alpha=0.25),
        key("the task: ρ(K) under W*", color=TASK, linewidth=2),
        key("least norm W* P, at any depth", linestyle="--", linewidth=1),
    ]
    if _few(dataset).any():
        entries.append(key(f"the less than {ENOUGH:.0%} that converged", linestyle="-."))
    legend_below(axes[0, 0], entries, 5)


def _densities(axes: Axes, part: Any, look: dict[str, Any]) -> None:
    """The curves of a depth, with its marker on top."""
    colour = look["color"]
    initial = _known(part.initial_gram_rank)
    ended = _known(part.gram_rank.where(part.converged == 1))
    if np.unique(initial).size > 1:
        axes.plot(*_curve(initial), ":", color=colour)
    if np.unique(ended).size > 1:
        grid, density = _curve(ended)
        axes.fill_between(grid, kernel_density(ended, grid), color=colour, alpha=0.25, linewidth=0)
        line = "-." if _few(part) else "-"
        axes.plot(grid, density, line, markevery=[int(density.argmax())], **look)


def _curve(samples: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    grid = density_grid(samples)
    return grid, smoothed_density(samples, grid, best_window(samples, grid))


def _known(values: Any) -> npt.NDArray[np.float64]:
    flat = np.ravel(values.values)
    return np.asarray(flat[np.isfinite(flat)], dtype=np.float64)


def _few(part: Any) -> Any:
    """Return whether fewer runs converged than a verdict needs."""
    return part.converged.astype(float).mean(["problem", "seed"]) < ENOUGH


FIGURE = PaperFigure(
    name="convergence-pdf",
    title="Distribution of the rank of Gram matrices, at initialisation and at convergence",
    aliases=("fig2", "captions:fig2"),
    experiment="convergence",
    draw=draw,
    panels=lambda dataset: (1, dataset.task_rank.size),
    panel_size=(3.2, 3.0),
    sharex="all",
    sharey="row",
)
