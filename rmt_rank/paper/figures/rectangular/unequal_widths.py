"""Unequal widths in one picture: the effective rank along networks, and their laws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmt_rank.paper.figures.style import DOUBLE, markers
from rmt_rank.theory.rectangular.law import rectangular_effective_rank, rectangular_law

__all__ = ["SIZE", "draw"]

SIZE = (DOUBLE, 2.6)

_DASHES = ("-", "--", "-.", ":")


def draw(networks: Mapping[str, Sequence[float]], figure: Figure) -> None:
    """Draw the effective rank after each layer, and the law after the last.

    Parameters
    ----------
    networks : mapping of str to sequence of float
        Widths n_0, ..., n_L by name; the first width is the unit of the effective rank.
    figure : matplotlib.figure.Figure
        Figure to draw on.
    """
    left, right = figure.subplots(1, 2)
    shapes = markers(len(networks))
    for i, ((name, widths), marker) in enumerate(zip(networks.items(), shapes, strict=True)):
        look = {"color": f"C{i}", "linestyle": _DASHES[i % len(_DASHES)]}
        _ranks(name, widths, left, marker=marker, **look)
        _density(widths, right, **look)
    left.set_xlabel("layers")
    left.set_ylabel("effective rank / first width")
    left.set_yscale("log")
    left.set_yticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
    left.minorticks_off()
    right.set_xlabel("singular value / mean")
    right.set_ylabel("density")
    right.set_ylim(0, 1.6)
    figure.legend(handles=left.get_lines(), loc="outside lower center", ncols=len(networks))


def _ranks(name: str, widths: Sequence[float], axes: Axes, **look: Any) -> None:
    layers = range(1, len(widths))
    shares = [
        min(widths[: n + 1]) / widths[0] * math.exp(rectangular_effective_rank(widths[: n + 1]))
        for n in layers
    ]
    axes.plot([0, *layers], [1, *shares], label=name, markersize=3, **look)


def _density(widths: Sequence[float], axes: Axes, **look: Any) -> None:
    law = rectangular_law(widths)
    low, high = law.support()
    # dense at both edges
    x = low + (high - low) * np.sin(np.linspace(0, np.pi / 2, 801)[1:]) ** 2
    axes.plot(x / law.mean(), law.pdf(x) * law.mean(), **look)
    axes.set_xlim(0, 4)
