"""The expected effective rank: exact cases, formulas against simulation, regimes, bad input."""

import math
import warnings
from functools import lru_cache

import mpmath
import numpy as np
import pytest

from rmt_rank import estimate, expected_effective_rank
from rmt_rank.simulation.means.expected import RegimeWarning


def test_exact_values_of_one_matrix_of_width_two():
    # E[H] over the density of p = sigma_1/(sigma_1+sigma_2): singular values of a 2 x 2 Gaussian
    # matrix have density |s1^2 - s2^2|^beta (s1 s2)^(beta-1) exp(-beta (s1^2+s2^2)/2); scale out
    for field, beta in (("real", 1), ("complex", 2)):

        def weight(p, beta=beta):
            q = 1 - p
            shape = (p**2 - q**2) ** beta * (p * q) ** (beta - 1)
            return shape / (p**2 + q**2) ** (2 * beta)

        def entropy(p):
            return -p * mpmath.log(p) - (1 - p) * mpmath.log(1 - p) if p < 1 else mpmath.mpf(0)

        with mpmath.workdps(25):
            half = mpmath.mpf(1) / 2
            total = mpmath.quad(weight, [half, 1])
            mean = mpmath.quad(lambda p: weight(p) * entropy(p), [half, 1]) / total
        result = expected_effective_rank(2, 1, field=field)
        assert result.value == pytest.approx(float(mean), rel=1e-15)
        assert (result.method, result.error, result.error_kind) == ("exact", 0, "none")
        assert result.exponentiated == math.exp(result.value)


def test_no_matrices_and_no_width():
    assert expected_effective_rank(7, 0).value == math.log(7)
    assert expected_effective_rank(1, 9).value == 0
    assert expected_effective_rank(7, 0, power=3).method == "exact"


CELLS = [(8, 1), (8, 2), (16, 1), (16, 4), (32, 2), (32, 8)]


@pytest.mark.parametrize(
    ("field", "power"),
    [
        ("real", 1),
        ("complex", 2),
        pytest.param("real", 2, marks=pytest.mark.slow),
        pytest.param("complex", 1, marks=pytest.mark.slow),
    ],
)
def test_corrected_limit_against_simulation(field, power):
    for width, depth in CELLS:
        formula = expected_effective_rank(
            width, depth, field=field, power=power, method="corrected"
        )
        limit = expected_effective_rank(width, depth, field=field, power=power, method="limit")
        found = estimate(
            "effective_rank", width, depth, field=field, power=power, samples=4000, rng=7
        )
        misfit = abs(found.value - formula.value)
        # 24 cells, 5 standard errors each
        assert misfit <= formula.error + 5 * found.error
        # the corrections shrink the misfit, wherever sampling can see it
        bare = abs(found.value - limit.value)
        if bare > 10 * found.error:
            assert misfit < bare
        assert bare <= limit.error + formula.error + 5 * found.error


@lru_cache
def misfits(field):
    """Widths, and by how much sampled means are above the limit, with their errors."""
    widths = np.array([8.0, 12, 16, 24, 32, 48])
    found = [
        estimate("effective_rank", int(width), 2, field=field, samples=8000, rng=3)
        for width in widths
    ]
    limits = [
        expected_effective_rank(int(width), 2, field=field, method="limit").value
        for width in widths
    ]
    misfit = [each.value - limit for each, limit in zip(found, limits, strict=True)]
    return widths, misfit, [each.error for each in found]


@pytest.mark.parametrize(
    ("field", "powers", "expected"),
    [
        # R_2 of the real expansion, conjectured; the rest takes up 1/N^2 and 1/N^3
        ("real", (1, 2, 3), -0.4436796),
        # no 1/N for complex entries
        pytest.param("complex", (1, 2, 3), 0.0, marks=pytest.mark.slow),
        # A_2 of the complex expansion; the next hard-edge term is of order N^-(L+3)/2 = N^-2.5
        pytest.param("complex", (2, 2.5, 3), 0.7083333, marks=pytest.mark.slow),
    ],
)
def test_rates_in_the_width(field, powers, expected):
    widths, misfit, error = misfits(field)
    design = widths[:, np.newaxis] ** -np.array(powers)
    weighted = design / np.array(error)[:, np.newaxis]
    covariance = np.linalg.inv(weighted.T @ weighted)
    leading = (covariance @ weighted.T @ (np.array(misfit) / error))[0]
    # 5 standard errors of the regression, and 0.01 for the powers that are left out
    assert abs(leading - expected) < 5 * math.sqrt(covariance[0, 0]) + 0.01


