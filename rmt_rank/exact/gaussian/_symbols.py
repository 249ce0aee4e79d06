"""Symbols, results of checks, and two decision procedures for the steps of the derivation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from rmt_rank.exact._precision import mp

__all__ = [
    "FUNCTIONS",
    "HALF",
    "SYMBOLIC",
    "L",
    "StepResult",
    "mpf",
    "phi",
    "vanishes_on_circle",
    "y",
    "z",
    "zero",
]

SYMBOLIC = "symbolic"

L = sp.Symbol("L", positive=True)
phi = sp.Symbol("phi", positive=True)
z = sp.Symbol("z", positive=True)
y = sp.Symbol("y", positive=True)
HALF = sp.Rational(1, 2)
# functions that sympy's expressions call, at the working precision
FUNCTIONS = {"exp": mp.exp, "loggamma": mp.loggamma}


@dataclass(frozen=True)
class StepResult:
    """Verdict on a step of the derivation, and how it was found.

    Attributes
    ----------
    holds : bool
        Whether it holds; the result has the same truth value.
    how : str
        How this was found: "symbolic", "exact at ..." or "40 digits at ...".

    Examples
    --------
    >>> from rmt_rank.exact import derivation
    >>> result = next(iter(derivation())).check()
    >>> result.holds
    True
    """

    holds: bool
    how: str

    def __bool__(self) -> bool:
        return self.holds


def zero(*expressions: Any) -> bool:
    """Return whether sympy reduces every expression to the number 0."""
    return all(sp.simplify(sp.expand(e)) == 0 for e in expressions)


def vanishes_on_circle(expression: Any) -> bool:
    """Decide a trigonometric identity in phi and L phi, with L free.

    With a = exp(i phi), b = exp(i L phi) the sines and cosines of phi, L phi and (L+1) phi are
    rational in a and b, algebraically independent of each other and of L.
    """
    a, b = sp.symbols("a b")
    powers = {phi: a, L * phi: b, sp.expand((L + 1) * phi): a * b}

    def exponential(argument: Any) -> Any:
        argument = sp.expand(argument)
        for base, value in powers.items():
            times = sp.cancel(argument / base)
            if times.is_Integer:
                return value**times
        raise ValueError(f"argument is {argument}; allowed: multiples of phi, L phi, (L+1) phi")

    def sine(t: Any) -> Any:
        return (exponential(t) - 1 / exponential(t)) / (2 * sp.I)

    def cosine(t: Any) -> Any:
        return (exponential(t) + 1 / exponential(t)) / 2

    expression = expression.replace(sp.csc, lambda t: 1 / sine(t))
    expression = expression.replace(sp.cot, lambda t: cosine(t) / sine(t))
    expression = expression.replace(sp.tan, lambda t: sine(t) / cosine(t))
    expression = expression.replace(sp.sin, sine).replace(sp.cos, cosine)
    return bool(sp.cancel(sp.together(expression)) == 0)


def mpf(text: str) -> Any:
    number = sp.Rational(text)
    return mp.mpf(int(number.p)) / int(number.q)
