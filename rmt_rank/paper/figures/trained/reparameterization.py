"""Figure 8: a linear layer of a model, and others that compute the same (a diagram).

Drawn after the caption and Appendix C, which name depth, residual connections, cardinality (here
branches) and normalisation.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from rmt_rank.paper.figures.figure import AxesArray, PaperFigure
from rmt_rank.paper.figures.style import ground, ink

__all__ = ["FIGURE", "draw"]

_HEIGHT = 0.7
_GAP = 0.5
_LINEAR, _OTHER = "C0", "0.6"


def draw(_dataset: None, axes: AxesArray) -> None:
    """Draw the diagram; it shows no data.

    Parameters
    ----------
    axes : ndarray of matplotlib.axes.Axes, shape (1, 1)
    """
    panel = axes[0, 0]
    panel.set(xlim=(-0.1, 13.1), ylim=(-0.1, 8.4), aspect="equal")
    panel.axis("off")
    _model(panel, 0.8, 7.5)
    _depth(panel, 0.6, 4.75)
    _residual(panel, 8.2, 4.75)
    _branches(panel, 0.6, 1.6)
    _normalisation(panel, 8.2, 1.6)


def _model(axes: Axes, x: float, y: float) -> None:
    """The model, with the linear layer that the box below replaces."""
    axes.annotate("$x$", (x - 0.2, y), va="center", ha="right")
    second = _chain(axes, x, y, [("$W_1$", 1), ("ψ", 0), ("$W_2$", 1)])
    end = _chain(axes, second, y, [("ψ", 0)])
    end = _chain(axes, _dots(axes, end, y), y, [("ψ", 0), ("$W_k$", 1)])
    _arrow(axes, (end, y), (end + _GAP, y))
    axes.annotate("$y$", (end + _GAP + 0.2, y), va="center")
    frame = FancyBboxPatch(
        (0, 0),
        13,
        6.3,
        boxstyle="round,pad=0,rounding_size=0.2",
        facecolor="none",
        edgecolor=ink(),
        linewidth=1,
    )
    axes.add_patch(frame)
    for corner, side in ((0.1, second - 1.1), (12.9, second)):
        axes.plot([side, corner], [y - _HEIGHT / 2, 6.25], ":", color=ink(), linewidth=1)


def _depth(axes: Axes, x: float, y: float) -> None:
    _title(axes, x, y, "depth (the paper's experiments)", "$W_e = W_d \\cdots W_2 W_1$")
    end = _dots(axes, _chain(axes, x, y, [("$W_1$", 1), ("$W_2$", 1)]), y)
    end = _chain(axes, end, y, [("$W_d$", 1)])
    _arrow(axes, (end, y), (end + _GAP, y))


def _residual(axes: Axes, x: float, y: float) -> None:
    _title(axes, x, y, "residual connection", "$W_e = W + I$")
    end = _chain(axes, x, y, [("$W$", 1), ("+", 0)])
    over = y + 0.7
    _arrow(axes, (x + 0.2, y), (x + 0.2, over), (end - 0.3, over), (end - 0.3, y + _HEIGHT / 2))
    _arrow(axes, (end, y), (end + _GAP, y))


def _branches(axes: Axes, x: float, y: float) -> None:
    _title(axes, x, y, "branches", "$W_e = B_1 A_1 + \\cdots + B_c A_c$", below=1.25)
    plus = x + 4.4
    for shift, i in ((0.55, "1"), (-0.55, "c")):
        level = y + shift
        axes.plot([x, x + 0.3, x + 0.3], [y, y, level], color=ink(), linewidth=1, zorder=1)
        end = _chain(axes, x + 0.3, level, [(f"$A_{i}$", 1), (f"$B_{i}$", 1)])
        _arrow(
            axes, (end, level), (plus, level), (plus, y + _HEIGHT / 2 * (1 if shift > 0 else -1))
        )
    axes.annotate("⋮", (x + 2.1, y), va="center", ha="center")
    _box(axes, plus - 0.3, y, 0.6, "+", _OTHER)
    _arrow(axes, (plus + 0.3, y), (plus + 0.3 + _GAP, y))


def _normalisation(axes: Axes, x: float, y: float) -> None:
    _title(axes, x, y, "batch normalisation", "linear only at test time")
    end = _chain(axes, x, y, [("$W$", 1), ("norm", 1)])
    _arrow(axes, (end, y), (end + _GAP, y))


def _title(axes: Axes, x: float, y: float, name: str, formula: str, below: float = 0.75) -> None:
    """A heading above the diagram, and its formula below."""
    axes.annotate(name, (x, y + 1.2), fontweight="bold", va="center")
    axes.annotate(formula, (x, y - below), va="center")


def _chain(axes: Axes, x: float, y: float, boxes: list[tuple[str, int]]) -> float:
    """Boxes, wide ones for linear layers, an arrow before each; where the last ends."""
    for name, linear in boxes:
        width = 1.1 if linear else 0.6
        _arrow(axes, (x, y), (x + _GAP, y))
        _box(axes, x + _GAP, y, width, name, _LINEAR if linear else _OTHER)
        x += _GAP + width
    return x


def _dots(axes: Axes, x: float, y: float) -> float:
    """Draw an arrow to the omitted boxes; return where it ends."""
    _arrow(axes, (x, y), (x + _GAP, y))
    axes.annotate("⋯", (x + _GAP + 0.25, y), va="center", ha="center")
    return x + _GAP + 0.5


def _box(axes: Axes, x: float, y: float, width: float, name: str, colour: str) -> None:
    box = FancyBboxPatch(
        (x, y - _HEIGHT / 2),
        width,
        _HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.12",
        edgecolor=colour,
        facecolor=ground(),
        linewidth=1.6,
        zorder=2,
    )
    axes.add_patch(box)
    axes.annotate(name, (x + width / 2, y), ha="center", va="center", zorder=3)


def _arrow(axes: Axes, *corners: tuple[float, float]) -> None:
    """A line through the corners, with a head at the last."""
    axes.plot(*zip(*corners, strict=True), color=ink(), linewidth=1, zorder=1)
    look = {"arrowstyle": "-|>", "color": ink(), "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", corners[-1], corners[-2], arrowprops=look, zorder=1)


FIGURE = PaperFigure(
    name="reparameterization",
    title="A linear layer, and what computes the same (a diagram)",
    aliases=("fig8", "captions:fig7"),
    experiment=None,
    draw=draw,
    caption="A linear layer, and others that compute the same and differ in their parameters.",
    row_height=4.4,
)
