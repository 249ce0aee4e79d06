"""Every figure on a journal's page: widths, letters, and labels that are whole and apart."""

import numpy as np
import pytest
from matplotlib.text import Text

from rmt_rank.paper import experiments
from rmt_rank.paper.figures import FIGURES, find
from rmt_rank.paper.figures.figure import caption, drawn
from rmt_rank.paper.figures.style import DOUBLE, SINGLE, style

# Points; the smallest letters that journals print, and inches of a page's height.
SMALLEST, HIGHEST = 6, 9


def shown(canvas):
    """Texts that are drawn: not those of ticks beyond the axis, nor of axes that are off."""
    hidden = set()
    for axes in canvas.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            for tick in ticks:
                if not axes.axison or not low - slack <= tick.get_loc() <= high + slack:
                    hidden |= {tick.label1, tick.label2}
        if not axes.axison:
            hidden |= {axes.xaxis.label, axes.yaxis.label, axes.title}
    texts = canvas.findobj(lambda each: isinstance(each, Text) and each.get_visible())
    return [text for text in texts if text.get_text().strip() and text not in hidden]


@pytest.mark.parametrize("name", FIGURES)
def test_page(name, tiny_runs):
    figure = find(name)
    with style("screen"):
        canvas = drawn(figure, figure.experiment and tiny_runs(figure.experiment))
        canvas.draw_without_rendering()
    width, height = canvas.get_size_inches()
    assert width in (SINGLE, DOUBLE)
    assert height <= HIGHEST
    texts = shown(canvas)
    assert min(text.get_fontsize() for text in texts) >= SMALLEST
    boxes = np.array([text.get_window_extent().extents for text in texts])
    words = [text.get_text() for text in texts]
    # a pixel, as letters are put on whole ones
    outside = (boxes[:, :2] < -1).any(1) | (boxes[:, 2:] > np.array(canvas.bbox.size) + 1).any(1)
    assert [word for word, out in zip(words, outside, strict=True) if out] == []
    low = np.maximum(boxes[:, np.newaxis, :2], boxes[np.newaxis, :, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], boxes[np.newaxis, :, 2:])
    # boxes are a little higher than the letters in them
    meet = np.triu((high - low > 2).all(axis=-1), 1)
    assert [(words[i], words[j]) for i, j in np.argwhere(meet)] == []


@pytest.mark.parametrize("name", FIGURES)
def test_captions(name):
    figure = find(name)
    settings = {}
    if figure.experiment is not None:
        settings = experiments.find(figure.experiment).settings("full")
    words = caption(figure, settings)
    assert words.endswith(".")
    assert "{" not in words
    assert "[" not in words
