"""`singular-values`: its histograms and curves against the Dataset and the law."""

import numpy as np
import pytest

from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.gaussian import singular_values
from rmt_rank.paper.figures.style import style
from rmt_rank.theory.gaussian.fuss_catalan import singular_value_law


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("singular-values")


@pytest.mark.parametrize("log", [False, True])
def test_panels(dataset, log):
    figure = singular_values.LOGARITHMIC if log else singular_values.FIGURE
    with style():
        canvas = drawn(figure, dataset)
        canvas.draw_without_rendering()
    panels = np.array(canvas.axes).reshape(2, 3)
    for i, width in enumerate((8, 16)):
        for panel, depth in zip(panels[i], (1, 2, 4), strict=True):
            part = dataset.sel(width=width, depth=depth)
            (patch,) = panel.patches
            values, edges, _ = patch.get_data()
            prefix = "log_" if log else ""
            np.testing.assert_array_equal(values, part[f"{prefix}density"])
            expected = part[f"{prefix}edges"].values
            np.testing.assert_allclose(edges, np.exp(expected) if log else expected)
            (line,) = panel.lines
            x, y = line.get_xdata(), line.get_ydata()
            density = singular_value_law.pdf(x, depth) * (x if log else 1)
            np.testing.assert_allclose(y, density, rtol=1e-12)
            assert panel.get_xscale() == ("log" if log else "linear")
            *cut, text = panel.texts
            # the density has no bound beyond depth 1
            words = ["↑ cut at 2"] if depth > 1 and not log else []
            assert [each.get_text() for each in cut] == words
            assert f"distance {float(part.distance):.4f}" in text.get_text()
            assert f"bound {float(part.bound):.4f}" in text.get_text()
        assert panels[i, 0].get_ylabel().endswith(f", width {width}")
    assert [panel.get_title("left") for panel in panels[0]] == ["depth 1", "depth 2", "depth 4"]
    assert {panel.get_xlabel() for panel in panels[1]} == {"singular value"}
