"""`convolutional` and `convolutional-layers`: lines against made numbers, without PyTorch."""

import json

import numpy as np
import pytest

from rmt_rank.paper import experiments

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

NETWORKS = ("plain", "2x", "4x")
SETTINGS = experiments.find("convolutional").settings("quick") | {"channels": [3, 4]}
EPOCHS = np.array([0, 1, 2, 6])


@pytest.fixture
def dataset():
    """Five repeats of three networks of three layers, of 30, 2 and 2 singular values."""
    stream = np.random.default_rng(0)
    dims = {"network": 3, "repeat": 5, "epoch": 4, "layer": 3}
    over_time = ("network", "repeat", "epoch")

    def random(*names):
        return names, stream.uniform(0.2, 1, [dims.get(name, 30) for name in names])

    found = {name: random(*over_time) for name in ("gram_rank", "loss", "test_loss")}
    found["layer_rank"] = random(*over_time, "layer")
    for name, rest in (("gram_values", ()), ("layer_values", ("layer",))):
        names, values = random(*over_time, *rest, name[:-1])
        found[name] = names, np.sort(values, axis=-1)[..., ::-1].copy()
    found["layer_values"][1][..., 1:, 2:] = np.nan
    found["diverged"] = ("network", "repeat"), np.zeros((3, 5), dtype=bool)
    attributes = {"settings": json.dumps(SETTINGS)}
    coordinates = {"network": list(NETWORKS), "repeat": range(5), "epoch": EPOCHS}
    return xarray.Dataset(found, coordinates, attributes)


def lost(dataset, network, count):
    """The Dataset after the first repeats of a network diverged in epoch 2."""
    gone = (dataset.network == network) & (dataset.repeat < count)
    for name in ("gram_values", "layer_values", "gram_rank", "layer_rank", "loss", "test_loss"):
        dataset[name] = dataset[name].where(~gone | (dataset.epoch < 2))
    dataset["diverged"] = dataset.diverged | gone
    return dataset


def median_share(values):
    return np.median(values / values[..., :1], axis=0)


def test_medians(dataset, drawing):
    # losses before training are cut
    dataset["test_loss"] = dataset.test_loss.where(dataset.epoch > 0, 50.0)
    picture = drawing("convolutional", dataset)
    kept = np.linspace(0, 29, 24).round().astype(int)
    for gram, weight, name in zip(*picture.panels[:2], NETWORKS, strict=True):
        part = dataset.sel(network=name)
        curves = -np.log(median_share(part.gram_values.values))[:, kept]
        drawn = [line.get_ydata() for line in gram.lines if len(line.get_xdata()) == 4]
        np.testing.assert_allclose(drawn, curves.T, rtol=1e-12)
        # the last of two convolutions, of which two singular values are there
        curves = median_share(part.layer_values.values[:, :, 1, :2])
        drawn = [line.get_ydata() for line in weight.lines if len(line.get_xdata()) == 4]
        np.testing.assert_allclose(drawn, curves.T, rtol=1e-12)
        # the largest on top of both, and steps of the rate at 1/2 and 5/6 of the epochs
        assert gram.get_ylim() == (14, -0.5)
        assert weight.get_ylim() == (0, 1.05)
        assert picture.levels(gram, 3)
        assert picture.levels(weight, 5)
    titles = [panel.get_title("left") for panel in picture.panels[0]]
    assert titles == ["plain", "2 factors", "4 factors"]
    ranks, weights, losses = picture.panels[2]
    for panel, values, style in (
        (ranks, dataset.gram_rank, "-"),
        (weights, dataset.layer_rank.mean("layer"), "-"),
        (losses, dataset.test_loss, "-"),
        (losses, dataset.loss, "--"),
    ):
        for name in NETWORKS:
            median = np.median(values.sel(network=name).transpose("repeat", "epoch"), axis=0)
            (line,) = picture.lines(panel, EPOCHS, median)
            assert line.get_linestyle() == style
            assert (6, median[-1]) in picture.full(panel)
        assert picture.hollow(panel) == set()
    # the axis of losses ends above all medians after the first epoch
    bottom, top = losses.get_ylim()
    later = dataset.test_loss.isel(epoch=slice(1, None)).median("repeat").max()
    assert (bottom, top) == (0, pytest.approx(1.1 * float(later)))


def test_names_beside_lines_are_in_order_and_apart(dataset, drawing):
    dataset["gram_rank"] = 0 * dataset.gram_rank + xarray.DataArray([1, 2, 1.01], dims="network")
    panel = drawing("convolutional", dataset).panels[2, 0]
    words = sorted((text.get_position()[1], text.get_text()) for text in panel.texts)
    assert [word for _, word in words] == ["plain", "4x", "2x"]
    places = [place for place, _ in words]
    assert min(np.diff(places)) > 0.12
    assert 0 <= places[0] < places[-1] <= 1.1


def test_runs_that_diverged_are_counted_and_left_out(dataset, drawing):
    picture = drawing("convolutional", lost(lost(dataset, "2x", 1), "4x", 5))
    titles = [panel.get_title("left") for panel in picture.panels[0]]
    assert titles == ["plain", "2 factors (1 of 5 diverged)", "4 factors (5 of 5 diverged)"]
    values = dataset.layer_values.sel(network="2x").values[1:, :, 1, :2]
    for curve in median_share(values).T:
        assert picture.lines(picture.panels[1, 1], EPOCHS, curve)
    drawn = [line.get_ydata() for line in picture.panels[0, 2].lines if len(line.get_xdata()) == 4]
    assert np.isnan(drawn).all()
    # ends are hollow where too few runs got there; two for losses, training and held out
    assert [len(picture.hollow(panel)) for panel in picture.panels[2]] == [1, 1, 2]
    assert [len(picture.full(panel)) for panel in picture.panels[2]] == [1, 1, 2]


def test_all_layers(dataset, drawing):
    picture = drawing("convolutional-layers", dataset)
    assert picture.panels.shape == (3, 4)
    kept = np.linspace(0, 29, 24).round().astype(int)
    for layer, row in enumerate(picture.panels):
        count, chosen = (2, slice(None)) if layer else (30, kept)
        for place, name in ((0, "plain"), (2, "4x")):
            values = dataset.layer_values.sel(network=name).values[:, :, layer, :count]
            for panel, found in (
                (row[place], np.median(values, axis=0)),
                (row[place + 1], median_share(values)),
            ):
                drawn = [line.get_ydata() for line in panel.lines if len(line.get_xdata()) == 4]
                np.testing.assert_allclose(drawn, found[:, chosen].T, rtol=1e-12)
    names = [panel.get_ylabel().partition("\n")[0] for panel in picture.panels[:, 0]]
    assert names == ["convolution 1", "convolution 2", "fully conn. 1"]
