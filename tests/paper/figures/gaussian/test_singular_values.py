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
    assert len(canvas.axes) == 2
    for panel, width in zip(canvas.axes, (8, 16), strict=True):
        draws = {8: 40, 16: 10}[width]
        assert panel.get_title("left") == f"width {width}, {draws} products"
        steps = zip(panel.patches, panel.lines, panel.texts, (1, 2, 4), strict=True)
        for patch, line, text, depth in steps:
            part = dataset.sel(width=width, depth=depth)
            values, edges, _ = patch.get_data()
            np.testing.assert_allclose(edges, np.exp(part.log_edges))
            # the share of each bin, whatever the axis; nan where it is empty
            sizes = np.diff(part.log_edges) if log else np.diff(edges)
            shares = np.nan_to_num(values) * sizes
            np.testing.assert_allclose(shares, part.log_density * np.diff(part.log_edges))
            x, y = line.get_xdata(), line.get_ydata()
            density = singular_value_law.pdf(x, depth) * (x if log else 1)
            np.testing.assert_allclose(y, density, rtol=1e-12)
            assert text.get_text() == f"depth {depth}"
        assert panel.get_xscale() == "log"
        assert panel.get_yscale() == ("linear" if log else "log")
        assert panel.get_xlabel() == "singular value σ"
