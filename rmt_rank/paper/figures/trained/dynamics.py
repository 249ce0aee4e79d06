"""Figure 6: singular values of the Gram matrix over training, with losses on top."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rmt_rank.paper.experiments.trained.dynamics import steps_of_the_rate
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import key, legend_below
from rmt_rank.paper.figures.style import ground, ink

__all__ = ["FIGURE", "colours", "draw", "rate_steps", "spectrum_keys", "subtitle", "title"]

# Names of the initial weights, for titles.
_VARIANCES = {"pytorch": "1/(3n)", "he": "2/n"}

# The axis ends at this share of the largest singular value, as minus its logarithm.
_END = 14.0

# Largest loss on the axis over the largest initial loss: higher spikes are cut.
_SPIKE = 1.5

# Colours of the largest and the smallest singular value: blue and red as in the paper.
_LARGE, _SMALL = np.array([0.0, 0.447, 0.698]), np.array([0.835, 0.369, 0.0])

_LOSSES: dict[str, dict[str, Any]] = {
    "loss": {"linewidth": 1.8},
    "test_loss": {"linewidth": 1.8, "linestyle": "--"},
}


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw the first repeat and learning rate: one row per start, one column per network."""
    shown = dataset.isel(learning_rate=0, repeat=0)
    top = 1.05 * min(
        max(float(shown[name].max()) for name in _LOSSES),
        _SPIKE * max(float(shown[name].isel(epoch=0).max()) for name in _LOSSES),
    )
    for row, start in zip(axes, dataset.initialisation.values.tolist(), strict=True):
        for panel, expansion in zip(row, dataset.expansion.values.tolist(), strict=True):
            part = shown.sel(initialisation=start, expansion=expansion)
            _spectra(panel, part)
            rate_steps(panel, part.epoch.values)
            panel.set_title(title(expansion, start))
            over = panel.twinx()
            over.spines.right.set_visible(True)
            for name, look in _LOSSES.items():
                over.plot(part.epoch.values, part[name].values, color=ink(), **look)
            over.set_ylim(0, top)
            _note(over, part, top)
            panel.set_ylim(_END, -0.5)
            panel.set_xlim(0, int(part.epoch[-1]))
        row[0].set_ylabel("−log(σ$_i$ / σ$_1$)")
        over.set_ylabel("cross-entropy, nats")
    for panel in axes[-1]:
        panel.set_xlabel("epoch")
    entries = [
        key("largest singular values", color=colours(2)[0]),
        key("smallest", color=colours(2)[1]),
        key("training loss", **_LOSSES["loss"]),
        key("held-out loss", **_LOSSES["test_loss"]),
        key("learning rate over 10", linestyle=":", linewidth=1),
    ]
    legend_below(axes[0, 0], entries, 3)
    subtitle(axes[0, 0], dataset)


def _spectra(axes: Axes, part: Any) -> None:
    """Eigenvalues of the Gram matrix, over the largest."""
    values = part.gram_values.values.astype(np.float64)
    # skip zero eigenvalues, which come from inactive units
    curves = -np.log(np.where(values > 0, values, np.nan) / values[:, :1])
    for curve, colour in zip(curves.T, colours(curves.shape[1]), strict=True):
        axes.plot(part.epoch.values, curve, color=colour, linewidth=0.8)


def _note(axes: Axes, part: Any, top: float) -> None:
    """Note on what the panel cannot show: a network that diverged, or a loss beyond the axis."""
    losses = np.stack([part[name].values for name in _LOSSES])
    known = np.isfinite(losses).all(axis=0)
    # not computed yet
    if not known.any():
        return
    words = []
    if not known[-1]:
        words.append(f"diverged after epoch {part.epoch.values[known][-1]}")
    highest = float(losses[:, known].max())
    if highest > top:
        words.append(f"loss up to {highest:.3g}, cut")
    if words:
        axes.text(
            0.5,
            0.5,
            "\n".join(words),
            transform=axes.transAxes,
            ha="center",
            va="center",
            bbox={"facecolor": ground(), "edgecolor": "none", "alpha": 0.8},
        )


# --- what figures of this experiment share ------------------------------------------------------


def rate_steps(axes: Axes, epochs: npt.NDArray[Any]) -> None:
    """Dotted lines where the learning rate falls.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    epochs : ndarray of int
        Recorded ones; the last is the last.
    """
    for epoch in steps_of_the_rate(int(epochs[-1])):
        axes.axvline(epoch, color=ink(), linestyle=":", linewidth=1)


def spectrum_keys() -> list[Any]:
    """Entries of a legend for a line per singular value, and for `rate_steps`."""
    largest, smallest = colours(2)
    return [
        key("largest singular value", color=largest),
        key("smallest", color=smallest),
        key("learning rate over 10", linestyle=":", linewidth=1),
    ]


def title(expansion: int, start: str) -> str:
    """Title of a network, from its expansion and initialisation."""
    network = "original" if expansion == 1 else f"over-parameterized ×{expansion}"
    return f"{network}, variance {_VARIANCES.get(start, start)}"


def subtitle(axes: Axes, dataset: Any) -> None:
    """Title over all panels: the differences from the paper."""
    figure, settings = axes.get_figure(root=True), json.loads(dataset.attrs["settings"])
    if figure is not None:
        figure.suptitle(
            f"Dense ReLU network on {settings['data']}, full batches, rate "
            f"{float(dataset.learning_rate[0]):g} (in the paper: convolutional, CIFAR100, SGD)",
            fontsize="medium",
        )


def colours(count: int) -> list[tuple[float, ...]]:
    """Colours from blue for the largest singular value to red for the smallest."""
    return [
        tuple(map(float, _LARGE + (_SMALL - _LARGE) * i / max(1, count - 1))) for i in range(count)
    ]


FIGURE = PaperFigure(
    name="dynamics",
    title="Singular values of the Gram matrix over training, plain and over-parameterized",
    aliases=("fig6", "captions:fig5"),
    experiment="dynamics",
    draw=draw,
    caption="Eigenvalues of the Gram matrix of {held_out} held-out images ({data}) over the "
    "largest, on a scale of logarithms; one of {repeats} networks, learning rate the first "
    "of {learning_rates}. Right axes: cross-entropy in nats.",
    panels=lambda dataset: (dataset.initialisation.size, dataset.expansion.size),
    row_height=2.0,
    extra_height=0.75,
    sharex="all",
    sharey="all",
)
