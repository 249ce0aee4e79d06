"""`residual`: its lines against the Dataset."""

import numpy as np
import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("residual")


def test_lines(dataset, drawing):
    dataset["fitted"] = dataset.fitted | True
    picture = drawing("residual", dataset)
    assert picture.panels.shape == (1, 3)
    names = ("initial_weight_rank", "fitted_weight_rank", "initial_loss")
    for panel, name in zip(picture.panels[0], names, strict=True):
        medians = dataset[name].median("repeat")
        for network in dataset.network.values:
            assert picture.lines(panel, dataset.depth, medians.sel(network=network))
        # told apart without colour
        assert [len(picture.full(panel, marker)) for marker in "osD^"] == [3] * 4
        assert picture.hollow(panel) == set()
        assert panel.get_xlabel() == "depth"
    assert picture.panels[0, 2].get_yscale() == "log"
    assert picture.panels[0, 0].get_ylim() == picture.panels[0, 1].get_ylim()
    level = float(np.median(dataset.minimal_weight_rank))
    assert picture.levels(picture.panels[0, 1], level)
    assert "residual, batch normalisation" in picture.legend()


def test_hollow_where_too_few_fit(dataset, drawing):
    flags = dataset.fitted | True
    flags[{"network": 1, "depth": 2, "repeat": 0}] = False
    dataset["fitted"] = flags
    picture = drawing("residual", dataset)
    part = dataset.isel(network=1, depth=2)
    # the median of all runs: those that fit are too few to stand for the others
    assert picture.hollow(picture.panels[0, 1]) == {(3.0, float(part.fitted_weight_rank.median()))}
    assert picture.hollow(picture.panels[0, 0]) == set()