def test_auto_chooses_a_valid_method():
    wide = expected_effective_rank(256, 8)
    assert (wide.method, wide.status) == ("corrected", "conjectured")
    assert expected_effective_rank(256, 8, field="complex").status == "verified"
    assert expected_effective_rank(256, 1).status == "verified"
    few = expected_effective_rank(8, 8, target_error=0.01, rng=0)
    assert (few.method, few.error_kind) == ("monte-carlo", "standard error")
    assert few.error <= 0.01
    assert "no formula" in few.why
    deep = expected_effective_rank(4, 20, target_error=0.01, rng=0)
    assert "standard error is too small" in deep.why
    precise = expected_effective_rank(16, 2, target_error=1e-3, rng=0)
    assert precise.method == "monte-carlo"
    assert "leaves out" in precise.why
    assert "powers from 1 to 2" in expected_effective_rank(64, 2, power=3, rng=0).why


def test_forced_methods_warn_outside_their_regime():
    for method in ("corrected", "limit"):
        with pytest.warns(RegimeWarning, match="not known to hold at width 8, depth 8"):
            expected_effective_rank(8, 8, method=method)
    with pytest.warns(RegimeWarning):
        assert expected_effective_rank(2, 300, method="corrected").exponentiated == math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected_effective_rank(32, 8, method="corrected")
        assert expected_effective_rank(64, 2.5, method="limit").error < 0.02


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("method", ["limit", "corrected"])
@pytest.mark.parametrize(
    ("width", "depth", "power", "reason"),
    [
        (16, 16, 1, "not known to hold: depth > width/4"),
        (16, 2, 3, "not known to hold: power outside 1 to 2"),
        (16, 16, 3, "not known to hold: depth > width/4 and power outside 1 to 2"),
        ([32, 16], None, 3, "not known to hold: power outside 1 to 2"),
        ([16, 8, 8, 8, 8], None, 2, "not known to hold: effective depth > width/4"),
    ],
)
def test_why_says_that_a_method_was_forced(method, field, width, depth, power, reason):
    with pytest.warns(RegimeWarning, match="not known"):
        found = expected_effective_rank(width, depth, field=field, power=power, method=method)
    assert found.why.startswith("it was asked for")
    assert found.why.endswith(reason)
    assert "holds" not in found.why
    assert found.status != "verified"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": 0}, ValueError, "width must be an integer >= 1, got 0"),
        ({"width": 2.5}, TypeError, "width must be an integer >= 1, got 2.5"),
        ({"depth": -1}, ValueError, "depth must be finite and >= 0 and <= 9.0072.*, got -1"),
        ({"depth": 2.5}, ValueError, "depth must be an integer where matrices are multiplied"),
        ({"field": "R"}, ValueError, "field must be one of"),
        ({"power": 0}, ValueError, "power must be finite and >= 2.2.*e-308, got 0"),
        ({"method": "guess"}, ValueError, "method must be one of 'auto', 'exact', 'limit'"),
        ({"method": "exact"}, ValueError, "there is no exact value for width 4, depth 2, power 1"),
        ({"target_error": 0}, ValueError, "target_error must be finite and >= 2.22045e-16, got 0"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        expected_effective_rank(**({"width": 4, "depth": 2} | arguments))


@pytest.mark.parametrize(
    "arguments", [(8, 8), pytest.param(([8, 9, 10, 8],), marks=pytest.mark.slow)], ids=str
)
def test_monte_carlo_on_a_device(simulated_device, arguments):
    options = {"method": "monte-carlo", "target_error": 1e-2, "rng": 0}
    found = expected_effective_rank(*arguments, xp=simulated_device, **options)
    expected = expected_effective_rank(*arguments, **options)
    assert found.value != expected.value
    # exceeded with probability 6e-7
    assert abs(found.value - expected.value) < 5 * math.hypot(found.error, expected.error)
