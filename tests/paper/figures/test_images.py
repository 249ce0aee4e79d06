"""Pictures of figures against those in `baselines`, which `python FILE` makes anew.

Only what is not text is compared, at fixed places: letters depend on the version of FreeType, and
a constrained layout on the letters.  Numbers come from tiny runs, whose seeds are fixed.
"""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

from rmt_rank.paper import experiments
from rmt_rank.paper.figures import find
from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.style import style

BASELINES = Path(__file__).with_name("baselines")
NAMES = ("convolutional", "reparameterization", "residual-init", "singular-values")
DOTS_PER_INCH = 40

# Root mean square of the differences, of 255 levels.  Rounding moves a pixel by a level.  A row of
# pixels of a line that moves by one pixel changes by 255 at two places: in a picture h pixels high,
# a line over its width alone gives 255 sqrt(2/h), which is 29 or more here, and one of a hundredth
# of the width gives 2.9.
TOLERANCE = 1


def picture(name, dataset, path, change=None):
    with style("screen"):
        canvas = drawn(find(name), dataset)
        canvas.set_layout_engine("none")
        for text in canvas.findobj(Text):
            text.set_visible(False)
        for legend in canvas.legends:
            legend.set_visible(False)
        if change is not None:
            change(canvas)
        canvas.savefig(path, dpi=DOTS_PER_INCH)


@pytest.mark.parametrize("name", NAMES)
def test_same(name, tiny_runs, tmp_path):
    experiment = find(name).experiment
    made = tmp_path / f"{name}.png"
    picture(name, experiment and tiny_runs(experiment), made)
    assert compare_images(str(BASELINES / made.name), str(made), TOLERANCE) is None


def test_a_line_that_moves_is_noticed(tiny_runs, tmp_path):
    def move(canvas):
        line = canvas.axes[0].get_lines()[0]
        line.set_ydata(1.3 * np.asarray(line.get_ydata()))

    made = tmp_path / "residual-init.png"
    picture("residual-init", tiny_runs("residual-init"), made, move)
    assert "RMS" in compare_images(str(BASELINES / made.name), str(made), TOLERANCE)


def test_small():
    files = sorted(BASELINES.glob("*.png"))
    assert [path.stem for path in files] == sorted(NAMES)
    assert all(imread(path).shape[1] <= 280 for path in files)
    assert sum(path.stat().st_size for path in files) < 50_000


if __name__ == "__main__":
    BASELINES.mkdir(exist_ok=True)
    for each in NAMES:
        run = find(each).experiment
        numbers = run and experiments.find(run).run("tiny")
        picture(each, numbers, BASELINES / f"{each}.png")
