"""Images: digits that come with scikit-learn, subsets, targets, scale."""

import sys

import numpy as np
import pytest

from rmt_rank.data import Images, load_digits
from rmt_rank.data.images import of_bytes

IMAGES = Images(
    "some",
    np.random.default_rng(0).uniform(size=(30, 6)) * [1, 1, 1, 1, 0, 2],
    np.repeat([0, 1, 2], [6, 10, 14]),
    (2, 3),
    3,
)


def test_digits():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    digits = load_digits()
    assert digits.inputs.shape == (1797, 64)
    assert digits.inputs.dtype == np.float64
    assert (digits.inputs.min(), digits.inputs.max()) == (0, 1)
    # the data set's own documentation: about 180 of each of ten digits
    assert sorted(np.bincount(digits.labels)) == sorted(
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    )
    # the first image is a nought: nothing in its middle
    assert digits.labels[0] == 0
    assert (digits.inputs[0].reshape(8, 8)[3:5, 3:5] == 0).all()


def test_one_hot():
    assert IMAGES.one_hot.shape == (30, 3)
    np.testing.assert_array_equal(IMAGES.one_hot.argmax(axis=1), IMAGES.labels)
    np.testing.assert_array_equal(IMAGES.one_hot.sum(axis=1), 1)


@pytest.mark.parametrize("balanced", [False, True])
def test_subsets(balanced):
    some = IMAGES.subset(15, rng=1, balanced=balanced)
    assert len(some) == 15
    if balanced:
        np.testing.assert_array_equal(np.bincount(some.labels), 5)
        assert (np.diff(some.labels) < 0).any()  # not sorted by class
    # images with their labels, none twice
    places = [np.flatnonzero((IMAGES.inputs == x).all(axis=1)) for x in some.inputs]
    assert [p.size for p in places] == [1] * 15
    places = np.concatenate(places)
    assert len(set(places)) == 15
    np.testing.assert_array_equal(IMAGES.labels[places], some.labels)
    again = IMAGES.subset(15, rng=1, balanced=balanced)
    np.testing.assert_array_equal(again.inputs, some.inputs)
    assert not np.array_equal(IMAGES.subset(15, rng=2, balanced=balanced).inputs, some.inputs)


def test_all_of_them():
    np.testing.assert_array_equal(np.sort(IMAGES.subset(30, rng=0).labels), IMAGES.labels)


@pytest.mark.parametrize(
    ("count", "balanced", "error", "message"),
    [
        (31, False, ValueError, "count must be at most 30, the number of images, got 31"),
        (0, False, ValueError, "count must be an integer >= 1, got 0"),
        (2.0, False, TypeError, "count must be an integer >= 1, got 2.0"),
        (4, True, ValueError, "count must be a multiple of the 3 classes if balanced, .* got 4"),
        (21, True, ValueError, "if balanced, and at most 6 images per class, got 21"),
    ],
)
def test_bad_counts(count, balanced, error, message):
    with pytest.raises(error, match=message):
        IMAGES.subset(count, rng=0, balanced=balanced)


def test_standardised():
    x = IMAGES.standardised().inputs
    # means and mean squares of 30 and 180 numbers of order 1: rounding is below 1e-14
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-14)
    assert np.mean(x**2) == pytest.approx(1, rel=1e-14)
    # one scale for all: pixels that vary twice as much still do, constant ones are 0
    assert np.std(x[:, 5]) / np.std(x[:, 0]) == pytest.approx(
        np.std(IMAGES.inputs[:, 5]) / np.std(IMAGES.inputs[:, 0]), rel=1e-13
    )
    assert (x[:, 4] == 0).all()
    flat = Images("flat", np.ones((2, 3)), np.zeros(2, int), (3,), 1)
    assert (flat.standardised().inputs == 0).all()


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (np.zeros((3, 2, 2)), [0, 1], r"some: expected as many labels as images of shape \(2, 2\)"),
        (np.zeros((2, 2, 3)), [0, 1], r"some: expected as many labels as images of shape \(2, 2\)"),
        (np.zeros((2, 2, 2)), [0, 2], "some: expected labels from 0 to 1, got 2"),
    ],
)
def test_bytes_that_do_not_fit_together(pixels, labels, message):
    with pytest.raises(ValueError, match=message):
        of_bytes("some", pixels, labels, (2, 2), 2)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="needs the package scikit-learn: pip install scikit-"):
        load_digits()


def test_repr_is_short():
    assert repr(IMAGES) == "Images('some', 30 of shape (2, 3), 3 classes)"
