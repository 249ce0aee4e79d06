"""Eq. 5 is the law of the singular values, and Appendix G's change of variable is right."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rmt_rank import exact
from rmt_rank.exact.gaussian.generating_function import branch_on_the_cut, roots_inside_the_curve
from rmt_rank.paper.claims.claim import (
    EXTRA_DEPTHS,
    Claim,
    Context,
    Evidence,
    at_most,
    proof,
    sampled,
)
from rmt_rank.theory.gaussian.fuss_catalan import singular_value_law
from rmt_rank.theory.gaussian.moments import fuss_catalan_moment

__all__ = ["CLAIM"]

# Quantiles at which the float64 law is compared with quadrature: both ends and the middle.
_PROBABILITIES = (1e-6, 0.5, 1 - 1e-6)
# Real depths and shares of the range of angles at which the branch of B is followed; and values of
# w, in units of the end of the cut, whose roots are counted: below the cut, beside it and far off.
_BRANCH_DEPTHS, _ANGLES = (0.3, 1.0, 2.5, 8.0), (0.1, 0.5, 0.9)
_BESIDE_THE_CUT = (0.5, -1.0, 2 + 0.1j, 2 - 0.1j, 1 - 1j, -50.0)


def _check(context: Context) -> Iterator[Evidence]:
    depths, digits = context.depths, context.digits
    fine = max(digits, 20)  # for the reference values of float64
    tolerance = 10.0 ** (2 - digits)
    quadrature = f"quadrature of Eq. 5 over the angle to {digits} digits; two guard digits"
    yield at_most(
        "normalisation: the density integrates to 1",
        max(abs(exact.moment(0, depth, digits=digits) - 1) for depth in depths),
        tolerance,
        quadrature,
    )
    yield at_most(
        "moments 1/2, 1, 2, 3 of sigma^2: gamma functions",
        max(
            abs(
                float(exact.moment(order, depth, digits=fine) / fuss_catalan_moment(order, depth))
                - 1
            )
            for depth in depths
            for order in (0.5, 1, 2, 3)
        ),
        # log of the third moment is below 3 log(e (L+1)); a few ulps of it
        1e-15 * (4 + 3 * math.log(math.e * (max(depths) + 1))),
        f"{fine}-digit quadrature of Eq. 5; float64 gamma functions lose log(moment) ulps",
    )
    steps = {step.name: step for step in exact.derivation()}
    for name, what in (
        ("jacobian", "the Jacobian of Appendix G, for every real depth"),
        ("distribution function", "its integral in closed form, for every real depth"),
        ("generating function", "Eq. 5 solves the equation of the Fuss-Catalan numbers"),
    ):
        result = steps[name].check()
        yield proof(what, result.holds, f"{result.how}: {steps[name].statement}")
    yield at_most(
        "the branch with B(0) = 1, followed to its cut: Im B against K(phi)",
        max(_branch_error(depth, share) for depth in _BRANCH_DEPTHS for share in _ANGLES),
        1e-14,
        "largest relative error at depths 0.3, 1, 2.5 and 8 and three angles; Newton's method in "
        "log B, where no power has to be chosen; a hundred roundings of float64 angles and powers",
    )
    counts = [
        roots_inside_the_curve(depth, w * depth**depth / (depth + 1) ** (depth + 1))
        for depth in _BRANCH_DEPTHS
        for w in _BESIDE_THE_CUT
    ]
    yield sampled(
        "one root of B = 1 + w B^(L+1) inside the curve for each w off the cut",
        all(abs(count - 1) < 1e-6 for count in counts),
        f"change of the argument along the curve for {len(counts)} pairs of depth and w, an integer"
        "; the argument principle, of which the page has the proof",
    )
    yield at_most(
        "float64 pdf, cdf, sf against quadrature",
        max(_law_error(depth, p) for depth in {*depths, *EXTRA_DEPTHS} for p in _PROBABILITIES),
        1e-13,
        "largest relative error over (1 + |x f'(x)/f(x)|), which allows for a last-bit error of x",
    )


def _branch_error(depth: float, share: float) -> float:
    phi = share * math.pi / (depth + 1)
    radius = math.sin((depth + 1) * phi) / math.sin(depth * phi)
    # s(phi), as 1/w = B^(L+1)/(B - 1)
    square = radius ** (depth + 1) * math.sin(depth * phi) / math.sin(phi)
    real, imaginary = branch_on_the_cut(depth, square, digits=20)
    error = complex(float(real) - radius * math.cos(phi), float(imaginary) - radius * math.sin(phi))
    return abs(error) / radius


def _law_error(depth: float, probability: float) -> float:
    # deep laws have most of their mass below the smallest float
    edge = float(singular_value_law.support(depth)[1])
    x = max(float(singular_value_law.ppf(probability, depth)), 1e-290 * edge)
    pdf, cdf, sf = (float(value) for value in exact.law(x, depth, squared=False, digits=18))
    # x f'/f of cdf and sf is x pdf/f; that of the pdf by a central difference, to two digits
    step = 1e-5 * min(x, edge - x)
    rise = np.diff(singular_value_law.logpdf([x - step, x + step], depth))[0]
    errors = (
        abs(singular_value_law.pdf(x, depth) / pdf - 1) / (1 + abs(x * rise / (2 * step))),
        abs(singular_value_law.cdf(x, depth) / cdf - 1) / (1 + x * pdf / cdf),
        abs(singular_value_law.sf(x, depth) / sf - 1) / (1 + x * pdf / sf),
    )
    return float(max(errors))


CLAIM = Claim(
    name="theorem1.density",
    statement="The singular values of a product of L Gaussian matrices have the density of Eq. 5.",
    assumptions="width -> infinity; entries of variance 1/width; any real depth > 0 for the law",
    reference="Eq. 5 and the display after Eq. 7; Neuschel 2014, Forrester and Liu 2015",
    status="proved",
    refuted_by="a mass other than 1, a wrong moment, or a Jacobian that differs from the display",
    check=_check,
    argued="docs/theorem1.md, The law",
)
