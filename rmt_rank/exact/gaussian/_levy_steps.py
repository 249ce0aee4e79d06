"""Theorem 1 for every measure of rank at once: log s gains an independent jump part with depth.

Malmsten's formula writes log M_L(z) as a drift plus the integral of (e^{-zy} - 1) nu_L(dy). If nu_L
increases with L, then s at the greater depth is s at the smaller one times an independent positive
variable, and no Schur-concave functional of the normalised spectrum increases.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from rmt_rank.exact._precision import mp, working
from rmt_rank.exact.gaussian._law_steps import LOG_M
from rmt_rank.exact.gaussian._symbols import FUNCTIONS, SYMBOLIC, L, StepResult, mpf, y, z, zero

__all__ = [
    "check_levy_identity",
    "check_levy_khinchine",
    "check_levy_positivity",
    "levy_times_y",
    "q",
]


def _bose(x: Any) -> Any:
    """Return n(x) = 1/(e^x - 1)."""
    return 1 / (sp.exp(x) - 1)


def levy_times_y() -> Any:
    """Return y nu_L(y), nu_L the Levy density of log s in Malmsten's formula for log M."""
    return _bose(y / (L + 1)) - _bose(y) - sp.exp(-y / L) * _bose(y / L)


def q(x: Any) -> Any:
    """Return q(x) = (x/2)^2 / sinh(x/2)^2, the exponentials written out."""
    return x**2 * sp.exp(x) / (sp.exp(x) - 1) ** 2


def check_levy_identity() -> StepResult:
    p, r = sp.symbols("p r", positive=True)  # exp(y/(L+1)) and exp(y/L)
    claimed = q(y / (L + 1)) - q(y / L) + (y / L) ** 2 * sp.exp(-y / L)
    difference = y * sp.diff(levy_times_y(), L) - claimed
    rational = difference.subs({sp.exp(-y / L): 1 / r, sp.exp(y / L): r, sp.exp(y / (L + 1)): p})
    free = not rational.has(sp.exp)
    sinh_form = sp.simplify((q(y) - (y / 2) ** 2 / sp.sinh(y / 2) ** 2).rewrite(sp.exp))
    return StepResult(free and zero(sp.cancel(sp.together(rational)), sinh_form), SYMBOLIC)


def check_levy_positivity() -> StepResult:
    # q decreases: q = (x/sinh x)^2 at x = y/2, and sinh(x)/x = sum x^(2k)/(2k+1)! has only positive
    # coefficients. y/(L+1) < y/L, so q(y/(L+1)) > q(y/L), and the last summand is positive.
    # Near 0, q = 1 - x^2/12 + ..., so d nu_L/dL = (...)/y^2 stays bounded: finitely many jumps.
    k = sp.Symbol("k", integer=True, nonnegative=True)
    coefficient = 1 / sp.factorial(2 * k + 1)
    series = sp.summation(coefficient * y ** (2 * k), (k, 0, sp.oo))
    start = sp.series(q(y), y, 0, 3).removeO()
    signs = (coefficient, sp.factor(y / L - y / (L + 1)), (y / L) ** 2 * sp.exp(-y / L))
    return StepResult(
        zero(sp.simplify((series - sp.sinh(y) / y).rewrite(sp.exp)), start - (1 - y**2 / 12))
        and all(bool(term.is_positive) for term in signs),
        SYMBOLIC,
    )


def check_levy_khinchine() -> StepResult:
    # log M_L'(z) - log M_L(z) = z log(s_max'/s_max) + int (e^{-zy} - 1)(nu_L' - nu_L) dy.
    log_m, levy = (
        sp.lambdify(arguments, expression, FUNCTIONS)
        for arguments, expression in (((z, L), LOG_M), ((y, L), levy_times_y() / y))
    )
    points = [("1/2", "1", "2"), ("2", "1/2", "3/4")]
    for order, shallow, deep in points:
        with working(60):
            v, low, high = mpf(order), mpf(shallow), mpf(deep)
            drift = v * sum(
                sign * ((d + 1) * mp.log(d + 1) - d * mp.log(d))
                for sign, d in ((1, high), (-1, low))
            )
            # The three poles at y = 0 cancel: no node of this rule comes close enough to mind.
            jump = mp.quad(
                lambda t, v=v, low=low, high=high: (
                    mp.expm1(-v * t) * (levy(t, high) - levy(t, low))
                ),
                [0, 3, 9, 27, 81, 400],
                method="gauss-legendre",
            )
            error = abs(log_m(v, high) - log_m(v, low) - drift - jump)
        if error > mp.mpf(10) ** -40:
            return StepResult(False, f"40 digits at {len(points)} points")
    return StepResult(True, f"40 digits at {len(points)} points")
