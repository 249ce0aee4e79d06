"""Settings of sphinx-gallery: order, style, and figures for light and for dark pages.

sphinx-gallery calls `save_figures` after each block of an example and `reset` before each example.
"""

import warnings
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.artist import Artist
from matplotlib.colors import same_color
from matplotlib.figure import Figure

INK, PAPER = "#e6e6e6", "none"  # of the dark page
# Okabe and Ito's colours without black and yellow: distinct for everybody, and on both pages
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (6.4, 3.6),
    "font.size": 11,
    "legend.frameon": False,
}
# pairs of a getter and a setter; what is black becomes INK, what is white becomes transparent
COLOURED = ("color", "edgecolor", "facecolor", "markeredgecolor", "markerfacecolor")

TUTORIALS = (
    "rank_of_a_random_network",
    "your_own_weights",
    "monte_carlo",
    "watching_training",
    "torch_products",
)


class ReadingOrder:
    """Key by which sphinx-gallery sorts: tutorials as they are to be read, examples by name."""

    def __init__(self, _folder: str) -> None:
        pass

    def __call__(self, file: str) -> tuple[int, str]:
        """Return the place of a file."""
        stem = file.removesuffix(".py")
        return (TUTORIALS.index(stem) if stem in TUTORIALS else len(TUTORIALS), stem)


def reset(_gallery: dict[str, Any], _file: str) -> None:
    """Close all figures, set the style, and make the package's warnings errors."""
    # not those of matplotlib, which warns that a build shows no windows
    warnings.filterwarnings("error", r"(?!Matplotlib|FigureCanvas)", UserWarning)
    pyplot.close("all")
    matplotlib.rcdefaults()
    matplotlib.use("agg")
    matplotlib.rcParams.update(STYLE)


def save_figures(block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Save every open figure twice, close it, and return the directives that show one of the two.

    The light one comes first, because sphinx-gallery makes the thumbnail of it.
    """
    directives = []
    paths = variables["image_path_iterator"]
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        text = description(figure)
        for theme in ("light", "dark"):
            if theme == "dark":
                darken(figure)
            path = next(paths)
            paper = PAPER if theme == "dark" else "white"
            figure.savefig(path, dpi=160, facecolor=paper, edgecolor="none")
            source = path.replace("\\", "/").removeprefix(gallery["src_dir"].replace("\\", "/"))
            directives.append(
                f".. image:: /{source.lstrip('/')}\n   :alt: {text}\n   :class: only-{theme}\n"
                "   :width: 100%\n"
            )
        pyplot.close(figure)
    return "\n".join(directives)


def description(figure: Figure) -> str:
    """Return a sentence for readers who hear the page, from the titles and labels of a figure."""
    panels = []
    for axes in figure.axes:
        words = [axes.get_title(), axes.get_ylabel(), axes.get_xlabel()]
        title, y, x = (" ".join(word.replace("$", "").split()) for word in words)
        both = f"{y} against {x}" if x and y else x or y
        panels.append(": ".join(filter(None, (title, both))))
    return "Figure. " + "; ".join(filter(None, panels))


def darken(figure: Figure) -> None:
    """Turn what is black into the ink of a dark page, and what is white into its paper."""
    for artist in figure.findobj(Artist):
        for name in COLOURED:
            get, put = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
            if get is None or put is None:
                continue
            colour = get()
            if _is(colour, "black"):
                put(INK)
            elif _is(colour, "white"):
                put(PAPER)


def _is(colour: Any, name: str) -> bool:
    """Whether a colour, or each of a collection of colours, is the named one."""
    if isinstance(colour, str | tuple):
        return colour not in ("none", "auto", "") and bool(same_color(colour, name))
    return len(colour) > 0 and all(same_color(each, name) for each in colour)
