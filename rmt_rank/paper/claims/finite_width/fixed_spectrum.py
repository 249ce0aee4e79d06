"""One Gaussian factor on a fixed matrix: proved and open statements at finite width.

S is the effective rank of Definition 1, G a Gaussian matrix, A a fixed one of the same side; only
the singular values d of A matter.  docs/finite-width-theorem.md has the proofs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most
from rmt_rank.paper.claims.finite_width.random_products import decrease_line
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed

__all__ = ["CLAIMS", "SAMPLES", "SPECTRA", "gaussian", "spectra"]

Array = npt.NDArray[np.float64]

_WIDTHS = (2, 3, 4, 6)
# Spectra that are tried at a width, and matrices for each.
SPECTRA, SAMPLES = 5, 4000
_CHAIN_DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16)


def spectra(width: int, rng: np.random.Generator) -> Array:
    """Normalised spectra to try: uniform on the simplex, and powers of it."""
    d = rng.dirichlet(np.ones(width), SPECTRA) ** np.linspace(0.5, 3, SPECTRA)[:, np.newaxis]
    return np.asarray(np.sort(d / d.sum(axis=1, keepdims=True))[:, ::-1])


def gaussian(width: int, field: str, rng: np.random.Generator) -> npt.NDArray[np.inexact]:
    """Gaussian matrices, of entries of variance 1 in each part."""
    shape = (SAMPLES, width, width)
    g = rng.standard_normal(shape)
    return g + 1j * rng.standard_normal(shape) if field == "complex" else g


def _trials(context: Context) -> Iterator[tuple[Array, npt.NDArray[np.inexact]]]:
    """Spectra d and samples of G diag(d)."""
    for width in _WIDTHS:
        seed = np.random.SeedSequence(context.seed, spawn_key=(width, 1))
        rng = np.random.default_rng(seed)
        for d in spectra(width, rng):
            yield d, gaussian(width, context.field, rng) * d


def _ratio(numerator: Array, denominator: Array) -> tuple[Array, Array]:
    """Ratio of means and its standard error by linearisation."""
    mean = denominator.mean()
    ratio = numerator.mean(axis=0) / mean
    rest = (numerator.T - np.multiply.outer(ratio, denominator)) / mean
    return ratio, rest.std(axis=-1, ddof=1) / math.sqrt(denominator.size)


def _size_biased(context: Context) -> Iterator[Evidence]:
    shares, entropies, kyfan = [], [], []
    for d, a in _trials(context):
        _, sigma, vh = np.linalg.svd(a)
        nuclear = sigma.sum(axis=1)
        partial = np.cumsum(sigma, axis=1)[:, :-1]
        ratio, error = _ratio(partial, nuclear)
        shares.append(np.max((np.cumsum(d)[:-1] - ratio) / error))
        entropy = spectrum.effective_rank(sigma)
        biased, error = _ratio(nuclear * entropy, nuclear)
        entropies.append((biased - spectrum.effective_rank(d)) / error)
        # the diagonal of H in G D = Q H
        diagonal = np.sum(sigma[:, :, np.newaxis] * np.abs(vh) ** 2, axis=1)
        largest = np.cumsum(np.sort(diagonal)[:, ::-1], axis=1)[:, :-1]
        kyfan.append(np.max((largest - partial) / nuclear[:, np.newaxis]))
    trials = len(shares)
    widths = ", ".join(map(str, _WIDTHS))
    allowed = errors_allowed(SAMPLES, trials * max(_WIDTHS))
    yield at_most(
        "size-biased shares of the k largest are at least those of A",
        float(np.max(shares)),
        allowed,
        f"largest (share of A - share)/s.e. over k and {trials} spectra, widths {widths}, "
        f"{SAMPLES} {context.field} matrices each; false alarm {FALSE_ALARM:g}",
    )
    yield at_most(
        "size-biased entropy is at most that of A",
        float(np.max(entropies)),
        allowed,
        "largest (E[|GA|_* S(GA)]/E|GA|_* - S(A))/s.e. over the same",
    )
    yield at_most(
        "Ky Fan: the k largest singular values hold at least the k largest of diag H",
        float(np.max(kyfan)),
        1e-13,
        "GA = QH polar; in every sample, relative to the nuclear norm; rounding of an SVD",
    )
    yield at_most(
        "diag H is d_i times the derivative of |G diag(d)|_* in d_i",
        _polar_identity(context),
        1e-8,
        "central differences with step 1e-5, third derivatives of order 100 at most here, and "
        "rounding/step",
    )


def _polar_identity(context: Context) -> float:
    d = np.array([1.0, 0.7, 0.4])
    rng = np.random.default_rng(context.seed)
    g = rng.standard_normal((3, 3))
    _, sigma, vh = np.linalg.svd(g * d)
    diagonal = np.sum(sigma[:, np.newaxis] * vh**2, axis=0)
    step = 1e-5 * np.eye(3)
    slopes = [
        (np.linalg.norm(g * (d + h), "nuc") - np.linalg.norm(g * (d - h), "nuc")) / 2e-5
        for h in step
    ]
    return float(np.max(np.abs(d * slopes - diagonal)))


def _plain(context: Context) -> Iterator[Evidence]:
    scores = []
    for d, a in _trials(context):
        change = spectrum.effective_rank(np.linalg.svdvals(a)) - spectrum.effective_rank(d)
        scores.append(change.mean() / (change.std(ddof=1) / math.sqrt(SAMPLES)))
    allowed = errors_allowed(SAMPLES, len(scores))
    yield at_most(
        "widths 2 to 6: (E S(GA) - S(A))/s.e.",
        float(np.max(scores)),
        allowed,
        f"largest over {len(scores)} spectra, {SAMPLES} {context.field} matrices each; "
        f"{np.sum(np.array(scores) < -allowed)} of them are below {-allowed:.1f}; false alarm "
        f"{FALSE_ALARM:g}",
    )


def _every_factor(context: Context) -> Iterator[Evidence]:
    # as many chains as the command takes by default, so that every step is seen
    own = replace(context, samples=None, chains={})
    for width in (2, 4, 8):
        yield decrease_line(own.chain(width, _CHAIN_DEPTHS))


_ARGUED = "docs/finite-width-theorem.md"

CLAIMS = (
    Claim(
        name="finite-width.size-biased",
        statement="A Gaussian factor lowers every concave measure of rank in size-biased mean.",
        assumptions="any width, any fixed A, E|GA|_* finite; E[|GA|_* Phi(GA)]/E|GA|_* <= Phi(A), "
        "one factor; theorem1.any-matrix is the same in plain mean",
        reference="our own; Schur convexity of E|G diag(d)|_*, Ky Fan",
        status="proved",
        refuted_by="a spectrum whose size-biased shares do not majorise it",
        check=_size_biased,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.fixed-spectrum",
        statement="A Gaussian factor lowers the mean effective rank: E S(GA) <= S(A).",
        assumptions="any width, any fixed A; special case of theorem1.any-matrix",
        reference="our own",
        status="proved",
        refuted_by="a spectrum whose mean effective rank rises",
        check=_plain,
        argued=_ARGUED,
    ),
    Claim(
        name="theorem1.every-factor",
        statement="At every width the mean effective rank falls with every Gaussian layer.",
        assumptions="square and rectangular layers, real or complex; widths 2, 4, 8 here",
        reference="Theorem 1 without its limit; our own, by theorem1.any-matrix",
        status="proved",
        refuted_by="a step at which the mean rises by more than sampling error",
        check=_every_factor,
        argued=_ARGUED,
    ),
)
