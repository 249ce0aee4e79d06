"""`parameterization`: its paths and ends against the Dataset."""

import numpy as np
import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("parameterization")


def test_paths(dataset, drawing):
    picture = drawing("parameterization", dataset)
    assert [panel.get_title("left") for panel in picture.panels[0]] == [
        "Default initialisation",
        "All begin as a product of 3",
        "Weights with that product's entries",
    ]
    steps = np.log1p(dataset.step.values)
    for panel, name in zip(picture.panels[0], dataset.initialisation.values, strict=True):
        part = dataset.sel(initialisation=name)
        assert [text.get_text() for text in panel.get_xticklabels()] == ["1", "2", "3"]
        for place in range(3):
            path = part.gram_rank_path.isel(depth=place).median("repeat").values
            (line,) = [each for each in panel.lines if np.array_equal(each.get_ydata(), path)]
            # within the depth's place, as far as the epochs' logarithm
            x = line.get_xdata()
            assert (x[0], x[-1]) == pytest.approx((place - 0.33, place + 0.33))
            assert np.diff(x) / np.diff(steps) == pytest.approx(0.66 / steps[-1])
            # where it begins: full, as hollow says that runs did not get there
            (dot,) = picture.lines(panel, x[:1], path[:1])
            assert dot.get_markerfacecolor() == dot.get_color()
        assert picture.levels(panel, float(part.task_gram_rank.median()))
        assert picture.levels(panel, float(part.minimal_gram_rank.median()))
    assert "path over 150 epochs, log scale" in picture.legend()
    assert "after 150 epochs" in picture.legend()


def test_ends(dataset, drawing):
    converged, fitted = dataset.converged | True, dataset.fitted | True
    # two of three are too few; one of three leaves out what it has
    converged[{"initialisation": 0, "depth": 1, "repeat": 0}] = False
    fitted[{"initialisation": 0, "depth": 2}] = False
    dataset["converged"], dataset["fitted"] = converged, fitted
    picture = drawing("parameterization", dataset)
    panel, part = picture.panels[0, 0], dataset.isel(initialisation=0)
    ended = part.gram_rank.median("repeat").values
    assert picture.hollow(panel, "s") == {(1.33, ended[1])}
    assert picture.full(panel, "s") == {(0.33, ended[0]), (2.33, ended[2])}
    last = part.fitted_gram_rank.median("repeat").values
    assert {y for _, y in picture.full(panel, "D")} == set(last[:2])
    # not drawn where it did not get to zero error
    assert picture.hollow(panel, "D") == set()
