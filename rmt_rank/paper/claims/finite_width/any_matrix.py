"""One random factor on any fixed matrix, at every width: the theorem, and where it ends.

A is fixed, G a random factor whose law does not change under unitary (real: orthogonal) factors
from the right.  The mean of the normalised singular values of GA majorises those of A.
docs/finite-width-theorem.md has the statements and proofs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below, refutation
from rmt_rank.paper.claims.finite_width.fixed_spectrum import SAMPLES, SPECTRA, gaussian, spectra
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed

__all__ = ["CLAIMS", "critical_ratio", "haar", "share_scores"]

Array = npt.NDArray[np.float64]
Matrices = npt.NDArray[np.inexact]

_WIDTHS = (2, 3, 5)
_ARGUED = "docs/finite-width-theorem.md"
# Rounding of a nuclear norm, of some ten numbers of order one.
_ROUNDING = 1e-13


def haar(size: int, width: int, field: str, rng: np.random.Generator) -> Matrices:
    """Haar unitary or orthogonal matrices."""
    shape = (size, width, width)
    g = rng.standard_normal(shape)
    q, r = np.linalg.qr(g + 1j * rng.standard_normal(shape) if field == "complex" else g)
    phases = np.diagonal(r, axis1=-2, axis2=-1)
    return np.asarray(q * (phases / np.abs(phases))[:, np.newaxis, :])


def _factors(width: int, field: str, rng: np.random.Generator) -> Iterator[tuple[str, Matrices]]:
    """Right-invariant factors: each kind by name."""
    yield "Gaussian", gaussian(width, field, rng)
    yield "Gaussian, one row less", gaussian(width, field, rng)[:, : max(2, width - 1)]
    yield (
        "fixed times Haar",
        rng.standard_normal((width, width)) @ haar(SAMPLES, width, field, rng),
    )
    # I + a G has the same singular values on every A as (I + a G) k, k Haar
    block = np.eye(width) + 0.7 / math.sqrt(width) * gaussian(width, field, rng)
    yield "residual block", block @ haar(SAMPLES, width, field, rng)


def share_scores(sigma: Array, d: Array, power: float = 1) -> Array:
    """(share of A - mean share)/s.e. of the k largest powers, k = 1, 2, ..."""
    shares, fixed = sigma**power, d**power
    shares = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)[:, : d.size - 1]
    fixed = np.cumsum(fixed / fixed.sum())[: shares.shape[1]]
    error = shares.std(axis=0, ddof=1) / math.sqrt(len(shares))
    # shares that do not vary are all 1, of a product of rank one
    found = (fixed - shares.mean(axis=0)) / np.where(error > 0, error, 1)
    return np.asarray(found[error > 0] if (error > 0).any() else [-math.inf])


def _majorisation(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(91,)))
    worst: dict[str, list[float]] = {}
    for width in _WIDTHS:
        for d in spectra(width, rng):
            for name, factor in _factors(width, context.field, rng):
                sigma = np.linalg.svdvals(factor * d)
                worst.setdefault(name, []).append(float(share_scores(sigma, d).max()))
    trials = SPECTRA * len(_WIDTHS)
    for name, scores in worst.items():
        yield at_most(
            f"{name}: the k largest shares do not fall in mean",
            max(scores),
            errors_allowed(SAMPLES, trials * max(_WIDTHS)),
            f"largest (share of A - mean share of GA)/s.e. over k and {trials} spectra, widths "
            f"{', '.join(map(str, _WIDTHS))}, {SAMPLES} {context.field} matrices each; false alarm "
            f"{FALSE_ALARM:g}",
        )


def _anticonformal(a: float, beta: npt.ArrayLike) -> Array:
    """The real matrices, (..., 2, 2), of z -> a z + beta conj(z)."""
    b = np.asarray(beta, dtype=complex)
    return np.stack([a + b.real, b.imag, b.imag, a - b.real], axis=-1).reshape(*b.shape, 2, 2)


def _nuclear_norms(a: float, beta: npt.ArrayLike, first: Matrices, rest: Matrices) -> Array:
    """Nuclear norms of [first A_beta, rest]."""
    left = first @ _anticonformal(a, beta)
    right = np.broadcast_to(rest, (*left.shape[:-1], rest.shape[-1]))
    return np.asarray(np.linalg.svdvals(np.concatenate([left, right], axis=-1)).sum(axis=-1))


def _minorant(
    a: float, beta: Matrices, center: complex, first: Matrices, rest: Matrices
) -> Matrices:
    """The function of the proof, analytic in conj(beta), that touches the norm at the center."""
    e = np.array([1, -1j]) / math.sqrt(2)
    matrix = np.hstack([first @ _anticonformal(a, center), rest])
    u, _, vh = np.linalg.svd(matrix, full_matrices=False)
    q = u @ vh
    constant = np.trace(q[:, 2:].conj().T @ rest).real
    b = q[:, :2].conj().T @ first @ _anticonformal(a, beta)
    return np.asarray(
        constant
        + np.einsum("i,...ij,j", e.conj(), b, e)
        + np.einsum("i,...ij,j", e, b, e.conj()).conj()
    )


def _lemma(context: Context) -> Iterator[Evidence]:
    """The minorant of the proof, and means of the logarithm of the norm over circles."""
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(92,)))
    circle = np.exp(2j * np.pi * np.arange(128) / 128)
    above, touch, falls = [], [], []
    for trial in range(300):
        shape = tuple(rng.integers(2, 6, size=2))
        g = rng.standard_normal(shape) + 1j * (trial % 2) * rng.standard_normal(shape)
        parts = g[:, :2], g[:, 2:]
        a, (center, *others) = rng.uniform(0.1, 2), rng.normal(size=5) + 1j * rng.normal(size=5)
        beta = np.array([center, *others])
        ratios = np.abs(_minorant(a, beta, center, *parts)) / _nuclear_norms(a, beta, *parts) - 1
        touch.append(float(abs(ratios[0])))
        above.append(float(ratios[1:].max()))
        radii = a * np.array([0.2, 0.5, 0.75])
        norms = _nuclear_norms(a, np.multiply.outer(radii, circle), *parts)
        falls.append(-float(np.diff(np.log(norms).mean(axis=1)).min()))
    yield at_most(
        "the analytic minorant is at most the nuclear norm",
        max(above),
        _ROUNDING,
        "largest |f|/|M|_* - 1 over 300 random matrices, 2 to 5 rows and columns, 4 points each",
    )
    yield at_most(
        "and equals it where it was made",
        max(touch),
        _ROUNDING,
        "largest | |f|/|M|_* - 1 | over the same",
    )
    yield at_most(
        "means of log |M|_* over circles do not fall with the radius",
        max(falls),
        _ROUNDING,
        "largest fall between radii 0.2 a, a/2 and 3a/4; the trapezoidal rule with 128 points is "
        "exact up to 0.75^128 = 1e-16, since the matrices have full rank within the radius a",
    )


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
    for width in _WIDTHS:
        for d in spectra(width, rng):
            sigma = np.linalg.svdvals(gaussian(width, "complex", rng) * d)
            scores.append(float(share_scores(sigma, d, power=2).max()))
    yield at_most(
        "complex entries: the k largest squared shares do not fall in mean",
        max(scores),
        errors_allowed(SAMPLES, len(scores) * max(_WIDTHS)),
        f"largest (share of A - mean share of GA)/s.e. over k and {len(scores)} spectra; {SAMPLES} "
        "matrices each",
    )


def _renyi(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(96,)))
    scores, orders = [], (2.0, 4.0, math.inf)
    for width in _WIDTHS:
        for d in spectra(width, rng):
            sigma = np.linalg.svdvals(gaussian(width, context.field, rng) * d)
            for order in orders:
                change = spectrum.renyi_effective_rank(
                    sigma, order=order
                ) - spectrum.renyi_effective_rank(d, order=order)
                scores.append(float(change.mean() / (change.std(ddof=1) / math.sqrt(SAMPLES))))
    yield at_most(
        "Renyi orders 2, 4 and infinity: (E R(GA) - R(A))/s.e.",
        max(scores),
        errors_allowed(SAMPLES, len(scores)),
        f"largest over {len(scores) // len(orders)} spectra; {SAMPLES} {context.field} matrices "
        "each",
    )


CLAIMS = (
    Claim(
        name="theorem1.any-matrix",
        statement="Any right-invariant factor G: the mean normalised spectrum of GA majorises A's.",
        assumptions="any width, any fixed A; Gaussian, fixed times Haar, residual blocks; so every "
        "symmetric concave measure of rank falls in mean",
        reference="our own; log of the nuclear norm is subharmonic in an anticonformal parameter",
        status="proved",
        refuted_by="a spectrum with a mean share of the k largest that falls",
        check=_majorisation,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.nuclear-norm",
        statement="b -> log |[G A_b, C]|_* is subharmonic, A_b the matrix of z -> a z + b conj(z).",
        assumptions="any fixed G with two columns and any C; the lemma of the theorem",
        reference="our own; compare Aupetit, doi:10.4064/sm-122-2-195-200",
        status="proved",
        refuted_by="a matrix whose norm is below its minorant, or a mean over a circle that falls",
        check=_lemma,
        argued=_ARGUED,
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
    Claim(
        name="finite-width.renyi",
        statement="A right-invariant factor lowers the mean Renyi rank of every order from 2 on.",
        assumptions="any width, any fixed A; orders 2 to infinity (orders up to 1 are concave)",
        reference="our own; the theorem, and concavity of Epstein and of Carlen and Lieb",
        status="proved",
        refuted_by="a spectrum whose mean Renyi rank rises",
        check=_renyi,
        argued=_ARGUED,
    ),
)
