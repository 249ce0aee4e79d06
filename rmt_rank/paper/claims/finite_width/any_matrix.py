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

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most
from rmt_rank.paper.claims.finite_width.fixed_spectrum import SAMPLES, SPECTRA, gaussian, spectra
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed

__all__ = ["CLAIMS", "WIDTHS", "haar", "share_scores"]

Array = npt.NDArray[np.float64]
Matrices = npt.NDArray[np.inexact]

WIDTHS = (2, 3, 5)
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
    for width in WIDTHS:
        for d in spectra(width, rng):
            for name, factor in _factors(width, context.field, rng):
                sigma = np.linalg.svdvals(factor * d)
                worst.setdefault(name, []).append(float(share_scores(sigma, d).max()))
    trials = SPECTRA * len(WIDTHS)
    for name, scores in worst.items():
        yield at_most(
            f"{name}: the k largest shares do not fall in mean",
            max(scores),
            errors_allowed(SAMPLES, trials * max(WIDTHS)),
            f"largest (share of A - mean share of GA)/s.e. over k and {trials} spectra, widths "
            f"{', '.join(map(str, WIDTHS))}, {SAMPLES} {context.field} matrices each; false alarm "
            f"{FALSE_ALARM:g}",
        )


def _anticonformal(a: float, beta: npt.ArrayLike) -> Array:
    """The real matrices, (..., 2, 2), of z -> a z + beta conj(z)."""
    b = np.asarray(beta, dtype=complex)
    return np.stack([a + b.real, b.imag, b.imag, a - b.real], axis=-1).reshape(*b.shape, 2, 2)


def _norms(
    a: float, beta: npt.ArrayLike, first: Matrices, rest: Matrices, *, order: int = 1
) -> Array:
    """Schatten norms of [first A_beta, rest], the nuclear norm by default."""
    left = first @ _anticonformal(a, beta)
    right = np.broadcast_to(rest, (*left.shape[:-1], rest.shape[-1]))
    sigma = np.linalg.svdvals(np.concatenate([left, right], axis=-1))
    return np.asarray((sigma**order).sum(axis=-1) ** (1 / order))


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
    above, touch = [], []
    falls: dict[int, list[float]] = {1: [], 2: [], 4: []}
    for trial in range(300):
        shape = tuple(rng.integers(2, 6, size=2))
        g = rng.standard_normal(shape) + 1j * (trial % 2) * rng.standard_normal(shape)
        parts = g[:, :2], g[:, 2:]
        a, (center, *others) = rng.uniform(0.1, 2), rng.normal(size=5) + 1j * rng.normal(size=5)
        beta = np.array([center, *others])
        ratios = np.abs(_minorant(a, beta, center, *parts)) / _norms(a, beta, *parts) - 1
        touch.append(float(abs(ratios[0])))
        above.append(float(ratios[1:].max()))
        radii = a * np.array([0.2, 0.5, 0.75])
        points = np.multiply.outer(radii, circle)
        for order, found in falls.items():
            norms = _norms(a, points, *parts, order=order)
            found.append(-float(np.diff(np.log(norms).mean(axis=1)).min()))
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
        max(falls.pop(1)),
        _ROUNDING,
        "largest fall between radii 0.2 a, a/2 and 3a/4; the trapezoidal rule with 128 points is "
        "exact up to 0.75^128 = 1e-16, since the matrices have full rank within the radius a",
    )
    yield at_most(
        "the same for the Schatten norms of orders 2 and 4",
        max(max(found) for found in falls.values()),
        _ROUNDING,
        "the lemma holds for every unitarily invariant norm",
    )


def _renyi(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(96,)))
    scores, orders = [], (2.0, 4.0, math.inf)
    for width in WIDTHS:
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
        statement="Adding a Gaussian layer lowers the expected effective rank of any matrix, at "
        "any width: for any right-invariant G the mean normalised spectrum of GA majorises that of "
        "A.",
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
        assumptions="any fixed G with two columns and any C: the theorem's lemma; the same for "
        "every unitarily invariant norm",
        reference="our own; compare Aupetit, doi:10.4064/sm-122-2-195-200",
        status="proved",
        refuted_by="a matrix whose norm is below its minorant, or a mean over a circle that falls",
        check=_lemma,
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
