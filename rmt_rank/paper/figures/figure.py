"""A figure of the paper: the experiment with its numbers, and the function that draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt
from matplotlib.figure import Figure

from rmt_rank._lib.validation import instance

__all__ = ["AxesArray", "Figure", "PaperFigure", "drawn"]

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
    panels : callable
        From the Dataset to the numbers of rows and columns of Axes.
    panel_size : tuple of float
        Width and height of a panel in inches.
    sharex, sharey : {"none", "all", "row", "col"}
        As for `matplotlib.figure.Figure.subplots`.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    experiment: str | None
    draw: Callable[[Any, AxesArray], None]
    panels: Callable[[Any], tuple[int, int]] = lambda _dataset: (1, 1)
    panel_size: tuple[float, float] = (3.2, 2.6)
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
    width, height = figure.panel_size
    canvas = Figure(figsize=(columns * width, rows * height))
    axes = canvas.subplots(rows, columns, squeeze=False, sharex=figure.sharex, sharey=figure.sharey)
    figure.draw(dataset, axes)
    return canvas
