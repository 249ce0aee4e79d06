"""`parameterization`: its changes and ends against the Dataset."""

import numpy as np
import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("parameterization")


def test_changes(dataset, drawing):
    picture = drawing("parameterization", dataset)
    assert [panel.get_title("left") for panel in picture.panels[0]] == [
        "Default initialisation",
        "All begin as a product of 3",
        "Weights with that product's entries",
    ]
    for panel, name in zip(picture.panels[0], dataset.initialisation.values, strict=True):
        part = dataset.sel(initialisation=name)
        assert [text.get_text() for text in panel.get_xticklabels()] == ["1", "2", "3"]
        start = part.gram_rank_path.isel(step=0).median("repeat").values
        (dashes,) = picture.lines(panel, [1, 2, 3], start)
        assert dashes.get_marker() == "_"
        # from there to the median after the epochs, and the quartiles of that
        good = (part.converged == 1) | ((part.converged == 1).mean("repeat") < 0.9)
        ranks = part.gram_rank.where(good)
        low, middle, high = ranks.quantile([0.25, 0.5, 0.75], "repeat").values
        changes, bars, *_ = panel.collections
        for lines, ends in ((changes, (start, middle)), (bars, (low, high))):
            expected = np.stack([np.stack([[1, 2, 3], y], axis=1) for y in ends], axis=1)
            np.testing.assert_allclose(lines.get_segments(), expected)
        assert picture.levels(panel, float(part.task_gram_rank.median()))
        assert picture.levels(panel, float(part.minimal_gram_rank.median()))
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
    assert picture.hollow(panel, "o") == {(2, ended[1])}
    assert picture.full(panel, "o") == {(1, ended[0]), (3, ended[2])}
    last = part.fitted_gram_rank.median("repeat").values
    # not drawn where it did not get to zero error
    assert picture.full(panel, "D") == {(depth * 2**0.25, last[depth - 1]) for depth in (1, 2)}
    assert picture.hollow(panel, "D") == set()
