"""`kernel-ablation`: its lines against the Dataset."""

import pytest


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("kernel-ablation")


def test_lines(dataset, drawing):
    picture = drawing("kernel-ablation", dataset)
    assert picture.panels.shape == (2, 4)
    for panel, kernel in zip(picture.panels.flat, dataset.kernel.values, strict=True):
        part = dataset.sel(kernel=kernel)
        for name, style in (("initial_rank", ":"), ("fitted_rank", "-")):
            middle = part[name].median("repeat").values
            styles = [each.get_linestyle() for each in picture.lines(panel, [1, 2, 3], middle)]
            assert style in styles
        assert picture.levels(panel, float(part.minimal_rank.median()))
        assert picture.levels(panel, float(part.task_rank.median()))
    titles = [panel.get_title("left") for panel in picture.panels.flat]
    assert titles[0] == "cosine"
    assert "−distance (indefinite)" in titles
    assert picture.panels[0, 0].get_ylabel() == "effective rank, nats"
    assert "at zero training error" in picture.legend()


def test_unconverged_are_hollow(dataset, drawing):
    fitted = dataset.fitted | True
    fitted[{"depth": 2, "repeat": 0}] = False
    dataset["fitted"] = fitted
    picture = drawing("kernel-ablation", dataset)
    for panel, kernel in zip(picture.panels.flat, dataset.kernel.values, strict=True):
        middle = dataset.sel(kernel=kernel).fitted_rank.median("repeat").values
        assert picture.hollow(panel) == {(3.0, middle[2])}
        assert len(picture.full(panel, "D")) == 2


def test_fewer_kernels_leave_panels_empty(dataset, drawing):
    few = dataset.isel(kernel=slice(6))
    picture = drawing("kernel-ablation", few)
    assert [panel.axison for panel in picture.panels.flat] == [True] * 6 + [False] * 2
