"""Errors and loose statements of the paper where it defines and discusses measures of rank."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy
from scipy import special

from rmt_rank.exact._precision import mp, working
from rmt_rank.metrics import matrix
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, erratum, refutation
from rmt_rank.theory.gaussian.fuss_catalan import singular_value_law
from rmt_rank.theory.gaussian.moments import fuss_catalan_moment

__all__ = ["CLAIMS"]

_ROUNDING = 1e-13  # as in definitions.py


def _definition_2(context: Context) -> Iterator[Evidence]:
    ranks = np.arange(1, 13)
    flat = [matrix.effective_rank(np.diag(np.r_[np.ones(k), np.zeros(12 - k)])) for k in ranks]
    yield at_most(
        "printed: rho <= rank",
        float(np.max(flat - ranks)),
        0,
        "largest rho - rank over matrices of side 12 with k equal singular values, k = 1 ... 12",
    )
    yield at_most(
        "sharper: rho <= log rank, with equality for equal singular values",
        float(np.max(np.abs(flat - np.log(ranks)))),
        _ROUNDING,
        "largest |rho - log rank| over the same matrices; entropy is largest for equal weights",
    )


def _definition_3(context: Context) -> Iterator[Evidence]:
    tau, width = 0.01, 256
    share = [
        float(singular_value_law.sf(tau * width * fuss_catalan_moment(0.5, L), L))
        for L in (1, 2, 3)
    ]
    counts = ", ".join(f"{width * each:.1f} (L={L})" for L, each in enumerate(share, 1))
    yield refutation(
        "tau = 0.01 at width 256: the threshold rank rises with depth",
        min(np.diff(share)),
        0,
        f"least rise of P(sigma >= tau N c) from one depth to the next; N times it: {counts}",
    )
    yield at_most(
        "tau = 0.01: no normalised value reaches it at widths above 236, depth 1",
        float(singular_value_law.sf(tau * 236 * fuss_catalan_moment(0.5, 1), 1)),
        0,
        "sigma_max/c = 3 pi/4 = 2.356 < tau N: a fixed tau measures the width",
    )
    scaled = [
        float(singular_value_law.sf(fuss_catalan_moment(0.5, L) / 2, L)) for L in (1, 2, 4, 8)
    ]
    yield at_most(
        "holds: with tau = 1/(2N) it falls",
        max(np.diff(scaled)),
        0,
        "largest change of P(sigma >= c/2) between depths 1, 2, 4, 8; from tau of about 1.4/N on "
        "it rises at first",
    )


def _definition_4(context: Context) -> Iterator[Evidence]:
    a = 3 * np.eye(4)
    sigma = np.linalg.svdvals(a)
    printed = np.linalg.norm(a) ** 2 / np.linalg.norm(a, 2)
    yield refutation(
        "printed: |A|_F^2/|A|_2, at A = 3 I of side 4",
        float(abs(printed - a.shape[0])),
        1e-12,
        f"{printed:g} for a matrix of rank 4, and 4 for I itself: it depends on the scale",
    )
    holds = np.linalg.norm(a) ** 2 / np.linalg.norm(a, 2) ** 2
    yield at_most(
        "holds: |A|_F^2/|A|_2^2 = sum sigma^2/sigma_max^2",
        abs(holds - np.sum(sigma**2) / sigma[0] ** 2) + abs(holds - 4),
        1e-12,
        "the second equality of Definition 4, as printed; rounding of a 4 x 4 norm",
    )


def _threshold_area(context: Context) -> Iterator[Evidence]:
    gaussian = np.random.default_rng(context.seed).normal(size=(12, 12))
    ranks = [np.diag(np.r_[np.ones(k), np.zeros(12 - k)]) for k in (1, 12)]
    areas = [float(matrix.threshold_rank_area(a)) for a in (gaussian, *ranks)]
    yield at_most(
        "the area under the threshold rank of Definition 3 is 1",
        max(abs(area - 1) for area in areas),
        _ROUNDING,
        "each normalised value v is counted for tau up to v: a Gaussian matrix, rank 1, rank 12",
    )
    yield refutation(
        "so it tells rank 1 from rank 12? printed: yes",
        float(areas[1] == areas[2]),
        0,
        f"1 if it does not; areas {areas[1]:g} and {areas[2]:g}",
    )
    relative = [float(matrix.threshold_rank_area(a, relative_to="max")) for a in ranks]
    yield at_most(
        "holds: relative to the largest value it is sum/max",
        abs(relative[0] - 1) + abs(relative[1] - 12),
        _ROUNDING,
        "1 for rank 1, 12 for the identity of side 12",
    )


def _two_normals(context: Context) -> Iterator[Evidence]:
    # kurtosis does not see the scale; E X^2 and E X^4 of a density p(|x|)/2 each
    def kurtosis(density: Callable[[Any], Any]) -> float:
        second, fourth = (
            mp.quad(lambda x, k=k: x**k * density(x), [0, 1, 10, mp.inf]) for k in (2, 4)
        )
        return float(fourth / second**2)

    with working(15):
        bessel = kurtosis(lambda x: 2 * mp.besselk(0, x) / mp.pi)
        chi = kurtosis(lambda x: x ** mp.mpf(-0.5) * mp.exp(-x / 2) / mp.sqrt(2 * mp.pi))
    yield refutation(
        "printed: symmetric chi-squared with one degree of freedom, up to scale",
        abs(chi - 9),
        1e-10,
        f"distance of its kurtosis {chi:.4f} from E X^4 E Y^4 = 9, which a scale does not change; "
        "quadrature to 15 digits",
    )
    yield at_most(
        "holds: the density is K_0(|x|)/pi",
        abs(bessel - 9),
        1e-10,
        "distance of its kurtosis from 9, by the same quadrature",
    )
    samples = 20_000
    rng = np.random.default_rng(context.seed)
    product = rng.standard_normal(samples) * rng.standard_normal(samples)

    def below_zero_to(x: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 + np.sign(x) * special.iti0k0(np.abs(x))[1] / math.pi)

    yield at_most(
        "and products of normal numbers follow it",
        float(scipy.stats.kstest(product, below_zero_to).statistic),
        # P(sqrt(n) D > x) -> 2 exp(-2 x^2): 1e-6
        math.sqrt(math.log(2e6) / 2 / samples),
        f"Kolmogorov distance of {samples} products; false alarm 1e-6",
    )


_ARGUED = "docs/measures.md, What the paper prints"

CLAIMS = (
    Claim(
        name="metrics.errata.definition-2",
        statement="The effective rank is at most the rank.",
        assumptions="as printed in the second revision",
        reference="after Definition 2",
        status="proved",
        refuted_by="a matrix whose effective rank exceeds the logarithm of its rank",
        check=_definition_2,
        argued=_ARGUED,
        instead="it is at most the logarithm of the rank: the printed bound is not sharp.",
    ),
    erratum(
        "metrics.errata.definition-3",
        "Definition 3 as used: a fixed threshold such as tau = 0.01 measures rank at any width.",
        "the threshold must scale like 1/N; even so it need not fall with depth.",
        "Definition 3 and Figure 10",
        _definition_3,
        argued=_ARGUED,
    ),
    erratum(
        "metrics.errata.definition-4",
        "Definition 4 as printed: the stable rank is |A|_F^2/|A|_2.",
        "|A|_F^2/|A|_2^2, the second form of the definition.",
        "Definition 4",
        _definition_4,
        argued=_ARGUED,
    ),
    erratum(
        "metrics.errata.threshold-area",
        "The area under the threshold rank over all tau is the better measure.",
        "it is 1 for every matrix; relative to the largest singular value it is sum/max.",
        "Appendix D, after Definition 3",
        _threshold_area,
        argued=_ARGUED,
    ),
    erratum(
        "metrics.errata.two-normals",
        "The product of two normal weights is symmetric chi-squared, one degree of freedom.",
        "its density is K_0(|x|)/pi.",
        "Section 3.3",
        _two_normals,
        argued=_ARGUED,
    ),
)
