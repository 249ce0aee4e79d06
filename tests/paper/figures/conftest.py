"""Drawn figures, and the data of their artists."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from rmt_rank.paper.figures import find
from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.style import ground, style


class Drawing:
    """A drawn figure, and the data of its artists."""

    def __init__(self, name, dataset):
        figure = find(name)
        with style("screen"):
            self.canvas = drawn(figure, dataset)
            self.ground = ground()
            self.canvas.draw_without_rendering()
        rows, columns = figure.panels(dataset)
        # bars and twin axes come after the panels
        self.panels = np.array(self.canvas.axes[: rows * columns]).reshape(rows, columns)

    def lines(self, panel, x, y):
        """Lines of a panel with these data, to rounding."""
        return [
            line
            for line in panel.lines
            if len(line.get_xdata()) == len(x)
            and np.allclose(line.get_xdata(), x, rtol=1e-12)
            and np.allclose(line.get_ydata(), y, rtol=1e-12)
        ]

    def levels(self, panel, value):
        """Lines across or down a whole panel at the value."""
        return [
            line
            for line in panel.lines
            if {(0, 1), (value, value)} == {tuple(line.get_xdata()), tuple(line.get_ydata())}
        ]

    def hollow(self, panel, marker=None):
        """Places of hollow markers; those of one shape only if it is given."""
        return self._markers(panel, marker, True)

    def full(self, panel, marker=None):
        """Places of full markers."""
        return self._markers(panel, marker, False)

    def _markers(self, panel, marker, hollow):
        return {
            (float(x), float(y))
            for line in panel.lines
            if line.get_linestyle() == "None"
            and line.get_marker() in ((marker,) if marker else tuple("osD^v<>"))
            and (to_rgba(line.get_markerfacecolor()) == to_rgba(self.ground)) is hollow
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        }

    def legend(self):
        """Words of the legend, of the figure or of a panel."""
        legends = [*self.canvas.legends, *(a.get_legend() for a in self.canvas.axes)]
        return [text.get_text() for one in legends if one for text in one.get_texts()]


@pytest.fixture
def drawing():
    """From a figure's name and a Dataset to a `Drawing`."""
    return Drawing
