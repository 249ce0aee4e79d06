"""Figures 6 and 12 on convolutional networks: spectra and ranks over training, by factors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rmt_rank.paper.experiments.judges import ENOUGH
from rmt_rank.paper.experiments.trained.convolutional_sentences import MORE_FACTORS, PLAIN
from rmt_rank.paper.experiments.trained.dynamics import subsample_spectrum
from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.over_depth import HOLLOW, key, legend_below, points, swatch
from rmt_rank.paper.figures.style import depth_colours, ground, markers
from rmt_rank.paper.figures.trained.dynamics import colours, rate_steps, spectrum_keys

__all__ = ["FIGURE", "curves", "draw", "heading", "medians", "spectra", "training_axis"]

Array = npt.NDArray[np.float64]

_NETWORKS = (*PLAIN, *MORE_FACTORS)

# The axis of the Gram matrix ends at this share of the largest singular value, as in `dynamics`.
_END = 14.0

# Singular values that are drawn of each weight, as many as in the paper.
_KEPT = 24

# Least distance of labels beside lines, as a share of the axis.
_APART = 0.13

_HELD_OUT: dict[str, Any] = {"linestyle": "-"}
_TRAINING: dict[str, Any] = {"linestyle": "--"}


def draw(dataset: Any, axes: AxesArray) -> None:
    """Draw spectra of features and of a weight, a column per network, then ranks and losses."""
    last = _last_convolution(dataset)
    for (gram, weight), name in zip(axes[:2].T, _NETWORKS, strict=True):
        part = dataset.sel(network=name)
        shares = spectra(part.gram_values.transpose("repeat", "epoch", "gram_value"))
        # zero singular values, which come from inactive units, are left out
        known = np.log(np.where(shares > 0, shares, np.nan))
        curves(gram, part, -known)
        gram.set_ylim(_END, -0.5)
        layer = part.layer_values.isel(layer=last)
        curves(weight, part, spectra(layer.transpose("repeat", "epoch", "layer_value")))
        weight.set_ylim(0, 1.05)
        gram.set_title(heading(part))
    for row in axes[:2]:
        for panel in row[1:]:
            panel.tick_params(labelleft=False)
    axes[0, 0].set_ylabel("features\n−log(σ$_i$ / σ$_1$)")
    axes[1, 0].set_ylabel(f"convolution {last + 1}\nσ$_i$ / σ$_1$")
    ranks, weights, losses = axes[2]
    _paths(ranks, dataset, dataset.gram_rank)
    _paths(weights, dataset, dataset.layer_rank.mean("layer", skipna=False))
    _paths(losses, dataset, dataset.loss, label=False, **_TRAINING)
    losses.set_ylim(0, _top(dataset))
    _paths(losses, dataset, dataset.test_loss, **_HELD_OUT)
    titles = ("rank of features, nats", "mean rank of weights, nats", "cross-entropy, nats")
    for panel, words in zip(axes[2], titles, strict=True):
        panel.set_title(words)
        panel.set_xlabel("epoch")
    entries = [
        *spectrum_keys(),
        swatch("quartiles", alpha=0.25),
        key("held-out loss", **_HELD_OUT),
        key("training loss", **_TRAINING),
        key(f"{HOLLOW} reached the end", linestyle="", marker="o", markerfacecolor=ground()),
    ]
    legend_below(axes[0, 0], entries, 4)


def _last_convolution(dataset: Any) -> int:
    return len(json.loads(dataset.attrs["settings"])["channels"]) - 1


def _top(dataset: Any) -> float:
    """End of the axis of losses, which cuts those before training: they are larger by far."""
    later = dataset.test_loss.sel(network=list(_NETWORKS)).isel(epoch=slice(1, None))
    top = 1.1 * float(later.median("repeat").max())
    return top if np.isfinite(top) else 1.0


def _paths(axes: Axes, dataset: Any, values: Any, *, label: bool = True, **look: Any) -> None:
    """Draw medians over the repeats for each network, with its name beside its end."""
    ends: list[tuple[float, str]] = []
    for name, colour, shape in zip(_NETWORKS, depth_colours(3), markers(3), strict=True):
        rows = values.sel(network=name).transpose("repeat", "epoch").values
        counted = np.isfinite(rows).all(axis=1)
        if not counted.any():
            continue
        low, middle, high = np.quantile(rows[counted], (0.25, 0.5, 0.75), axis=0)
        epochs = dataset.epoch.values
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(epochs, middle, color=colour, **look)
        full = np.array([counted.mean() >= ENOUGH])
        points(axes, epochs[-1:], middle[-1:], full, color=colour, marker=shape, clip_on=False)
        ends.append((float(middle[-1]), name))
    training_axis(axes, dataset)
    if label:
        _labels(axes, sorted(ends))


def _labels(axes: Axes, ends: list[tuple[float, str]]) -> None:
    """Names right of the ends of lines, in their order and apart from one another."""
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top)
    places = [(value - bottom) / (top - bottom) for value, _ in ends]
    wanted = list(places)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + _APART)
    # down again, half of what they were moved up, but not to the numbers of the axis below
    down = float(np.mean(places) - np.mean(wanted)) if ends else 0.0
    places = [place - min(down, places[0]) for place in places]
    for place, (_, name) in zip(places, ends, strict=True):
        axes.text(1.05, place, name, transform=axes.transAxes, va="center", fontsize=7)


# --- what figures of this experiment share ------------------------------------------------------


def spectra(values: Any) -> Array:
    """Medians over the repeats of singular values over the largest, at most 24 of them.

    Parameters
    ----------
    values : array_like, shape (repeats, epochs, count)
        In descending order; nan where there are none, or a network diverged.

    Returns
    -------
    ndarray, shape (epochs, at most 24)
        nan where no repeat has any.
    """
    s = np.asarray(values, dtype=np.float64)
    largest = np.where(s[..., :1] > 0, s[..., :1], np.nan)
    return medians(s / largest)


def medians(values: Array) -> Array:
    """Medians over the repeats that did not diverge, of at most 24 singular values."""
    counted = np.isfinite(values[..., 0]).all(axis=1)
    kept = values[..., np.isfinite(values[counted]).any(axis=(0, 1))]
    if not counted.any():
        return np.full((values.shape[1], 1), np.nan)
    return subsample_spectrum(np.median(kept[counted], axis=0), min(_KEPT, kept.shape[-1]))


def curves(axes: Axes, part: Any, values: Array) -> None:
    """A line for each singular value, from blue for the largest to red for the smallest.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    part : xarray.Dataset
        With the coordinate epoch.
    values : ndarray, shape (epochs, count)
    """
    for curve, colour in zip(values.T, colours(values.shape[1]), strict=True):
        axes.plot(part.epoch.values, curve, color=colour, linewidth=0.7)
    training_axis(axes, part)


def training_axis(axes: Axes, part: Any) -> None:
    """An axis of epochs, with dotted lines where the learning rate falls."""
    epochs = part.epoch.values
    rate_steps(axes, epochs)
    axes.set_xlim(0, int(epochs[-1]))


def heading(part: Any) -> str:
    """Title of a network: its factors, and how many of its runs diverged, if any did."""
    form = json.loads(part.attrs["settings"])["networks"][str(part.network.values)]
    words = f"{form['depth']} factors" if "depth" in form else "plain"
    lost = int((part.diverged == 1).sum())
    return f"{words} ({lost} of {part.repeat.size} diverged)" if lost else words


FIGURE = PaperFigure(
    name="convolutional",
    title="Singular values over training of convolutional networks, plain and over-parameterized",
    aliases=(),
    experiment="convolutional",
    draw=draw,
    caption="Convolutional networks (Appendix E with channels {channels}) whose weights are single "
    "(plain), or products of 2 (2x) or 4 (4x) factors, trained by PyTorch on {examples} images "
    "({data}): medians of {repeats} networks. Top: singular values of the Gram matrix of {gram} "
    "held-out images over the largest, at most 24 kept. Middle: the same of the weight of the last "
    "convolution. Bottom: effective rank of the Gram matrix, mean effective rank of the weights of "
    "all layers, and losses, of which those before training are cut; bands are quartiles.",
    panels=lambda _dataset: (3, len(_NETWORKS)),
    row_height=1.6,
    extra_height=0.7,
    sharex="all",
)
