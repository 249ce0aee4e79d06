"""Figure 2: densities of the rank of Gram matrices, at convergence and at initialisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank.paper.experiments.judges import ENOUGH
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import key, legend_below, reference_line, swatch
from rmt_rank.paper.figures.ridges import curve, ridge, ridge_axis
from rmt_rank.paper.figures.style import TASK

__all__ = ["FIGURE", "draw"]

# Areas at convergence, of depths where too few runs converged, and at initialisation.
_ENDED: dict[str, Any] = {"facecolor": "C0", "edgecolor": "C0"}
_FEW: dict[str, Any] = {"facecolor": "none", "edgecolor": "C0"}
_INITIAL: dict[str, Any] = {"facecolor": "0.7", "edgecolor": "0.7"}


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw a panel for each task rank."""
    depths = dataset.depth.values.tolist()
    for panel, rank in zip(axes.flat, dataset.task_rank.values.tolist(), strict=True):
        part = dataset.sel(task_rank=rank).dropna("depth", how="all", subset=["loss"])
        here = part.depth.values.tolist()
        for place, depth in enumerate(here):
            at = part.sel(depth=depth)
            ended = at.gram_rank.where(at.converged == 1)
            look = _FEW if _few(at) else _ENDED
            curves = curve(_known(ended)), curve(_known(at.initial_gram_rank))
            ridge(panel, -place, *curves, (look, _INITIAL))
        reference_line(panel, part.task_gram_rank, across=False, color=TASK, linewidth=1.5)
        reference_line(panel, part.minimal_gram_rank, across=False, linestyle="--")
        up_to = "" if here == depths else f", up to depth {here[-1]}"
        panel.set_title(f"task rank {rank}{up_to}")
        panel.set_xlabel("rank of the Gram matrix (nats)")
        ridge_axis(panel, depths)
    axes[0, 0].set_ylabel("depth")
    entries = [
        swatch("converged (above the line)", **_ENDED),
        swatch("at initialisation (below)", **_INITIAL),
        key("the task: ρ(K) under W*", color=TASK, linewidth=1.5),
        key("least norm W* P, at any depth", linestyle="--", linewidth=1),
    ]
    if _few(dataset).any():
        few = {**_FEW, "linewidth": 0.8}
        entries.append(swatch(f"the less than {ENOUGH:.0%} that converged", **few))
    legend_below(axes[0, 0], entries, 3)


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
    caption="Densities of the effective rank of the Gram matrix at a mean squared error below "
    "{tolerance}, and at initialisation. Width {width}, {examples} examples, gradient "
    "descent, {problems} problems of {draws} initial weights each, {slow_draws} where "
    "training is slow. Each row has a scale of its own: the higher of its two peaks has the"
    " same height everywhere.",
    panels=lambda dataset: (1, dataset.task_rank.size),
    row_height=2.0,
    extra_height=0.5,
    sharex="all",
    sharey="all",
)
