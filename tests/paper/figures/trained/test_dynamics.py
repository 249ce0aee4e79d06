"""`dynamics`: spectra and losses against the Dataset."""

import numpy as np
import pytest

from rmt_rank.paper.figures.trained.dynamics import colours

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture
def dataset(tiny_runs):
    return tiny_runs("dynamics")


def at(dataset, row, column):
    return dataset.isel(initialisation=row, expansion=column, learning_rate=0, repeat=0)


def test_spectra_and_losses(dataset, drawing):
    # a twin for each panel, for losses
    picture = drawing("dynamics", dataset)
    twins = np.array(picture.canvas.axes[4:]).reshape(2, 2)
    for row, column in np.ndindex(2, 2):
        panel, part = picture.panels[row, column], at(dataset, row, column)
        values = part.gram_values.values.astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            curves = -np.log(values / values[:, :1])
        drawn = [line for line in panel.lines if len(line.get_xdata()) == dataset.epoch.size]
        assert len(drawn) == values.shape[1]
        for line, curve in zip(drawn, curves.T, strict=True):
            known = np.isfinite(curve)
            np.testing.assert_allclose(line.get_ydata()[known], curve[known], rtol=1e-12)
            assert np.isnan(line.get_ydata()[~known]).all()
        # the largest on top
        assert panel.get_ylim()[0] > panel.get_ylim()[1]
        for name, style in (("loss", "-"), ("test_loss", "--")):
            (line,) = picture.lines(twins[row, column], part.epoch.values, part[name].values)
            assert line.get_linestyle() == style
        # steps of the rate at 1/2 and 5/6 of the epochs
        assert picture.levels(panel, 60)
        assert picture.levels(panel, 100)
    titles = [panel.get_title("left") for panel in picture.panels[:, 1]]
    assert titles == [f"over-parameterized ×4, variance {v}" for v in ("1/(3n)", "2/n")]
    # all losses are within their axes, which are the same
    assert len({twin.get_ylim() for twin in twins.flat}) == 1
    assert twins[0, 0].get_ylim()[1] > float(at(dataset, 1, 0).loss.max())


def test_differences_from_the_paper_are_named(dataset, drawing):
    picture = drawing("dynamics", dataset)
    words = picture.canvas.get_suptitle()
    for each in ("digits", "full batches", "rate 0.02", "CIFAR100", "convolutional", "SGD"):
        assert each in words


def test_a_network_that_diverged_is_drawn_as_far_as_it_got(dataset, drawing):
    for name in ("gram_values", "loss", "test_loss"):
        dataset[name] = dataset[name].where((dataset.expansion == 1) | (dataset.epoch < 30))
    picture = drawing("dynamics", dataset)
    last = picture.panels[0, 1].lines[0]
    assert np.isnan(last.get_ydata()[-1])
    assert np.isfinite(last.get_ydata()[0])
    known = int(dataset.epoch.values[dataset.epoch < 30][-1])
    words = [[text.get_text() for text in twin.texts] for twin in picture.canvas.axes[4:]]
    assert words == [[], [f"diverged after epoch {known}"]] * 2


def test_a_network_that_is_missing_has_an_empty_panel(dataset, drawing):
    for name in ("gram_values", "loss", "test_loss"):
        dataset[name] = dataset[name].where(dataset.expansion == 1)
    picture = drawing("dynamics", dataset)
    assert [len(twin.texts) for twin in picture.canvas.axes[4:]] == [0] * 4


def test_a_spike_of_the_loss_is_cut(dataset, drawing):
    spike = (dataset.epoch == 5) & (dataset.expansion == 4) & (dataset.initialisation == "he")
    dataset["loss"] = dataset.loss.where(~spike, 1000.0)
    picture = drawing("dynamics", dataset)
    twins = picture.canvas.axes[4:]
    begin = max(float(dataset[n].isel(epoch=0).max()) for n in ("loss", "test_loss"))
    assert begin < twins[0].get_ylim()[1] < 2 * begin
    words = [[text.get_text() for text in twin.texts] for twin in twins]
    assert words == [[], [], [], ["loss up to 1e+03, cut"]]


def test_colours_go_from_blue_to_red():
    first, *_, last = colours(5)
    assert first[2] > first[0]
    assert last[0] > last[2]
    assert len(colours(1)) == 1
