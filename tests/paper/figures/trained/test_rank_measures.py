"""`rank-measures`: its paths and ends against the Dataset."""

import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("rank-measures")


def test_paths(dataset, drawing):
    dataset["fitted"] = dataset.fitted | True
    dataset["fitted"][{"depth": 2}] = False
    picture = drawing("rank-measures", dataset)
    assert picture.panels.shape == (2, 2)
    names = ("weight_rank", "threshold_rank", "stable_rank", "nuclear_norm")
    part = dataset.sel(threshold=0.01)
    for panel, name in zip(picture.panels.flat, names, strict=True):
        for place in range(3):
            path = part[f"{name}_path"].isel(depth=place).median("repeat")
            # two depths may have the same threshold rank throughout
            assert picture.lines(panel, part.step, path)
        # what is at zero error, right of all epochs
        ends = part[f"fitted_{name}"].median("repeat").values[:2]
        assert picture.full(panel) == {(450.0, end) for end in ends}
        assert picture.hollow(panel) == set()
    labels = [text.get_text() for text in picture.panels[1, 0].get_xticklabels()]
    assert labels == ["0", "10", "100", "zero\nerror"]
    assert picture.panels[0, 1].get_title("left") == "Threshold rank, τ = 0.01"
    assert picture.legend() == ["depth 1", "depth 2", "depth 3"]
