"""What the paper prints wrongly on the way to Theorem 1: printed form, evidence, what holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import mpmath
import numpy as np

from rmt_rank import exact
from rmt_rank.claims.claim import Claim, Context, Evidence, at_most, refutation, sampled

__all__ = ["CLAIMS"]

# Appendix G argues for numbers of layers; these are the depths its forms are tried at.
_DEPTHS = (1, 2, 4, 8)
# where the derivative of the mean with respect to depth is needed at every angle
_TWO_DEPTHS = (1, 8)


def _tolerance(context: Context) -> float:
    return 10.0 ** (3 - context.digits)


def _largest_value(depth: int, digits: int) -> mpmath.mpf:
    with mpmath.workdps(digits + 5):
        return mpmath.sqrt(mpmath.mpf(depth + 1) ** (depth + 1) / mpmath.mpf(depth) ** depth)


def _equation_8(context: Context) -> Iterator[Evidence]:
    digits = context.digits
    with mpmath.workdps(digits + 5):
        angles = {depth: mpmath.mpf("0.3") * mpmath.pi / (depth + 1) for depth in _DEPTHS}
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
            "least |left/right - 1| at 0.3 of the angle's range; left/right = "
            + ", ".join(
                f"{float(ratio):.4g} (L={L})" for ratio, L in zip(at_mean, _DEPTHS, strict=True)
            ),
        )
        yield refutation(
            "the same with c = sigma_max, as Eq. 10 has it",
            float(min(abs(ratio - 1) for ratio in at_edge)),
            _tolerance(context),
            "left/right = "
            + ", ".join(
                f"{float(ratio):.4g} (L={L})" for ratio, L in zip(at_edge, _DEPTHS, strict=True)
            ),
        )
        yield at_most(
            "holds: left = -h v^2 log(u) sqrt(u), c = sigma_max",
            float(max(abs(ratio + 1) for ratio in at_edge)),
            _tolerance(context),
            "largest |left/right + 1|",
        )


def _equation_10(context: Context) -> Iterator[Evidence]:
    digits = context.digits
    with mpmath.workdps(digits + 5):
        means = {L: exact.moment("1/2", L, digits=digits) for L in _DEPTHS}
        printed = {L: means[L] / _largest_value(L, digits) for L in _DEPTHS}
        yield refutation(
            "printed: u = sigma^2/sigma_max^2, so sqrt(u) has mean 1",
            float(min(abs(value - 1) for value in printed.values())),
            _tolerance(context),
            "least distance from 1; mean = "
            + ", ".join(f"{float(value):.4f} (L={L})" for L, value in printed.items()),
        )
        # with u as printed the integral of -u^(1/2) log(u^(1/2)) is (c/s)(rho - log(c/s))
        rho = {L: exact.differential_effective_rank(L, digits=digits) for L in _DEPTHS}
        integral = {L: printed[L] * (rho[L] - mpmath.log(printed[L])) for L in _DEPTHS}
        yield refutation(
            "its integral is not rho",
            float(min(abs(integral[L] - rho[L]) for L in _DEPTHS)),
            _tolerance(context),
            "least distance; integral and rho: "
            + ", ".join(f"{float(integral[L]):.4f}, {float(rho[L]):.4f} (L={L})" for L in _DEPTHS),
        )
        yield at_most(
            "holds: u = sigma^2/c^2 with c = E sigma, as Definition 6 says",
            float(max(abs(_closed_rho(L, digits) - rho[L]) for L in _DEPTHS)),
            _tolerance(context),
            "its integral is rho: quadrature against enclosures of the closed form",
        )


def _closed_rho(depth: int, digits: int) -> mpmath.mpf:
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


def _closed_derivative(depth: int) -> mpmath.mpf:
    enclosure = exact.enclose_derivative(depth, digits=20)
    return (enclosure.lower + enclosure.upper) / 2


def _definition_4(context: Context) -> Iterator[Evidence]:
    matrix = 3 * np.eye(4)
    sigma = np.linalg.svdvals(matrix)
    printed = np.linalg.norm(matrix) ** 2 / np.linalg.norm(matrix, 2)
    yield refutation(
        "printed: |A|_F^2/|A|_2, at A = 3 I of side 4",
        float(abs(printed - matrix.shape[0])),
        1e-12,
        f"{printed:g} for a matrix of rank 4, and 4 for I itself: it depends on the scale",
    )
    holds = np.linalg.norm(matrix) ** 2 / np.linalg.norm(matrix, 2) ** 2
    yield at_most(
        "holds: |A|_F^2/|A|_2^2 = sum sigma^2/sigma_max^2",
        abs(holds - np.sum(sigma**2) / sigma[0] ** 2) + abs(holds - 4),
        1e-12,
        "the second equality of Definition 4, as printed; rounding of a 4 x 4 norm",
    )


def _erratum(
    name: str, statement: str, reference: str, check: Callable[[Context], Iterator[Evidence]]
) -> Claim:
    return Claim(
        name=f"theorem1.errata.{name}",
        statement=statement,
        assumptions="as printed in the second revision",
        reference=reference,
        status="refuted",
        refuted_by="the lines marked refuted; the lines marked holds give the form that does",
        check=check,
    )


CLAIMS = (
    _erratum(
        "equation-8",
        "Eq. 8 as printed: -(sigma/c) log(sigma/c) (-p sigma') = h v^2 log(u) sqrt(u).",
        "Eq. 8",
        _equation_8,
    ),
    _erratum(
        "equation-10",
        "Eq. 10 as printed: u = sigma^2/sigma_max^2 stands for (sigma/c)^2.",
        "Eq. 10 and Definition 6",
        _equation_10,
    ),
    _erratum(
        "after-equation-11",
        "Eq. 11 is positive for smaller phi, negative for larger, and its integral is negative.",
        "the sentence after Eq. 11",
        _after_equation_11,
    ),
    _erratum(
        "definition-4",
        "Definition 4 as printed: the stable rank is |A|_F^2/|A|_2.",
        "Definition 4",
        _definition_4,
    ),
)
