"""`kernel-landscape`: a tiny run, the ranks on a plane, and verdicts on made numbers."""

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.landscapes import kernel_landscape
from rmt_rank.paper.experiments.landscapes.kernel_landscape import DEEP, SHALLOW

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("kernel-landscape")


@pytest.fixture(scope="module")
def plane():
    stream = np.random.default_rng(5)
    return stream.standard_normal((10, 6)), stream.standard_normal((3, 3, 6, 6))


def test_the_first_plane_is_drawn(tiny):
    middle = tiny["rank"].sel(alpha=0, beta=0)
    # eigenvalues below eps of the largest contribute eps log(1/eps) each
    assert float(abs(middle - tiny.origin_rank.isel(repeat=0)).max()) < 1e-12
    # the same planes at both reaches, other ranks for other features
    origin = tiny.origin_rank
    assert float(abs(origin.diff("reach")).max()) < 1e-12
    assert float(abs(origin.diff("features")).min()) > 1e-3


@pytest.mark.parametrize("last", [False, True])
def test_points_of_a_plane(plane, last):
    inputs, (weights, u, v) = plane
    at = np.array([-0.5, 0, 2.0])
    found = kernel_landscape._on_plane(*plane, at, last)
    for i, b in enumerate(at):
        for j, a in enumerate(at):
            signal = inputs.T
            for k in range(3):
                signal = (weights[k] + a * u[k] + b * v[k]) @ signal
                if last or k < 2:
                    signal = np.maximum(signal, 0)
            norms = np.linalg.norm(signal, axis=0)
            features = signal / np.where(norms > 0, norms, 1)
            s = np.linalg.svd(features.T @ features, compute_uv=False)
            p = s[s > 1e-14] / s.sum()
            # what is cut off, 10 values of 1e-14, has the entropy 3e-12
            assert found[i, j] == pytest.approx(-np.sum(p * np.log(p)), abs=1e-11)


def test_scales_do_not_count(plane):
    # which is why the rank has one law on the whole plane
    inputs, layers = plane
    at = np.array([-0.5, 2.0])
    larger = layers * np.array([0.1, 7.0, 3.0])[:, np.newaxis, np.newaxis]
    for last in (False, True):
        np.testing.assert_allclose(
            kernel_landscape._on_plane(inputs, larger, at, last),
            kernel_landscape._on_plane(inputs, layers, at, last),
            atol=1e-11,
        )


@pytest.fixture
def made(tiny):
    """A hundred planes on which networks differ by jitter alone."""
    stream = np.random.default_rng(0)
    dataset = tiny.isel(repeat=[0] * 100)
    for name in ("share", "mean_rank", "origin_rank"):
        shape = dataset[name].shape
        dataset[name] = dataset[name] * 0 + 0.5 + stream.uniform(-0.01, 0.01, shape)
    return dataset


def of(dataset, begin):
    return {f.verdict for f in kernel_landscape.verdict(dataset) if f.sentence.startswith(begin)}


@pytest.mark.parametrize(
    ("by", "expected"),
    [(0.1, Verdict.SUPPORTED), (-0.1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
def test_volume(made, by, expected):
    made["share"] = made.share + by * (made.network == DEEP)
    assert of(made, "The four-layer network has more") == {expected}


@pytest.mark.parametrize(
    ("by", "expected"), [(-0.1, Verdict.SUPPORTED), (0.1, Verdict.NOT_SUPPORTED)]
)
def test_almost_always(made, by, expected):
    made["mean_rank"] = made.mean_rank + by * (made.network == DEEP)
    assert of(made, "The four-layer network almost always") == {expected}
    assert of(made, f"The mean rank of {DEEP}") == {Verdict.NOT_SUPPORTED}
    assert of(made, f"The mean rank of {SHALLOW}") == {Verdict.SUPPORTED}
