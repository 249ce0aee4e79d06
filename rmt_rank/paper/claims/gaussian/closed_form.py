"""The differential effective rank in closed form, against quadrature of Definition 6."""

from __future__ import annotations

import math
from collections.abc import Iterator

import mpmath

from rmt_rank import exact
from rmt_rank.paper.claims.claim import (
    EXTRA_DEPTHS,
    Claim,
    Context,
    Evidence,
    at_most,
    proof,
    sampled,
)
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["CLAIM"]


def _check(context: Context) -> Iterator[Evidence]:
    depths, digits = context.depths, context.digits
    fine = max(digits, 20)  # for the reference values of float64
    quadrature = {
        depth: exact.differential_effective_rank(depth, digits=fine)
        for depth in sorted({*depths, *EXTRA_DEPTHS})
    }
    yield at_most(
        "rho: quadrature of Eq. 7 against the closed form",
        max(_distance(depth, value, fine) for depth, value in quadrature.items()),
        10.0 ** (2 - fine),
        f"{fine}-digit quadrature; closed form in ball arithmetic; two guard digits",
    )
    yield at_most(
        "rho in float64 against quadrature",
        max(
            abs(float(differential_effective_rank(depth) / value) - 1)
            for depth, value in quadrature.items()
        ),
        1e-13,
        "relative error, also at depths "
        + ", ".join(f"{depth:g}" for depth in EXTRA_DEPTHS)
        + "; the bound is the documented one",
    )
    yield at_most(
        "Gram matrix (power 2): 1 - H(L+1) against quadrature",
        max(_error(depth, power=2) for depth in depths),
        1e-13,
        "relative error; 17-digit quadrature",
    )
    yield at_most(
        "Renyi orders 1/2, 2, inf against quadrature",
        max(_error(depth, order=order) for depth in depths for order in (0.5, 2, math.inf)),
        1e-13,
        "relative error; 17-digit quadrature",
    )
    steps = {step.name: step for step in exact.derivation()}
    for evidence, names, what in (
        (sampled, ("whole moments", "real moments"), "the moments, at whole and at real orders"),
        (
            proof,
            ("entropy from moments", "closed form", "gram matrix"),
            "from the moments to the closed form",
        ),
    ):
        results = [steps[name].check() for name in names]
        yield evidence(
            what,
            all(result.holds for result in results),
            "steps in sympy: "
            + ", ".join(f"{n} ({r.how})" for n, r in zip(names, results, strict=True)),
        )


def _distance(depth: float, value: mpmath.mpf, digits: int) -> float:
    """Largest relative distance of a value from the enclosure of the closed form."""
    enclosure = exact.enclose_effective_rank(depth, digits=digits + 5)
    distance = max(abs(enclosure.lower - value), abs(enclosure.upper - value))
    return float(distance / abs(value))


def _error(depth: float, power: int = 1, order: float = 1) -> float:
    value = exact.differential_effective_rank(depth, power=power, order=order, digits=17)
    return abs(float(differential_effective_rank(depth, power=power, order=order) / value) - 1)


CLAIM = Claim(
    name="theorem1.closed-form",
    statement="rho(L) = log c - (log M)'(1/2)/2 with M(z) = E sigma^(2z) and c = M(1/2).",
    assumptions="width -> infinity; any real depth >= 0",
    reference="Definition 6, Eq. 4, 6 and 7",
    status="proved",
    refuted_by="a digit in which the closed form and the quadrature differ",
    check=_check,
    argued="docs/theorem1.md, The effective rank in closed form",
)
