"""Powers of the singular values: where the theorem of `any_matrix` ends, and Gram matrices.

Power 1 is the largest at which a real Gaussian factor lowers the mean rank of every fixed matrix,
power 2 (the Gram matrix) the largest for complex entries.  docs/finite-width-theorem.md has the
proofs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below, refutation
from rmt_rank.paper.claims.finite_width.any_matrix import WIDTHS, haar, share_scores
from rmt_rank.paper.claims.finite_width.fixed_spectrum import SAMPLES, gaussian, spectra
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed

__all__ = ["CLAIMS", "critical_ratio"]

_ARGUED = "docs/finite-width-theorem.md"


def critical_ratio(power: float, width: int, field: str) -> float:
    """Limit of E S(GA)/S(A) for powers of the singular values, A = diag(1, s, 0, ...), s -> 0."""
    N, half = width, power / 2
    if field == "real":
        logs = special.gammaln([(N - 1) / 2 + half, N / 2 - half, (N - 1) / 2, N / 2])
    else:
        logs = special.gammaln([N - 1 + half, N - half, N - 1, N])
    return math.exp(logs[0] + logs[1] - logs[2] - logs[3])


def _critical(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(93,)))
    width, samples = 4, 200_000
    for field, beta in (("real", 1), ("complex", 2)):
        yield at_most(
            f"{field} entries: the ratio is 1 at power {beta}",
            max(abs(critical_ratio(beta, N, field) - 1) for N in (2, 3, 8, 100)),
            1e-12,
            "E[(|P g_2|/|g_1|)^p], P the projection from g_1: quotients of gamma functions; "
            "widths 2, 3, 8, 100; rounding of log-gamma at 100",
        )
        yield below(
            f"{field} entries: 1 over the ratio at power {beta} + 1/2",
            max(1 / critical_ratio(beta + 0.5, N, field) for N in (3, 8, 100)),
            1,
            "widths 3, 8, 100: above the critical power the mean entropy rises",
        )
        g = rng.standard_normal((samples, 2, width))
        if field == "complex":
            g = g + 1j * rng.standard_normal((samples, 2, width))
        v, w = g[:, 0], g[:, 1]
        length = np.linalg.norm(v, axis=1)
        along = np.abs(np.sum(v.conj() * w, axis=1)) / length
        x = np.sqrt(np.maximum(np.linalg.norm(w, axis=1) ** 2 - along**2, 0)) / length
        power = beta / 2
        error = np.std(x**power, ddof=1) / math.sqrt(samples)
        yield at_most(
            f"{field} entries: the ratio at power {power:g} against samples",
            float(abs(np.mean(x**power) - critical_ratio(power, width, field)) / error),
            errors_allowed(samples),
            f"in standard errors; width {width}, {samples} pairs of vectors",
        )


def _gram_real(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(94,)))
    width, samples = 4, 40_000
    for s in (1e-2, 1e-3):
        d = np.array([1] + [s] * (width - 1))
        sigma = np.linalg.svdvals(rng.standard_normal((samples, width, width)) * d)
        rank = spectrum.effective_rank(sigma, power=2)
        rise = rank / spectrum.effective_rank(d, power=2) - 1
        yield refutation(
            f"real entries, A = diag(1, s, s, s), s = {s:g}: mean rise of the Gram rank",
            float(rise.mean() / (rise.std(ddof=1) / math.sqrt(samples))),
            errors_allowed(samples),
            f"in standard errors; E S_2(GA)/S_2(A) = {1 + rise.mean():.3f}, tends to "
            f"{(width - 1) / (width - 2):g} as s -> 0; {samples} matrices",
        )


def _gram_complex(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(95,)))
    scores = []
    for width in WIDTHS:
        for d in spectra(width, rng):
            sigma = np.linalg.svdvals(gaussian(width, "complex", rng) * d)
            scores.append(float(share_scores(sigma, d, power=2).max()))
    yield at_most(
        "complex entries: the k largest squared shares do not fall in mean",
        max(scores),
        errors_allowed(SAMPLES, len(scores) * max(WIDTHS)),
        f"largest (share of A - mean share of GA)/s.e. over k and {len(scores)} spectra; {SAMPLES} "
        "matrices each",
    )


def _all_powers(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(97,)))
    for field, powers in (("real", (0.25, 0.5)), ("complex", (0.5, 1.5, 2))):
        scores = []
        for power in powers:
            for width in (3, 4):
                for a, g in zip(spectra(width, rng), spectra(width, rng), strict=True):
                    factor = g[:, np.newaxis] * haar(SAMPLES, width, field, rng)
                    sigma = np.linalg.svdvals(factor * a)
                    scores.append(float(share_scores(sigma, a, power).max()))
        yield at_most(
            f"{field} entries, powers {', '.join(map(str, powers))}: mean shares do not fall",
            max(scores),
            errors_allowed(SAMPLES, 3 * len(scores)),
            f"largest (share of A - mean share of gkA)/s.e. over k and {len(scores)} triples of "
            f"power, fixed g and A, widths 3 and 4; {SAMPLES} Haar matrices k each; false alarm "
            f"{FALSE_ALARM:g}",
        )


def _gram_product(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(98,)))
    scores = []
    for width in (2, 3, 4):
        product, ranks = gaussian(width, "real", rng), []
        for _ in range(8):
            product = product / np.linalg.norm(product, axis=(1, 2), keepdims=True)
            ranks.append(spectrum.effective_rank(np.linalg.svdvals(product), power=2))
            product = gaussian(width, "real", rng) @ product
        change = np.diff(ranks, axis=0)
        error = change.std(axis=1, ddof=1) / math.sqrt(SAMPLES)
        scores.append(float(np.max(change.mean(axis=1) / error)))
    yield at_most(
        "real products of 1 to 8 factors: the mean Gram rank falls at every step",
        max(scores),
        errors_allowed(SAMPLES, 7 * len(scores)),
        f"largest change in standard errors: {', '.join(f'{s:.1f}' for s in scores)} at widths 2, "
        f"3 and 4; {SAMPLES} chains each; false alarm {FALSE_ALARM:g}",
    )


CLAIMS = (
    Claim(
        name="finite-width.all-powers",
        statement="Powers up to 1 (real), 2 (complex): the mean shares of gkA majorise those of A.",
        assumptions="any fixed g and A, k Haar distributed; proved at power 1, at width 2, and for "
        "complex entries at power 2",
        reference="our own; the bracket of the section on width 2 suggests it",
        status="conjectured",
        refuted_by="a mean share that falls by more than sampling error",
        check=_all_powers,
        argued=f"{_ARGUED}, What is open",
    ),
    Claim(
        name="finite-width.gram-product",
        statement="The mean Gram effective rank of a real product falls with every factor.",
        assumptions="square Gaussian factors, from the identity; for a fixed matrix it can rise",
        reference="our own",
        status="conjectured",
        refuted_by="a step at which the mean rises by more than sampling error",
        check=_gram_product,
        argued=f"{_ARGUED}, What is open",
    ),
    Claim(
        name="finite-width.critical-power",
        statement="Beyond power 1 (real), 2 (complex) a Gaussian factor raises the rank of some A.",
        assumptions="powers of the singular values, one Gaussian factor, A = diag(1, s, 0, ...)",
        reference="our own; ratios of chi variables",
        status="proved",
        refuted_by="a ratio that is not 1 at the critical power, or not above 1 beyond it",
        check=_critical,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.gram-real",
        statement="A real Gaussian factor lowers the mean Gram effective rank of any matrix.",
        assumptions="power 2, real entries, fixed A",
        reference="the natural conjecture for Definition 1 with squares",
        status="refuted",
        refuted_by="the lines marked refuted",
        check=_gram_real,
        argued=_ARGUED,
        instead="it holds for complex entries, and at power 1 for real ones",
    ),
    Claim(
        name="finite-width.gram-complex",
        statement="A complex Gaussian factor lowers the mean Gram effective rank of any matrix.",
        assumptions="power 2, complex entries, any width, any fixed A; every symmetric concave "
        "function of the squared shares",
        reference="our own; Eckart-Young and convexity of E 1/T",
        status="proved",
        refuted_by="a spectrum with a mean squared share of the k largest that falls",
        check=_gram_complex,
        argued=_ARGUED,
    ),
)
