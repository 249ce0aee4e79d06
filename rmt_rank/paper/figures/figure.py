"""A figure of the paper: the experiment with its numbers, and the function that draws it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt
from matplotlib.figure import Figure

from rmt_rank._lib.validation import instance
from rmt_rank.paper.figures.style import DOUBLE

__all__ = ["AxesArray", "Figure", "PaperFigure", "caption", "drawn", "settings_of"]

Shared = Literal["none", "all", "row", "col"]
# two-dimensional array of matplotlib.axes.Axes
AxesArray = npt.NDArray[Any]


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper.

    Attributes
    ----------
    name : str
        As on the command line.
    title : str
        One line.
    aliases : tuple of str
        Its numbers: "fig4" in the second revision, "captions:fig3" in the list of captions.
    experiment : str or None
        Name of the experiment whose Dataset it shows; None for a diagram.
    draw : callable
        From the Dataset (None for a diagram) and an array of Axes to nothing; computes nothing.
    caption : str
        What is drawn, of how many samples, and what bars and bands are; settings of the experiment
        in braces.
    panels : callable
        From the Dataset to the numbers of rows and columns of Axes.
    width : float
        Inches: that of one column of a journal, or of two.
    row_height, extra_height : float
        Inches for a row of panels, and for what is above and below all of them.
    sharex, sharey : {"none", "all", "row", "col"}
        As for `matplotlib.figure.Figure.subplots`.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    experiment: str | None
    draw: Callable[[Any, AxesArray], None]
    caption: str
    panels: Callable[[Any], tuple[int, int]] = lambda _dataset: (1, 1)
    width: float = DOUBLE
    row_height: float = 2.0
    extra_height: float = 0.0
    sharex: Shared = "none"
    sharey: Shared = "none"


def drawn(figure: PaperFigure, dataset: Any) -> Figure:
    """Draw a figure, in the style that is set.

    Parameters
    ----------
    figure : PaperFigure
    dataset : xarray.Dataset or None
        Results of its experiment, fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Not yet saved.
    """
    instance("figure", figure, PaperFigure)
    rows, columns = figure.panels(dataset)
    canvas = Figure(figsize=(figure.width, rows * figure.row_height + figure.extra_height))
    axes = canvas.subplots(rows, columns, squeeze=False, sharex=figure.sharex, sharey=figure.sharey)
    figure.draw(dataset, axes)
    return canvas


def caption(figure: PaperFigure, settings: Mapping[str, Any]) -> str:
    """Caption of a figure, for an experiment with these settings.

    Parameters
    ----------
    figure : PaperFigure
    settings : mapping of str to Any
        Settings of its experiment, see `settings_of`; empty for a diagram.  A list is written with
        commas; {"samples": {"32": 100}} is 100 (32) as {samples}, and 100 as {samples_32}.
    """
    words: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, list):
            words[name] = _listed(value)
        elif isinstance(value, dict):
            words[name] = ", ".join(f"{each} ({key})" for key, each in value.items())
            words |= {f"{name}_{key}": each for key, each in value.items()}
        else:
            words[name] = value
    return figure.caption.format(**words)


def _listed(values: list[Any]) -> str:
    """Values with commas; those that count from 1 as "1 to 16"."""
    count = len(values)
    if count > 2 and values == list(range(1, count + 1)):
        return f"1 to {count}"
    return ", ".join(map(str, values))


def settings_of(dataset: Any) -> dict[str, Any]:
    """The settings of the experiment that a Dataset holds; none for None, the data of a diagram."""
    settings: dict[str, Any] = {} if dataset is None else json.loads(dataset.attrs["settings"])
    return settings
