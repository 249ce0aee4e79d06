"""`residual-init`, `nonlinear-init`, `phases`: theory and simulation, and verdicts."""

import math

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.free_products import residual_init
from rmt_rank.paper.experiments.nonlinear import nonlinear_init, phases
from rmt_rank.theory.nonlinear.phases import phase

pytest.importorskip("xarray", reason="xarray is not installed")


def verdicts(module, dataset, words):
    return [f.verdict for f in module.verdict(dataset) if words in f.sentence]


@pytest.fixture(scope="module")
def residual(tiny_runs):
    return tiny_runs("residual-init")


@pytest.fixture(scope="module")
def nonlinear(tiny_runs):
    return tiny_runs("nonlinear-init")


@pytest.fixture(scope="module")
def phase_map(tiny_runs):
    return tiny_runs("phases")


def test_residual_numbers(residual):
    assert residual.sizes == {"network": 4, "field": 1, "width": 1, "depth": 3}
    # six standard errors (false alarm 2e-9 a cell), and three times the bias of real entries,
    # about 0.4/N for one layer and more for deeper ones
    allowed = 6 * residual.standard_error + 3 * 0.4 * residual.effective_depth / 16
    assert (abs(residual.misfit) < allowed).all()
    plain = residual.sel(network="plain", field="real", width=16)
    np.testing.assert_allclose(plain.limit[0], math.log(16) + math.log(4 / math.e) - 0.603156)
    np.testing.assert_allclose(plain.effective_depth, [1, 2, 4])
    small = residual.sel(network="residual-small")
    np.testing.assert_allclose(np.ravel(small.effective_depth[..., 0]), 0.75)


def test_residual_verdicts(residual):
    flat = residual.copy(deep=True)
    assert verdicts(residual_init, residual, "keep their rank") != [Verdict.SUPPORTED]
    flat["mean_rank"] = flat.mean_rank * 0 + 2
    assert verdicts(residual_init, flat, "keep their rank") == [Verdict.SUPPORTED]
    assert set(verdicts(residual_init, flat, "falls from")) == {Verdict.UNDECIDED}
    rising = residual.copy(deep=True)
    rising["mean_rank"] = rising.mean_rank + rising.depth
    assert set(verdicts(residual_init, rising, "falls from")) == {Verdict.NOT_SUPPORTED}
    assert set(verdicts(residual_init, residual, "limit of infinite")) == {Verdict.SUPPORTED}
    off = residual.assign(misfit=residual.misfit + 1)
    assert set(verdicts(residual_init, off, "limit of infinite")) == {Verdict.NOT_SUPPORTED}


def test_nonlinear_numbers(nonlinear):
    # six standard errors and the stated error, which twice covers what was measured
    assert (abs(nonlinear.misfit) < 6 * nonlinear.standard_error + nonlinear.allowed).all()
    # infinitely wide linear networks keep the kernel of their inputs
    linear = nonlinear.infinite_width.sel(activation="identity")
    np.testing.assert_allclose(linear[..., 0], linear[..., 1], rtol=0, atol=1e-12)


def test_nonlinear_verdicts(nonlinear):
    assert set(verdicts(nonlinear_init, nonlinear, "deeper networks")) == {Verdict.SUPPORTED}
    rising = nonlinear.assign(mean_rank=nonlinear.mean_rank + nonlinear.depth)
    assert set(verdicts(nonlinear_init, rising, "deeper networks")) == {Verdict.NOT_SUPPORTED}
    off = nonlinear.assign(misfit=nonlinear.misfit + 2)
    assert set(verdicts(nonlinear_init, off, "stated error")) == {Verdict.NOT_SUPPORTED}
    # what is said of infinite width is said of odd activations only
    assert verdicts(nonlinear_init, nonlinear, "infinite width") == []
    odd = nonlinear.assign_coords(activation=["tanh", "erf"])
    assert verdicts(nonlinear_init, odd, "infinite width")[1] is Verdict.SUPPORTED
    odd["infinite_width"] = odd.infinite_width * 0 + odd.depth
    assert set(verdicts(nonlinear_init, odd, "infinite width")) == {Verdict.NOT_SUPPORTED}


def test_phases(phase_map):
    relu, tanh = (phase_map.sel(activation=name) for name in ("relu", "tanh"))
    assert (relu.limit_rank == 0).all()
    assert (np.diff(relu.correlation.values, axis=1) > 0).all()
    for variance, slope in zip(tanh.weight_variance.values, tanh.slope.values, strict=True):
        assert slope == phase("tanh", variance).slope
    np.testing.assert_array_equal(tanh.frozen == 1, tanh.weight_variance <= 1)
    # chaos takes correlations to 0; where the variance vanishes layers become linear and keep them
    chaotic, frozen = (tanh.correlation.sel(weight_variance=v).values for v in (4.0, 0.25))
    assert (np.diff(chaotic) < -0.05).all()
    assert abs(np.diff(frozen))[-1] < abs(np.diff(frozen))[0] < 0.05
    assert [f.verdict for f in phases.verdict(phase_map)] == [
        Verdict.SUPPORTED,
        Verdict.NOT_SUPPORTED,
    ]
    some = phase_map.assign(limit_rank=phase_map.limit_rank.fillna(0))
    assert phases.verdict(some)[1].verdict is Verdict.IN_PART
