"""`kernel-vs-weight`: points and the line."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.landscapes.kernel_vs_weight import line
from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.landscapes import kernel_vs_weight
from rmt_rank.paper.figures.style import style

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_points_and_line(tiny_runs):
    dataset = tiny_runs("kernel-vs-weight")
    with style():
        canvas = drawn(kernel_vs_weight.FIGURE, dataset)
        canvas.draw_without_rendering()
    assert len(canvas.axes) == 2
    for panel, pixels in zip(canvas.axes, ("as they are", "centred"), strict=True):
        part = dataset.sel(pixels=pixels)
        *points, fitted = panel.lines
        for each, depth in zip(points, (1, 2, 4), strict=True):
            np.testing.assert_array_equal(each.get_xdata(), part.weight_rank.sel(depth=depth))
            np.testing.assert_array_equal(each.get_ydata(), part.gram_rank.sel(depth=depth))
        found = line(part)
        x = fitted.get_xdata()
        assert (x.min(), x.max()) == (part.weight_rank.min(), part.weight_rank.max())
        np.testing.assert_allclose(fitted.get_ydata(), found.intercept + found.slope * x)
        title = panel.get_title("left")
        assert title.startswith(f"pixels {pixels}")
        assert f"slope {found.slope:.3f}" in title
        assert panel.get_xlabel() == "rank of the weight (nats)"
    (legend,) = canvas.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["depth 1", "depth 2", "depth 4", "least squares"]
