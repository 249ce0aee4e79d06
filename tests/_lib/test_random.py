"""Generators, streams and Gaussian blocks."""

from itertools import islice

import numpy as np
import pytest
from scipy import stats

from rmt_rank._lib.array import default_namespace
from rmt_rank._lib.random import gaussian, streams


def test_streams_are_reproducible_and_differ():
    first, second = ([s.random() for s in islice(streams(5), 3)] for _ in range(2))
    assert first == second
    assert len(set(first)) == 3
    assert [s.random() for s in islice(streams(5), 2)] == first[:2]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (int, "SFC64"),
        (np.random.SeedSequence, "SFC64"),
        (np.random.default_rng, "PCG64"),
        (np.random.Philox, "Philox"),
    ],
)
def test_streams_from_every_seed_that_numpy_accepts(make, kind):
    first, second = (list(islice(streams(make(9)), 2)) for _ in range(2))
    assert [s.random() for s in first] == [s.random() for s in second]
    assert type(first[0].bit_generator).__name__ == kind
    if kind == "SFC64":
        assert first[0].random() != next(streams(9)).random()
        assert next(streams(make(9))).random() == next(streams(9)).random()


@pytest.mark.parametrize(
    ("rng", "error"), [("seed", TypeError), (-1, ValueError), (1.5, TypeError)]
)
def test_streams_refuse_the_rest(rng, error):
    with pytest.raises(error, match="rng must be None, a non-negative integer or"):
        streams(rng)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_gaussian_has_the_law_asked_for(field):
    stream = np.random.default_rng(11)
    sample = gaussian(stream, (100, 200), field=field, scale=0.5, xp=default_namespace())
    assert sample.shape == (100, 200)
    parts = [sample.real, sample.imag] if field == "complex" else [sample]
    sigma = 0.5 / np.sqrt(len(parts))
    for part in parts:
        # Kolmogorov-Smirnov with a fixed seed; a fresh one fails with probability 1e-3
        assert stats.kstest(part.ravel(), stats.norm(scale=sigma).cdf).pvalue > 1e-3
    # E |g|^2 = scale^2; the mean of a million has a relative standard error of sqrt(2e-6) at most
    many = gaussian(stream, (1_000_000,), field=field, scale=0.5, xp=default_namespace())
    assert np.mean(np.abs(many) ** 2) == pytest.approx(0.25, rel=5 * np.sqrt(2e-6))
    if field == "complex":
        correlation = np.corrcoef(sample.real.ravel(), sample.imag.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(sample.size)


def test_gaussian_refuses_other_fields():
    with pytest.raises(ValueError, match="field must be one of 'real', 'complex', got 'p-adic'"):
        gaussian(np.random.default_rng(0), (1,), field="p-adic", scale=1.0, xp=default_namespace())
