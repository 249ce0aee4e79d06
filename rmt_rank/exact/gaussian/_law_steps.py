"""From Eq. 5 to the moments: the Jacobian, the distribution function, the generating function.

The moments of the Fuss-Catalan law are derived here from the equation B = 1 + w B^(L+1) alone; the
density of Eq. 5 enters as the imaginary part of B on its cut.
"""

from __future__ import annotations

import sympy as sp

from rmt_rank.exact._precision import mp, working
from rmt_rank.exact.gaussian import quadrature
from rmt_rank.exact.gaussian._symbols import (
    FUNCTIONS,
    SYMBOLIC,
    L,
    StepResult,
    mpf,
    phi,
    vanishes_on_circle,
    z,
    zero,
)

__all__ = [
    "CDF",
    "JACOBIAN",
    "LOG_M",
    "K",
    "check_cdf",
    "check_generating_function",
    "check_jacobian",
    "check_moments",
    "check_real_moments",
]

# The objects of Appendix G, as logarithms where they are products of powers of sines.
_A, _B, _C = sp.sin(phi), sp.sin(L * phi), sp.sin((L + 1) * phi)
LOG_SIGMA = ((L + 1) * sp.log(_C) - sp.log(_A) - L * sp.log(_B)) / 2
LOG_DENSITY = sp.log(2 / sp.pi) + (3 * sp.log(_A) + (L - 2) * sp.log(_B) - (L - 1) * sp.log(_C)) / 2
K = _A * _C / _B
JACOBIAN = (
    1
    + L
    + L**2
    - L * (L + 1) * sp.cos(2 * phi)
    - (L + 1) * sp.cos(2 * L * phi)
    + L * sp.cos(2 * (L + 1) * phi)
) / (2 * sp.pi * _B**2)
CDF = 1 - ((L + 1) * phi - L * K) / sp.pi
LOG_M = sp.loggamma((L + 1) * z + 1) - sp.loggamma(z + 1) - sp.loggamma(L * z + 2)


def check_jacobian() -> StepResult:
    # p sigma is 2K/pi: compare the exponents of the three sines, then p sigma' = p sigma (log)'.
    exponents = sp.expand(LOG_DENSITY + LOG_SIGMA - sp.log(2 * _A * _C / _B / sp.pi))
    powers = zero(sp.expand_log(exponents, force=True))
    return StepResult(
        powers and vanishes_on_circle(JACOBIAN + 2 * K / sp.pi * sp.diff(LOG_SIGMA, phi)),
        SYMBOLIC,
    )


def check_cdf() -> StepResult:
    # F increases with sigma, so it decreases with phi: dF/dphi = p sigma' = -(printed Jacobian).
    # K vanishes at both ends, which leaves F(sigma_max) = 1 and F(0) = 0.
    top, bottom = sp.limit(K, phi, 0), sp.simplify(K.subs(phi, sp.pi / (L + 1)))
    at_ends = 1 - (0 - L * top) / sp.pi, 1 - (sp.pi - L * bottom) / sp.pi
    return StepResult(
        vanishes_on_circle(sp.diff(CDF, phi) + JACOBIAN) and at_ends == (1, 0), SYMBOLIC
    )


def check_generating_function() -> StepResult:
    # B = e^{i phi} C/B' with A, B', C the sines of phi, L phi, (L+1) phi, and s = C^(L+1)/(A B'^L).
    # First |B^(L+1)/s| = A/B', by its exponents; so the equation loses its powers and becomes
    # B - 1 = e^{i(L+1) phi} A/B'. Last, Im B = K.
    direction = sp.cos(phi) + sp.I * sp.sin(phi)
    turned = sp.cos((L + 1) * phi) + sp.I * sp.sin((L + 1) * phi)
    branch = direction * _C / _B
    on_curve = vanishes_on_circle(branch - 1 - turned * _A / _B)
    imaginary = vanishes_on_circle(_C / _B * sp.sin(phi) - K)
    moduli = -2 * LOG_SIGMA + (L + 1) * (sp.log(_C) - sp.log(_B)) - sp.log(_A) + sp.log(_B)
    return StepResult(on_curve and imaginary and zero(sp.expand(moduli)), SYMBOLIC)


def _fuss_catalan_by_series(depth: int, terms: int) -> list[int]:
    """Return the coefficients of B = 1 + w B^(depth+1), by iterating the equation itself."""
    series = [1] + [0] * (terms - 1)
    for _ in range(terms):
        power = [1] + [0] * (terms - 1)
        for _ in range(depth + 1):
            power = [sum(power[i] * series[n - i] for i in range(n + 1)) for n in range(terms)]
        series = [1, *power[: terms - 1]]
    return series


def check_moments() -> StepResult:
    terms = 8
    how = f"exact at {terms} orders, L = 1, 2, 3, 5"
    for depth in (1, 2, 3, 5):
        for n, coefficient in enumerate(_fuss_catalan_by_series(depth, terms)):
            # Lagrange: [w^n] B = [b^(n-1)] (1+b)^((L+1) n) / n for n > 0.
            lagrange = sp.binomial((depth + 1) * n, n - 1) / sp.Integer(n) if n else sp.Integer(1)
            number = sp.binomial((depth + 1) * n, n) / (depth * n + 1)
            gammas = sp.gamma((depth + 1) * n + 1) / sp.gamma(n + 1) / sp.gamma(depth * n + 2)
            if not coefficient == lagrange == number == gammas:
                return StepResult(False, how)
    return StepResult(True, how)


def check_real_moments() -> StepResult:
    points = [("1/2", "1"), ("1/2", "5/2"), ("-1/4", "2"), ("1/3", "1/3"), ("7/4", "8")]
    for order, depth in points:
        with working(55):
            value = mp.exp(sp.lambdify((z, L), LOG_M, FUNCTIONS)(mpf(order), mpf(depth)))
            error = abs(quadrature.moment(order, depth, digits=45) / value - 1)
            if error > mp.mpf(10) ** -40:
                return StepResult(False, f"40 digits at {len(points)} points")
    return StepResult(True, f"40 digits at {len(points)} points")
