"""From the printed density to the closed forms, in named steps that check themselves (sympy).

Eq. 5 and its Jacobian give the distribution function (a, b); on its cut, the generating
function B = 1 + w B^(L+1) of the Fuss-Catalan numbers has the density of Eq. 5 as its imaginary
part, so the moments are M(z) = Gamma((L+1)z+1) / (Gamma(z+1) Gamma(Lz+2)) (c); Definition 6 turns
them into rho (d, e, g), its derivative (f), both ends (h, i) and its sign (j, k).

"symbolic" means that sympy reduced the difference of two sides to 0 with L and phi (or z, y) left
as letters; a trigonometric identity is first written in exp(i phi) and exp(i L phi), where it is
rational and cancelling decides it. "40 digits at N points" is a sample, not a proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from rmt_rank.exact._precision import one_at_a_time
from rmt_rank.exact.gaussian import _law_steps as law_steps
from rmt_rank.exact.gaussian import _levy_steps as levy_steps
from rmt_rank.exact.gaussian import _rank_steps as rank_steps
from rmt_rank.exact.gaussian._symbols import L, StepResult, y, z

__all__ = ["Step", "StepResult", "derivation"]


@dataclass(frozen=True)
class Step:
    """One step of the derivation.

    Attributes
    ----------
    name : str
        A short name, unique.
    statement : str
        What holds, in words.
    formula : str
        The same in LaTeX, made by sympy.
    check : callable
        Called without arguments, it returns a `StepResult`.

    Examples
    --------
    >>> from rmt_rank.exact import derivation
    >>> step = next(iter(derivation()))
    >>> step.name
    'jacobian'
    """

    name: str
    statement: str
    formula: str
    check: Callable[[], StepResult]


def _formula(left: str, right: Any) -> str:
    """Return LaTeX for an equation, with log Gamma, psi, psi' and H written as in the paper."""
    log_gamma, psi, trigamma = (sp.Function(name) for name in (r"\log\Gamma", r"\psi", r"\psi'"))
    usual = (
        right.replace(sp.loggamma, log_gamma)
        .replace(sp.polygamma, lambda n, x: trigamma(x) if n == 1 else psi(x))
        .replace(sp.harmonic, lambda n: sp.Function("H")(n))
    )
    return f"{left} = {sp.latex(usual)}"


