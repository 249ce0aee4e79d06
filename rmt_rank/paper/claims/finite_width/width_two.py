"""Width 2: means over one Gaussian factor by quadrature, and their consequences.

The means depend only on the ratio of the two singular values of A.  docs/finite-width-theorem.md
has the proofs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below, refutation
from rmt_rank.paper.claims.finite_width.fixed_spectrum import SAMPLES, gaussian
from rmt_rank.paper.claims.finite_width.superharmonic import laplacian
from rmt_rank.paper.claims.sampling_error import errors_allowed

__all__ = ["CLAIMS", "mean_at_width_two"]

Array = npt.NDArray[np.float64]

# Ratios of the two singular values of A at width 2: from nearly singular to nearly equal.
_RATIOS = (1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.99)
_ARGUED = "docs/finite-width-theorem.md"


def mean_at_width_two(function: Callable[[Array], Array], ratio: float, field: str) -> float:
    """E f(r) for the ratio r <= 1 of the singular values of G diag(1, ratio).

    With g the columns of G, U = sin^2 of their angle is Beta(b/2, b/2) and p = |g_2|^2/(|g_1|^2 +
    |g_2|^2) is Beta(b, b), b = 1 for real and 2 for complex entries, and 2r/(1 + r^2) =
    sqrt(U) / cosh(log(ratio |g_2|/|g_1|)).  In the logits of U and p the integrand is analytic in
    a strip of half-width pi, so that the trapezoidal rule with step 1/4 leaves exp(-8 pi^2).
    """
    beta = 1.0 if field == "real" else 2.0
    logit, lengths = _logits(beta)
    _, angles = _logits(beta / 2)
    y = math.log(ratio) + logit / 2
    sech = 2 * np.exp(-np.abs(y)) / (1 + np.exp(-2 * np.abs(y)))
    t = sech[:, np.newaxis] * np.exp(special.log_expit(logit) / 2)
    # 1 - t^2 = tanh^2 + sech^2 (1 - U), without cancellation
    rest = np.tanh(y)[:, np.newaxis] ** 2 + sech[:, np.newaxis] ** 2 * special.expit(-logit)
    r = t / (1 + np.sqrt(rest))
    return float(lengths @ function(r) @ angles)


def _logits(a: float) -> tuple[Array, Array]:
    """Points and weights of the trapezoidal rule for the logit of a Beta(a, a) variable."""
    logit = np.arange(-110, 110.1, 0.25)
    log_weights = a * (special.log_expit(logit) + special.log_expit(-logit))
    return logit, np.exp(log_weights - special.betaln(a, a)) / 4


def _entropy(r: Array) -> Array:
    return np.asarray(np.log1p(r) - special.xlogy(r, r) / (1 + r))


def _log_nuclear(t: float, field: str) -> float:
    """E log |G diag(1 + t, 1 - t)|_* at width 2, without the terms that do not depend on t."""
    logit, weights = _logits(1.0 if field == "real" else 2.0)
    frobenius = weights @ np.log(
        (1 + t) ** 2 * special.expit(-logit) + (1 - t) ** 2 * special.expit(logit)
    )

    ratio = (1 - t) / (1 + t)
    overlap = mean_at_width_two(lambda r: np.log1p(_participation(r)), ratio, field)
    return float(frobenius + overlap) / 2


def _entropy_line(field: str) -> Evidence:
    shares = {
        s: mean_at_width_two(_entropy, s, field) / float(_entropy(np.array(s))) for s in _RATIOS
    }
    return below(
        f"width 2, {field}: E S(GA)/S(A)",
        max(shares.values()),
        1,
        "largest over A = diag(1, s), by quadrature: "
        + ", ".join(f"{value:.4f} (s={s:g})" for s, value in shares.items()),
    )


def _path(field: str) -> Array:
    """E log |G diag(1 + t, 1 - t)|_* along t."""
    return np.array([_log_nuclear(t, field) for t in np.linspace(0, 0.99, 34)])


def _width_two_factor(context: Context) -> Iterator[Evidence]:
    x = np.geomspace(1e-3, 30, 200)[:, np.newaxis] * [0.5, -0.5]
    yield below(
        "the entropy is superharmonic on hyperbolic space: Laplacian over exp(-r)",
        max(float(np.max(laplacian(x, beta) * np.exp(x[:, 0] - x[:, 1]))) for beta in (1, 2)),
        0,
        "largest over 200 distances r from 0.001 to 30, dimensions 2 and 3; proof on the page",
    )
    for field in ("real", "complex"):
        yield _entropy_line(field)
    yield at_most(
        "real: E log |G diag(d)|_* depends on d_1 + d_2 only",
        float(np.ptp(_path("real"))),
        1e-12,
        "largest difference along d = (1 + t, 1 - t), 34 t up to 0.99, by quadrature; proof on the "
        "page; rounding of sums over 4e5 points of order 1",
    )
    yield below(
        "complex: E log |G diag(1+t, 1-t)|_* rises with t",
        -float(np.min(np.diff(_path("complex")))),
        0,
        "minus the least rise over 34 t up to 0.99; were it Schur-convex at every width, "
        "finite-width.fixed-spectrum would follow",
    )
    participation = max(
        abs(mean_at_width_two(_participation, s, "real") / (2 * s) * (1 + s) ** 2 - 1)
        for s in _RATIOS
    )
    yield at_most(
        "real: the mean participation ratio is 1 + 2s/(1+s)^2, below 1 + 2s/(1+s^2)",
        participation,
        1e-12,
        "relative distance of the quadrature from this closed form (found, not proved) for "
        "A = diag(1, s)",
    )


def _participation(r: Array) -> Array:
    """Participation ratio less 1 of singular values in the ratio r."""
    return 2 * r / (1 + r**2)


def _stable_rank(context: Context) -> Iterator[Evidence]:
    ratios = (0.1, 1e-3, 1e-6)
    rise = {s: mean_at_width_two(lambda r: r**2, s, "real") / s**2 for s in ratios}
    yield refutation(
        "the mean stable rank of GA never exceeds that of A?",
        min(rise.values()) - 1,
        0,
        "least (E srank(GA) - 1)/(srank(A) - 1) - 1 for A = diag(1, s), real, by quadrature; the "
        "ratio: " + ", ".join(f"{value:.2f} (s={s:g})" for s, value in rise.items()),
    )
    mild = {s: mean_at_width_two(lambda r: r**2, s, "complex") / s**2 for s in (*ratios, 0.5)}
    yield below(
        "complex entries: it does not, at these",
        max(mild.values()),
        1,
        "that ratio: " + ", ".join(f"{value:.7f} (s={s:g})" for s, value in mild.items()),
    )
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(4, 2)))
    product, ranks = gaussian(4, context.field, rng), []
    for _ in range(6):
        product /= np.linalg.norm(product, axis=(1, 2), keepdims=True)
        ranks.append(spectrum.stable_rank(np.linalg.svdvals(product)))
        product = gaussian(4, context.field, rng) @ product
    change = np.diff(ranks, axis=0)
    score = change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(SAMPLES))
    yield below(
        "holds: along chains of width 4 its mean falls",
        float(np.max(score)),
        -errors_allowed(SAMPLES, score.size),
        f"largest change in standard errors over {score.size} steps, {SAMPLES} {context.field} "
        "chains",
    )


def _width_two(context: Context) -> Iterator[Evidence]:
    for field, value, what in (
        ("complex", (math.pi - 1) / 4, "(pi - 1)/4"),
        ("real", 2 * math.log(2) - 0.915965594177219015, "2 log 2 - Catalan"),
    ):
        yield at_most(
            f"{field}: E S = {what}",
            abs(mean_at_width_two(_entropy, 1.0, field) - value),
            1e-13,
            "two-dimensional quadrature over the angle and lengths of two columns; rounding of a "
            "sum over 8e5 points, pairwise",
        )


CLAIMS = (
    Claim(
        name="finite-width.two-by-two",
        statement="Theorem 1 holds at width 2: a Gaussian factor lowers E S, whatever A is.",
        assumptions="width 2, both fields, any fixed A and bi-invariant factor; concave measures; "
        "a special case of theorem1.any-matrix",
        reference="our own: they are superharmonic on hyperbolic space",
        status="proved",
        refuted_by="a distance at which the Laplacian is positive, or a ratio above 1",
        check=_width_two_factor,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.stable-rank",
        statement="The mean stable rank of GA is at most the stable rank of A.",
        assumptions="one Gaussian factor on a fixed A, width 2",
        reference="our own",
        status="refuted",
        refuted_by="the line marked refuted",
        check=_stable_rank,
        argued=_ARGUED,
        instead="for nearly singular A it rises; its mean along a chain of Gaussian factors falls.",
    ),
    Claim(
        name="finite-width.width-two",
        statement="One 2 x 2 matrix: E S = (pi - 1)/4 (complex), 2 log 2 - Catalan (real).",
        assumptions="Gaussian entries",
        reference="our own",
        status="verified",
        refuted_by="a digit in which quadrature differs",
        check=_width_two,
        argued=_ARGUED,
    ),
)
