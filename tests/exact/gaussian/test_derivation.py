"""The derivation proves its steps, and its checks can fail."""

from functools import cache

import pytest
import sympy as sp

from rmt_rank.exact import StepResult, derivation
from rmt_rank.exact.gaussian import _law_steps as law_steps
from rmt_rank.exact.gaussian import _levy_steps as levy_steps
from rmt_rank.exact.gaussian import _rank_steps as rank_steps
from rmt_rank.exact.gaussian._symbols import L, phi, vanishes_on_circle, y, z

STEPS = derivation()


@cache
def outcome(step):
    """Return the result of a step, checked once for all tests."""
    return step.check()


@pytest.mark.parametrize("step", STEPS, ids=[step.name for step in STEPS])
def test_step_holds(step):
    result = outcome(step)
    assert isinstance(result, StepResult)
    assert result, step.statement
    assert result.how.startswith(("symbolic", "40 digits at", "exact at"))
    assert step.statement.endswith(".")
    assert "=" in step.formula


def test_names_are_unique():
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names) == 15


def test_only_three_steps_are_samples():
    sampled = [s.name for s in STEPS if not outcome(s).how.startswith("symbolic")]
    assert sampled == ["whole moments", "real moments", "levy-khinchine"]


def test_trigonometric_decider_accepts_and_refuses():
    addition = sp.sin((L + 1) * phi) - sp.sin(phi) * sp.cos(L * phi) - sp.cos(phi) * sp.sin(L * phi)
    assert vanishes_on_circle(addition)
    assert not vanishes_on_circle(addition + sp.sin(phi))
    assert not vanishes_on_circle(L * addition + L - 1)
    with pytest.raises(ValueError, match="argument is"):
        vanishes_on_circle(sp.sin(phi**2))


@pytest.mark.parametrize(
    ("module", "name", "broken", "check"),
    [
        (law_steps, "JACOBIAN", -law_steps.JACOBIAN, "check_jacobian"),
        (law_steps, "JACOBIAN", law_steps.JACOBIAN + L, "check_cdf"),
        (law_steps, "CDF", 1 - law_steps.CDF, "check_cdf"),
        (law_steps, "LOG_DENSITY", law_steps.LOG_DENSITY + law_steps.LOG_SIGMA, "check_jacobian"),
        (law_steps, "K", 2 * law_steps.K, "check_generating_function"),
        (law_steps, "LOG_SIGMA", 2 * law_steps.LOG_SIGMA, "check_generating_function"),
        (law_steps, "LOG_M", law_steps.LOG_M + z / 10**38, "check_real_moments"),
        (rank_steps, "RHO", rank_steps.RHO + L / 10**9, "check_closed_form"),
        (rank_steps, "RHO", rank_steps.RHO + L / 10**9, "check_derivative"),
        (rank_steps, "RHO", rank_steps.RHO + L / 10**9, "check_gram"),
        (rank_steps, "RHO", rank_steps.RHO + 1, "check_shallow_end"),
        (rank_steps, "deep_end", lambda: -sp.log(L) - 7 / (2 * L), "check_deep_end"),
        (levy_steps, "q", lambda x: x / (sp.exp(x) - 1), "check_levy_identity"),
        (levy_steps, "q", lambda x: x / (sp.exp(x) - 1), "check_levy_positivity"),
        (levy_steps, "levy_times_y", lambda: y * sp.exp(-y / L), "check_levy_khinchine"),
    ],
)
def test_checks_can_fail(monkeypatch, module, name, broken, check):
    monkeypatch.setattr(module, name, broken)
    assert not getattr(module, check)()


def test_coefficients_of_one_factor_are_catalan_numbers():
    assert law_steps._fuss_catalan_by_series(1, 6) == [1, 1, 2, 5, 14, 42]