@one_at_a_time  # sympy
def derivation() -> tuple[Step, ...]:
    """Return the steps from Eq. 5 to the sign of d rho/dL, in order, not yet checked.

    Returns
    -------
    tuple of Step
        ``step.check()`` is truthy where the step holds; all together they take a few seconds.

    Examples
    --------
    >>> first = derivation()[0]
    >>> first.name, first.check().holds
    ('jacobian', True)
    """
    b, w, k, x = sp.symbols("B w k x")
    trigammas = sp.polygamma(1, (L + 3) / 2), sp.polygamma(1, (L + 4) / 2)
    levy_growth = levy_steps.q(y / (L + 1)) - levy_steps.q(y / L) + (y / L) ** 2 * sp.exp(-y / L)
    moment_ratio = r"\log\frac{M_{L'}(z)}{M_L(z)}"
    steps = (
        Step(
            "jacobian",
            "The display after Eq. 7 is minus the density of Eq. 5 times d sigma/d phi, for every "
            "real depth and every angle.",
            _formula(r"-p(\sigma)\,\sigma'", law_steps.JACOBIAN),
            law_steps.check_jacobian,
        ),
        Step(
            "distribution function",
            "The distribution function F at sigma(phi) is elementary: its derivative in phi is "
            "minus the Jacobian (F falls as phi grows), and it is 1 at phi = 0, 0 at pi/(L+1).",
            _formula(r"F(\sigma(\phi))", law_steps.CDF),
            law_steps.check_cdf,
        ),
        Step(
            "generating function",
            "On its cut w = 1/s the generating function of the Fuss-Catalan numbers is "
            "e^(i phi) sin((L+1) phi)/sin(L phi), and its imaginary part is pi s times the density "
            "of s. On paper: this is the branch with B = 1 at w = 0, and Stieltjes inversion, so "
            "Eq. 5 is the law whose moments those numbers are.",
            _formula(sp.latex(b), 1 + w * b ** (L + 1))
            + r",\quad \operatorname{Im} B = "
            + sp.latex(law_steps.K),
            law_steps.check_generating_function,
        ),
        Step(
            "whole moments",
            "Its coefficients, found by iterating the equation, are by Lagrange inversion the "
            "Fuss-Catalan numbers, and those are M(z) at integer L and z.",
            _formula(r"[w^z]\,B", sp.binomial((L + 1) * z, z) / (L * z + 1)),
            law_steps.check_moments,
        ),
        Step(
            "real moments",
            "M(z) is E s^z at real z and L, too (by Carlson's theorem in z, since the law is on a "
            "bounded interval). The step is compared with quadrature.",
            _formula(r"\log M(z)", law_steps.LOG_M),
            law_steps.check_real_moments,
        ),
        Step(
            "entropy from moments",
            "Definition 6 for t = sigma^(2z), c = E t: rho is minus the derivative of "
            "E (t/c)^a at a = 1.",
            r"\rho = \log M(z) - z\,(\log M)'(z)",
            rank_steps.check_entropy,
        ),
        Step(
            "closed form",
            "At z = 1/2, the paper's case: rho = log c - (1/2)(log M)'(1/2).",
            _formula(r"\rho(L)", rank_steps.closed_form()),
            rank_steps.check_closed_form,
        ),
        Step(
            "derivative in depth",
            "d rho/dL, for every z, and -(1/4)[(L+1) psi'((L+3)/2) - L psi'((L+4)/2)] at z = 1/2.",
            _formula(r"\frac{d\rho}{dL}", rank_steps.derivative()),
            rank_steps.check_derivative,
        ),
        Step(
            "gram matrix",
            "At z = 1, the Gram matrix: rho = 1 - H_(L+1), a harmonic number.",
            _formula(r"\rho_{\mathrm{Gram}}(L)", 1 - sp.harmonic(L + 1)),
            rank_steps.check_gram,
        ),
        Step(
            "shallow end",
            "rho(0) = 0, with slope 1 - pi^2/8.",
            _formula(r"\rho'(0)", 1 - sp.pi**2 / 8),
            rank_steps.check_shallow_end,
        ),
        Step(
            "deep end",
            "The expansion at large L, by Stirling's series, up to O(L^-4).",
            _formula(r"\rho(L)", rank_steps.deep_end()) + r" + O(L^{-4})",
            rank_steps.check_deep_end,
        ),
        Step(
            "sign",
            "psi' is positive and decreasing (a sum of 1/(x+k)^2), so the bracket of d rho/dL is "
            "positive and rho decreases for every real L > 0.",
            _formula(
                r"-4\frac{d\rho}{dL}",
                trigammas[0] + L * sp.Add(trigammas[0], -trigammas[1], evaluate=False),
            )
            + " > 0",
            rank_steps.check_sign,
        ),
        Step(
            "levy-khinchine",
            "Malmsten's formula: log M at two depths differs by a drift and an integral of "
            "e^(-zy) - 1 against the difference of the Levy densities.",
            _formula(
                moment_ratio,
                sp.Symbol(
                    r"z \log\frac{s_{\max}'}{s_{\max}}"
                    r" + \int_0^\infty (e^{-zy} - 1)\,(\nu_{L'} - \nu_L)(y)\,dy"
                ),
            ),
            levy_steps.check_levy_khinchine,
        ),
        Step(
            "levy growth",
            "The derivative in L of the Levy density, times y, in terms of "
            "q(x) = (x/2)^2/sinh(x/2)^2.",
            _formula(r"y\,\frac{\partial (y \nu_L)}{\partial L}", levy_growth),
            levy_steps.check_levy_identity,
        ),
        Step(
            "levy positivity",
            "q decreases and y/(L+1) < y/L, so the Levy density grows with depth: log s loses an "
            "independent compound Poisson variable (beside the drift), hence every Schur-concave "
            "functional of the normalised spectrum does not increase.",
            _formula(
                r"q(x)^{-1/2}",
                sp.Sum((x / 2) ** (2 * k) / sp.factorial(2 * k + 1), (k, 0, sp.oo)),
            ),
            levy_steps.check_levy_positivity,
        ),
    )
    return tuple(replace(step, check=one_at_a_time(step.check)) for step in steps)
