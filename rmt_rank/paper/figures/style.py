"""Common appearance of all figures, in three styles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib import style as styles

from rmt_rank._lib.validation import choice

__all__ = [
    "DOUBLE",
    "SEQUENTIAL",
    "SINGLE",
    "STYLES",
    "TASK",
    "depth_colours",
    "ground",
    "ink",
    "markers",
    "style",
]

STYLES = ("paper", "screen", "dark")

# Widths of figures in inches: one column of a journal's page, and two.
SINGLE, DOUBLE = 3.3, 6.9

# Colour map of everything that is ordered, depths and maps alike: light and dark in grey, too.
SEQUENTIAL = "plasma"

# matplotlib's parameters are shared by all threads
_lock = threading.RLock()

# Lines at the rank of a task, green as in the paper.
TASK = "#009E73"

_COMMON: dict[str, Any] = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.linewidth": 0.6,
    "axes.titlelocation": "left",
    "axes.titlesize": 8,
    # Okabe and Ito's colours without the yellow: distinct to the colour-blind
    "axes.prop_cycle": cycler(
        color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#999999"]
    ),
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    # letters of the size that journals ask for, as no figure is wider than the page
    "font.size": 8,
    "image.cmap": SEQUENTIAL,
    "legend.borderaxespad": 0.3,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    # whole fonts, as outlines that journals accept
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "rmt_rank",
    "xtick.labelsize": 7,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "xtick.minor.size": 1.5,
    "xtick.minor.width": 0.5,
    "ytick.labelsize": 7,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
    "ytick.minor.size": 1.5,
    "ytick.minor.width": 0.5,
}


def style(name: str = "screen") -> AbstractContextManager[None]:
    """Context in which figures are drawn and saved, by one thread at a time.

    A matplotlibrc file has no effect.

    Parameters
    ----------
    name : {"screen", "paper", "dark"}
        "paper": 300 dots an inch; "screen" and "dark", on a dark ground: 150.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    choice("style", name, STYLES)
    return _styled(name)


@contextmanager
def _styled(name: str) -> Iterator[None]:
    own: dict[str, Any] = {"figure.dpi": 300} if name == "paper" else {}
    base = ["default", "dark_background"] if name == "dark" else ["default"]
    with _lock, styles.context([*base, _COMMON | own]):
        yield


def ink() -> str:
    """The colour of everything but data and background: black, or white on a dark background."""
    return str(mpl.rcParams["text.color"])


def ground() -> str:
    """The colour of the background, with which hollow markers are filled."""
    return str(mpl.rcParams["axes.facecolor"])


def depth_colours(count: int) -> list[tuple[float, float, float, float]]:
    """Colours from shallow to deep, distinct in grey and to the colour-blind."""
    # the end of the ramp closest to the background is left out, and so is green, which marks tasks
    first, last = (0.3, 1.0) if ink() in ("white", "w") else (0.0, 0.85)
    ramp = mpl.colormaps[SEQUENTIAL]
    return [ramp(first + (last - first) * i / max(1, count - 1)) for i in range(count)]


def markers(count: int) -> list[str]:
    """Shapes of points, so that series can be distinguished without colour."""
    return [list("osD^v<>p")[i % 8] for i in range(count)]
