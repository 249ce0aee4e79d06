"""Errors of the paper in the proof of Theorem 1: printed form, evidence, correct form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from rmt_rank import exact
from rmt_rank.exact._precision import mp, working
from rmt_rank.paper.claims.claim import (
    Context,
    Evidence,
    at_most,
    below,
    erratum,
    refutation,
    sampled,
)
from rmt_rank.theory.finite_width.corrections import finite_width_correction

__all__ = ["CLAIMS"]

# Appendix G argues for numbers of layers; its forms are checked at these depths.
_DEPTHS = (1, 2, 4, 8)
# where the derivative of the mean with respect to depth is needed at every angle
_TWO_DEPTHS = (1, 8)
# between these the integral of Eq. 8 as printed rises; its largest value is at 0.895
_RISING = (0.25, 0.75)
_STATEMENT_WIDTHS = (16, 64)


def _tolerance(context: Context) -> float:
    return 10.0 ** (3 - context.digits)


def _largest_value(depth: Any, digits: int) -> Any:
    with working(digits + 5):
        return mp.sqrt(mp.mpf(depth + 1) ** (depth + 1) / mp.mpf(depth) ** depth)


def _by_depth(ratios: list[Any]) -> str:
    return ", ".join(f"{float(r):.4g} (L={L})" for r, L in zip(ratios, _DEPTHS, strict=True))


def _equation_8(context: Context) -> Iterator[Evidence]:
    digits = context.digits
    with working(digits + 5):
        angles = {depth: mp.mpf("0.3") * mp.pi / (depth + 1) for depth in _DEPTHS}
        at_edge = [
            exact.paper_equation_8_ratio(
                angles[depth], depth, _largest_value(depth, digits), digits=digits
            )
            for depth in _DEPTHS
        ]
        at_mean = [
            exact.paper_equation_8_ratio(
                angles[depth], depth, exact.moment("1/2", depth, digits=digits), digits=digits
            )
            for depth in _DEPTHS
        ]
    yield refutation(
        "printed: left = h v^2 log(u) sqrt(u), c the mean",
        float(min(abs(ratio - 1) for ratio in at_mean)),
        _tolerance(context),
        f"least |left/right - 1| at 0.3 of the angle's range; left/right = {_by_depth(at_mean)}",
    )
    yield refutation(
        "the same with c = sigma_max, as Eq. 10 has it",
        float(min(abs(ratio - 1) for ratio in at_edge)),
        _tolerance(context),
        f"left/right = {_by_depth(at_edge)}",
    )
    yield at_most(
        "holds: left = -h v^2 log(u) sqrt(u), c = sigma_max",
        float(max(abs(ratio + 1) for ratio in at_edge)),
        _tolerance(context),
        "largest |left/right + 1|",
    )


def _equation_10(context: Context) -> Iterator[Evidence]:
    digits = context.digits
    means = {L: exact.moment("1/2", L, digits=digits) for L in _DEPTHS}
    rho = {L: exact.differential_effective_rank(L, digits=digits) for L in _DEPTHS}
    with working(digits + 5):
        printed = {L: mp.convert(means[L]) / _largest_value(L, digits) for L in _DEPTHS}
        # with u as printed the integral of -u^(1/2) log(u^(1/2)) is (c/s)(rho - log(c/s))
        integral = {L: printed[L] * (rho[L] - mp.log(printed[L])) for L in _DEPTHS}
        unequal = min(float(abs(integral[L] - rho[L])) for L in _DEPTHS)
        off = min(float(abs(value - 1)) for value in printed.values())
        distance = max(float(abs(_closed_rho(L, digits) - rho[L])) for L in _DEPTHS)
    yield refutation(
        "printed: u = sigma^2/sigma_max^2, so sqrt(u) has mean 1",
        off,
        _tolerance(context),
        "least distance from 1; mean = "
        + ", ".join(f"{float(value):.4f} (L={L})" for L, value in printed.items()),
    )
    yield refutation(
        "its integral is not rho",
        unequal,
        _tolerance(context),
        "least distance; integral and rho: "
        + ", ".join(f"{float(integral[L]):.4f}, {float(rho[L]):.4f} (L={L})" for L in _DEPTHS),
    )
    yield at_most(
        "holds: u = sigma^2/c^2 with c = E sigma, as Definition 6 says",
        distance,
        _tolerance(context),
        "its integral is rho: quadrature against enclosures of the closed form",
    )


def _closed_rho(depth: int, digits: int) -> Any:
    enclosure = exact.enclose_effective_rank(depth, digits=digits)
    return (enclosure.lower + enclosure.upper) / 2


def _after_equation_11(context: Context) -> Iterator[Evidence]:
    areas = {L: float(exact.paper_integrand_derivative_area(L, digits=15)) for L in _DEPTHS}
    yield refutation(
        "printed: the area under Eq. 11 is negative",
        min(areas.values()),
        0,
        "least area; " + ", ".join(f"{area:+.5f} (L={L})" for L, area in areas.items()),
    )
    signs = {
        what: {
            exact.integrand_derivative_signs(L, normalisation=what, points=30) for L in _TWO_DEPTHS
        }
        for what in ("printed", "mean")
    }
    yield refutation(
        'printed: "positive for smaller phi and negative for larger"',
        float(sum("+-" in pattern for pattern in signs["printed"]) == 0),
        0,
        "1 if no sign changes from + to -; signs at 30 angles: " + ", ".join(signs["printed"]),
    )
    yield sampled(
        "holds: with the right u the pattern is - + -",
        signs["mean"] == {"-+-"},
        "signs of d/dL of the integrand of Eq. 7 at 30 angles: " + ", ".join(signs["mean"]),
    )
    differences = []
    for L in _TWO_DEPTHS:
        area = exact.integrand_derivative_area(L, digits=12)
        differences.append(float(abs(area - _closed_derivative(L))))
    yield at_most(
        "holds: its area is d rho/dL < 0",
        max(differences),
        1e-10,
        "derivative under the integral, 12 digits of which two are guard digits, against "
        "enclosures of the closed form",
    )


def _closed_derivative(depth: int) -> Any:
    enclosure = exact.enclose_derivative(depth, digits=20)
    return (enclosure.lower + enclosure.upper) / 2


def _interchange(context: Context) -> Iterator[Evidence]:
    digits = context.digits
    with working(digits + 30):
        angle = mp.pi / 2 - mp.mpf("1e-12")
        upper_limit_slope = float(abs(mp.diff(lambda L: mp.pi / (L + 1), 1)))
        share = exact.singular_value(angle, 1, digits=digits) / exact.moment("1/2", 1)
        near = share * mp.log(share) * exact.jacobian(angle, 1, digits=digits)
    yield refutation(
        "printed: differentiation and integration commute, being in different variables",
        upper_limit_slope,
        0,
        "|d/dL| of the upper limit pi/(L + 1) at L = 1: the limit of integration depends on L",
    )
    yield at_most(
        "holds: the boundary term vanishes, since the integrand does",
        float(abs(near)),
        4e-12 * math.log(1e12),
        "integrand of Eq. 7 at eps = 1e-12 below the upper limit, L = 1; there sigma is 2 eps, c "
        "is 0.85, and 4 eps log(1/eps) bounds it",
    )
    with working(digits + 5):
        tilde = [_with_largest_value(mp.mpf(L), digits) for L in _RISING]
    yield refutation(
        "the printed argument makes no use of whole depths; yet its integral rises below L = 0.89",
        float(tilde[1] - tilde[0]),
        0,
        f"integral of Eq. 8 as printed, with the sign restored: {float(tilde[0]):.6f} at "
        f"L = {_RISING[0]}, {float(tilde[1]):.6f} at L = {_RISING[1]}",
    )


def _with_largest_value(L: Any, digits: int) -> Any:
    """Integral of -(s/s_max)^(1/2) log(s/s_max)^(1/2): rho with sigma_max for c."""
    share = exact.moment("1/2", L, digits=digits) / _largest_value(L, digits)
    return share * (exact.differential_effective_rank(L, digits=digits) - mp.log(share))


def _last_sentence(context: Context) -> Iterator[Evidence]:
    largest = [float(_largest_value(L, 20)) for L in _DEPTHS]
    yield refutation(
        "printed: the singular values decrease with the number of layers",
        min(b - a for a, b in pairwise(largest)),
        0,
        "least rise of sigma_max; it is "
        + ", ".join(f"{value:.4f} (L={L})" for value, L in zip(largest, _DEPTHS, strict=True)),
    )
    rho = [float(exact.differential_effective_rank(L, digits=20)) for L in _DEPTHS]
    yield below(
        "holds: the effective rank decreases",
        max(b - a for a, b in pairwise(rho)),
        0,
        "largest change of rho between these depths",
    )


def _statement(context: Context) -> Iterator[Evidence]:
    narrow, wide = (context.chain(width, (1,)) for width in _STATEMENT_WIDTHS)
    difference = float(wide.rank[0] - narrow.rank[0])
    error = float(np.hypot(wide.rank_error[0], narrow.rank_error[0]))
    growth = math.log(wide.width / narrow.width)
    corrections = [
        finite_width_correction(chain.width, 1, context.field) for chain in (narrow, wide)
    ]
    allowed = sum(abs(each.value) + each.remainder for each in corrections)
    how = f"mean over {narrow.samples} and {wide.samples} single matrices, {context.field}"
    yield refutation(
        "printed: the effective rank of Definition 1 has a limit as dim(W) grows",
        difference,
        10 * error,
        f"difference between widths {wide.width} and {narrow.width}, against ten standard "
        f"errors; {how}",
    )
    yield at_most(
        "holds: less log N it has one, and Theorem 1 is about that",
        abs(difference - growth),
        allowed + 10 * error,
        f"distance of the difference from log {wide.width}/{narrow.width}; bound: the known "
        "finite-width corrections, their last terms again, and ten standard errors",
    )


CLAIMS = tuple(
    erratum(
        f"theorem1.errata.{name}",
        printed,
        instead,
        reference,
        check,
        argued="docs/theorem1.md, Errata",
    )
    for name, printed, instead, reference, check in (
        (
            "statement",
            "Theorem 1 as printed: rho is the effective rank of Definition 1, as dim(W) grows.",
            "that rank grows like log N; rho(L) = lim (S - log N) is what falls with depth.",
            "Theorem 1",
            _statement,
        ),
        (
            "equation-8",
            "Eq. 8 as printed: -(sigma/c) log(sigma/c) (-p sigma') = h v^2 log(u) sqrt(u).",
            "left = -h v^2 log(u) sqrt(u), and only with c = sigma_max.",
            "Eq. 8",
            _equation_8,
        ),
        (
            "equation-10",
            "Eq. 10 as printed: u = sigma^2/sigma_max^2 stands for (sigma/c)^2.",
            "u = sigma^2/c^2 with c = E sigma, which depends on L.",
            "Eq. 10 and Definition 6",
            _equation_10,
        ),
        (
            "after-equation-11",
            "Eq. 11 is positive for smaller phi, negative for larger, its integral negative.",
            "with the right u the signs are -, +, -, and the integral is d rho/dL < 0.",
            "the sentence after Eq. 11",
            _after_equation_11,
        ),
        (
            "interchange",
            "d/dL and the integral over phi commute since they are in different variables.",
            "the limit pi/(L+1) depends on L; its boundary term vanishes with the integrand.",
            "Appendix G, before Eq. 8",
            _interchange,
        ),
        (
            "last-sentence",
            "The proof shows that the singular values decrease with the number of layers.",
            "sigma_max increases; the effective rank decreases.",
            "Appendix G, after Eq. 11",
            _last_sentence,
        ),
    )
)
