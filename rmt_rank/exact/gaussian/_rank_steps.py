"""From the moments to rho: closed forms, the derivative in L, both ends, the sign."""

from __future__ import annotations

from typing import Any

import sympy as sp

from rmt_rank.exact.gaussian._law_steps import LOG_M
from rmt_rank.exact.gaussian._symbols import HALF, SYMBOLIC, L, StepResult, z, zero

__all__ = [
    "RHO",
    "check_closed_form",
    "check_deep_end",
    "check_derivative",
    "check_entropy",
    "check_gram",
    "check_shallow_end",
    "check_sign",
    "closed_form",
    "deep_end",
    "derivative",
]

RHO = LOG_M - z * sp.diff(LOG_M, z)


def check_entropy() -> StepResult:
    # For t = s^z, c = E t: E[(t/c)^a] = M(a z)/M(z)^a, and the entropy of Definition 6 is minus its
    # derivative in a at a = 1 (differentiate under the expectation).
    a = sp.Symbol("a", positive=True)
    log_m = sp.Function("m")
    share = sp.exp(log_m(a * z) - a * log_m(z))
    entropy = -sp.diff(share, a).subs(a, 1).doit()
    return StepResult(zero(entropy - (log_m(z) - z * sp.diff(log_m(z), z))), SYMBOLIC)


def closed_form() -> Any:
    """Return log c - (1/2)(log M)'(1/2), c = M(1/2), written out in gammas and digammas."""
    log_c = sp.loggamma((L + 3) / 2) - sp.loggamma(sp.Rational(3, 2)) - sp.loggamma((L + 4) / 2)
    slope = (
        (L + 1) * sp.digamma((L + 3) / 2)
        - sp.digamma(sp.Rational(3, 2))
        - L * sp.digamma((L + 4) / 2)
    )
    return log_c - slope / 2


def check_closed_form() -> StepResult:
    return StepResult(zero(RHO.subs(z, HALF) - closed_form()), SYMBOLIC)


def derivative() -> Any:
    """Return -z^2 [(L+1) psi'((L+1)z+1) - L psi'(Lz+2)]."""
    return -(z**2) * ((L + 1) * sp.polygamma(1, (L + 1) * z + 1) - L * sp.polygamma(1, L * z + 2))


def check_derivative() -> StepResult:
    paper = -((L + 1) * sp.polygamma(1, (L + 3) / 2) - L * sp.polygamma(1, (L + 4) / 2)) / 4
    return StepResult(
        zero(sp.diff(RHO, L) - derivative(), derivative().subs(z, HALF) - paper), SYMBOLIC
    )


def check_gram() -> StepResult:
    # psi(n+1) = H_n - gamma.
    at_one = RHO.subs(z, 1).replace(
        lambda e: isinstance(e, sp.polygamma) and e.args[0] == 0,
        lambda e: sp.harmonic(e.args[1] - 1) - sp.EulerGamma,
    )
    return StepResult(zero(at_one - (1 - sp.harmonic(L + 1))), SYMBOLIC)


def check_shallow_end() -> StepResult:
    # Nothing is singular at L = 0, so both are plain substitutions.
    start = RHO.subs(z, HALF).subs(L, 0)
    # psi'(3/2) from psi'(t+1) = psi'(t) - 1/t^2 and psi'(1/2) = pi^2/2.
    t = sp.Symbol("t")
    trigamma = sp.expand_func(sp.polygamma(1, t + 1)).subs(t, HALF)
    slope = derivative().subs(z, HALF).subs(L, 0).subs(sp.polygamma(1, 3 * HALF), trigamma)
    return StepResult(zero(start, slope - (1 - sp.pi**2 / 8)), SYMBOLIC)


def _kappa() -> Any:
    """Return the constant of the large-depth expansion, 1.33217..."""
    return sp.Rational(3, 2) - sp.EulerGamma / 2 + sp.log(4 / sp.pi) / 2


def deep_end() -> Any:
    """Return the expansion of rho at large L to the third order in 1/L."""
    return (
        _kappa()
        - sp.log(L)
        - sp.Rational(7, 2) / L
        + sp.Rational(65, 12) / L**2
        - sp.Rational(61, 6) / L**3
    )


def check_deep_end() -> StepResult:
    # Stirling's series with w = 1/L; log x is split as log(1 + n w) - log 2 - log w, and ell stands
    # for -log w = log L.
    w, ell = sp.symbols("w ell")
    order = 5

    def split(n: int) -> tuple[Any, Any]:
        return (1 + n * w) / (2 * w), sp.log(1 + n * w) - sp.log(2) + ell

    def stirling(n: int) -> tuple[Any, Any]:
        x, log_x = split(n)
        log_gamma = (x - HALF) * log_x - x + sp.log(2 * sp.pi) / 2
        digamma = log_x - 1 / (2 * x)
        for k in range(1, order):
            b = sp.bernoulli(2 * k)
            log_gamma += b / (2 * k * (2 * k - 1) * x ** (2 * k - 1))
            digamma -= b / (2 * k * x ** (2 * k))
        return log_gamma, digamma

    (g3, p3), (g4, p4) = stirling(3), stirling(4)
    fixed = -sp.loggamma(sp.Rational(3, 2)) + sp.digamma(sp.Rational(3, 2)) / 2
    rho = g3 - g4 + fixed - ((1 / w + 1) * p3 - p4 / w) / 2
    series = sp.series(sp.expand(rho), w, 0, 4).removeO()
    expected = deep_end().subs(sp.log(L), ell).subs(L, 1 / w)
    difference = sp.expand(sp.expand_log(sp.expand_func(series - expected), force=True))
    return StepResult(zero(difference), SYMBOLIC)


def check_sign() -> StepResult:
    # The rearrangement, then psi'(x) = sum 1/(x+k)^2: each term is positive and decreases with x.
    first, second = sp.polygamma(1, (L + 3) / 2), sp.polygamma(1, (L + 4) / 2)
    split = (L + 1) * first - L * second - (first + L * (first - second))
    x = sp.Symbol("x", positive=True)
    k = sp.Symbol("k", nonnegative=True)
    drop = sp.factor(sp.together((x + k) ** -2 - (x + k + HALF) ** -2))
    return StepResult(
        zero(split) and bool(drop.is_positive) and bool(((x + k) ** -2).is_positive), SYMBOLIC
    )
