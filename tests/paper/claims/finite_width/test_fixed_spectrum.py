"""Claims at finite width: they hold, their quadrature is right, and they fail when code breaks."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.paper.claims import Context, Verdict, select
from rmt_rank.paper.claims.finite_width import (
    any_matrix,
    corrections,
    fixed_spectrum,
    gram_powers,
    superharmonic,
    width_two,
)
from rmt_rank.paper.claims.finite_width.width_two import mean_at_width_two

CLAIMS = (
    *any_matrix.CLAIMS,
    *gram_powers.CLAIMS,
    *fixed_spectrum.CLAIMS,
    *width_two.CLAIMS,
    *superharmonic.CLAIMS,
)


def evidence(name, seed=0, field="real"):
    context = Context([1.0, 2.0], [16], None, field, 20, seed, xp=np)
    (claim,) = select([name])
    return {line.check: line for line in claim.check(context)}


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("name", [claim.name for claim in CLAIMS])
def test_the_claims_hold(name, field):
    (claim,) = select([name])
    verdicts = {line.verdict for line in evidence(name, 1, field).values()}
    assert verdicts <= {Verdict.HOLDS, Verdict.REFUTED}
    assert (Verdict.REFUTED in verdicts) == (claim.status == "refuted")


@pytest.mark.parametrize("name", [claim.name for claim in corrections.CLAIMS])
def test_corrections_hold(name):
    (claim,) = select([name])
    verdicts = {line.verdict for line in evidence(name, 1).values()}
    assert verdicts == ({Verdict.REFUTED} if claim.status == "refuted" else {Verdict.HOLDS})


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("ratio", [1.0, 0.3, 0.1])
def test_quadrature_against_samples(field, ratio):
    samples = 40_000
    rng = np.random.default_rng(5)
    g = rng.standard_normal((samples, 2, 2))
    if field == "complex":
        g = g + 1j * rng.standard_normal((samples, 2, 2))
    sigma = np.linalg.svdvals(g * [1, ratio])
    r = sigma[:, 1] / sigma[:, 0]
    for function in (lambda r: r, lambda r: r**2, lambda r: np.sqrt(1 + r)):
        values = function(r)
        # five standard errors: a false alarm in 1e6
        error = 5 * values.std() / math.sqrt(samples)
        assert abs(mean_at_width_two(function, ratio, field) - values.mean()) < error


def test_a_wrong_correction_is_detected(monkeypatch):
    right = corrections.finite_width_correction
    monkeypatch.setattr(
        corrections,
        "finite_width_correction",
        lambda *a: right(*a)._replace(value=-right(*a).value),
    )
    lines = evidence("finite-width.complex")
    assert lines["width 8, depth 2: misfit, corrected over bare"].verdict is Verdict.FAILS


def test_shares_that_do_not_majorise_are_detected(monkeypatch):
    # a factor that is not exchangeable: its first column is small
    right = fixed_spectrum.gaussian
    monkeypatch.setattr(
        fixed_spectrum,
        "gaussian",
        lambda width, *a: right(width, *a) * np.where(np.arange(width) == 0, 0.1, 1),
    )
    lines = evidence("finite-width.size-biased")
    assert lines["size-biased shares of the k largest are at least those of A"].verdict is (
        Verdict.FAILS
    )


def failed(name, field="real"):
    return [k for k, line in evidence(name, field=field).items() if line.verdict is Verdict.FAILS]


def test_a_factor_that_is_not_invariant_is_detected(monkeypatch):
    right = any_matrix.gaussian
    for module in (any_matrix, gram_powers):
        monkeypatch.setattr(
            module,
            "gaussian",
            lambda width, *a: right(width, *a) * np.where(np.arange(width) == 0, 0.1, 1),
        )
    assert "Gaussian: the k largest shares do not fall in mean" in failed("theorem1.any-matrix")
    assert failed("finite-width.gram-complex", "complex")
    assert failed("finite-width.renyi")


def test_real_entries_are_not_complex_ones(monkeypatch):
    # the refutation for real entries does not hold for complex ones
    right = np.random.Generator.standard_normal

    class Complex(np.random.Generator):
        def standard_normal(self, shape):
            return right(self, shape) + 1j * right(self, shape)

    monkeypatch.setattr(
        any_matrix.np.random, "default_rng", lambda seed: Complex(np.random.SFC64(seed))
    )
    assert len(failed("finite-width.gram-real")) == 2


def test_a_minorant_that_is_too_large_is_detected(monkeypatch):
    right = any_matrix._minorant
    monkeypatch.setattr(any_matrix, "_minorant", lambda *a: right(*a) * (1 + 1e-12))
    assert len(failed("finite-width.nuclear-norm")) == 2
    monkeypatch.undo()
    # another family of matrices, which rotations do not reach
    right = any_matrix._anticonformal
    monkeypatch.setattr(
        any_matrix, "_anticonformal", lambda a, beta: right(a, beta) * np.array([[1, 3], [1, 1]])
    )
    assert failed("finite-width.nuclear-norm")


def test_another_ratio_is_detected(monkeypatch):
    right = gram_powers.critical_ratio
    monkeypatch.setattr(gram_powers, "critical_ratio", lambda p, N, field: right(p * 1.3, N, field))
    assert len(failed("finite-width.critical-power")) >= 3


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("power", [0.3, 1, 1.7])
def test_critical_ratio_against_quadrature(power, field):
    # E (chi_k/chi_l)^p by Beta densities: |P g_2|^2/(|P g_2|^2 + |g_1|^2) is Beta distributed
    N, beta = 5, 1 if field == "real" else 2
    law = stats.beta(beta * (N - 1) / 2, beta * N / 2)
    mean = integrate.quad(lambda x: (x / (1 - x)) ** (power / 2) * law.pdf(x), 0, 1)[0]
    assert gram_powers.critical_ratio(power, N, field) == pytest.approx(mean, rel=1e-7)


def test_a_sum_that_matters_is_detected(monkeypatch):
    right = width_two._log_nuclear
    monkeypatch.setattr(width_two, "_log_nuclear", lambda t, field: right(t, field) + 1e-9 * t)
    lines = evidence("finite-width.two-by-two")
    assert lines["real: E log |G diag(d)|_* depends on d_1 + d_2 only"].verdict is Verdict.FAILS


@pytest.mark.parametrize("beta", [1, 2])
@pytest.mark.parametrize("width", [2, 3, 5])
def test_laplacian_by_differences(width, beta):
    x = np.linspace(1, -0.8, width) ** 3  # no two alike
    step = 1e-3 * np.eye(width)

    def rank(x):
        return effective_rank(np.exp(x))

    up, down, here = (np.array([rank(x + h) for h in d]) for d in (step, -step, 0 * step))
    first, second = (up - down) / 2e-3, (up - 2 * here + down) / 1e-6
    pairs = [(i, j) for i in range(width) for j in range(i)]
    found = second.sum() + beta * sum(
        (first[i] - first[j]) / np.tanh(x[i] - x[j]) for i, j in pairs
    )
    # step^2/12 times fourth derivatives below 10, step^2/6 times third ones over differences of
    # 0.1 and more, and rounding, 1e-16/step^2 a term
    assert superharmonic.laplacian(x, beta) == pytest.approx(found, abs=1e-4)
