"""Theorem 1 at infinite width: the effective rank decreases with depth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rmt_rank import exact
from rmt_rank.paper.claims.claim import (
    EXTRA_DEPTHS,
    Claim,
    Context,
    Evidence,
    at_most,
    below,
    proof,
)
from rmt_rank.theory.gaussian.effective_rank import (
    differential_effective_rank,
    differential_effective_rank_derivative,
)

__all__ = ["CLAIM"]

# The interval on which ball arithmetic certifies the sign; beyond it, the argument does.
_CERTIFIED = 1000


def _check(context: Context) -> Iterator[Evidence]:
    depths = context.depths
    differences = {
        depth: exact.differential_effective_rank_derivative(depth, digits=17)
        for depth in sorted({*depths, *EXTRA_DEPTHS})
    }
    yield at_most(
        "d rho/dL in float64 against differences of Eq. 7",
        max(
            abs(float(differential_effective_rank_derivative(depth) / value) - 1)
            for depth, value in differences.items()
        ),
        1e-13,
        "relative error, also at depths "
        + ", ".join(f"{depth:g}" for depth in EXTRA_DEPTHS)
        + "; central differences of the quadrature, correct to 17 digits",
    )
    yield below(
        "largest of these differences",
        max(float(value) for value in differences.values()),
        0,
        "the sign of d rho/dL at these depths, by quadrature alone",
    )
    if len(depths) > 1:
        ranks = [float(differential_effective_rank(depth)) for depth in depths]
        yield below(
            "largest rise of rho between neighbouring depths",
            max(b - a for a, b in pairwise(ranks)),
            0,
            "float64 closed form",
        )
    certificate = exact.certify_decreasing(0, _CERTIFIED)
    yield proof(
        f"d rho/dL < 0 on all of [0, {_CERTIFIED}]", certificate.holds, f"balls: {certificate}"
    )
    steps = {step.name: step for step in exact.derivation()}
    for name, what in (
        ("derivative in depth", "d rho/dL in closed form"),
        ("sign", "d rho/dL < 0 for every real depth > 0"),
    ):
        result = steps[name].check()
        yield proof(what, result.holds, f"{result.how}: {steps[name].statement}")


CLAIM = Claim(
    name="theorem1.derivative",
    statement="rho(L) decreases: d rho/dL = -[(L+1) psi'((L+3)/2) - L psi'((L+4)/2)]/4 < 0.",
    assumptions="width -> infinity; every real depth > 0",
    reference="Theorem 1 and Appendix G, with a proof of its own (psi' is positive and decreases)",
    status="proved",
    refuted_by="a depth at which the derivative is not negative",
    check=_check,
    argued="docs/theorem1.md, The derivative and its sign",
)
