"""Powers of the singular values: Brownian factors, and the Gram matrix of complex matrices.

beta is 1 for real and 2 for complex entries.  docs/open-questions.md has the proofs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below
from rmt_rank.paper.claims.finite_width.any_matrix import haar, share_scores
from rmt_rank.paper.claims.finite_width.fixed_spectrum import SAMPLES, SPECTRA, spectra
from rmt_rank.paper.claims.sampling_error import errors_allowed

__all__ = ["CLAIMS", "share_growth"]

Array = npt.NDArray[np.float64]

_ARGUED = "docs/open-questions.md"


def share_growth(log_powers: Array, power: float, beta: int, k: int) -> Array:
    """Growth of the k largest shares of sigma^power under a Brownian factor, over power (1-P).

    `log_powers` are power log sigma, descending, (..., N); P is the sum of the k shares.
    """
    u = np.exp(log_powers - log_powers[..., :1])
    u /= u.sum(axis=-1, keepdims=True)
    top, rest = u[..., :k].sum(axis=-1), u[..., k:].sum(axis=-1)
    squares = [np.sum(part**2, axis=-1) for part in (u[..., :k], u[..., k:])]
    growth = 2 * power * (top * squares[1] - rest * squares[0])
    for i, j in combinations(range(u.shape[-1]), 2):
        coth = beta / np.tanh((log_powers[..., i] - log_powers[..., j]) / power)
        # u_i phi_i - u_j phi_j, phi = 1 - P for the k largest and -P for the others
        first = rest if i < k else -top
        second = rest if j < k else -top
        growth = growth + coth * (u[..., i] * first - u[..., j] * second)
    return np.asarray(growth / rest)


def _brownian(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(97,)))
    count, widths = 2000, (2, 3, 5)
    worst, ends = [], []
    for width in widths:
        x = rng.standard_normal((count, width)) * rng.choice([0.1, 0.3, 1, 4], (count, 1))
        x = np.sort(x, axis=1)[:, ::-1].copy()
        x[: count // 4, 1:] -= rng.uniform(0, 12, (count // 4, 1))
        for beta in (1, 2):
            for k in range(1, width):
                for power in (0.1, beta / 2, beta):
                    worst.append(-float(share_growth(x, power, beta, k).min()))
                ends.append(float(share_growth(x, 1.05 * beta, beta, k).min()))
    yield at_most(
        "powers up to beta: the shares of the k largest do not fall",
        max(worst),
        1e-11,
        f"largest -L P/(p (1-P)) over {count} spectra at each of the widths 2, 3 and 5, both "
        "fields; rounding: terms up to 4 coth(0.001) times 1e-16, and spectra closer by chance",
    )
    yield below(
        "power 1.05 beta: the share of the largest falls somewhere",
        min(ends),
        0,
        "least L P/(p (1-P)) over the same spectra",
    )


def _gram(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(98,)))
    scores: dict[str, list[float]] = {"complex": [], "real": []}
    for width in (2, 3, 5):
        for d in np.sqrt(spectra(width, rng)):
            g = np.exp(rng.standard_normal(width))
            g[-1] *= rng.integers(2)
            # the largest square is at most half of the sum of squares
            half = d.copy()
            half[0] = min(d[0], math.sqrt(np.sum(d[1:] ** 2)))
            half = np.sort(half)[::-1]
            for field, fixed, kept in (("complex", d, width), ("real", half, 1)):
                factor = g[:, np.newaxis] * haar(SAMPLES, width, field, rng)
                sigma = np.linalg.svdvals(factor * fixed)
                scores[field].append(float(share_scores(sigma, fixed, power=2)[:kept].max()))
    for field, shares in (("complex", "k largest"), ("real", "largest, at most 1/2,")):
        yield at_most(
            f"{field} entries: the squared shares of the {shares} do not fall in mean",
            max(scores[field]),
            errors_allowed(SAMPLES, 5 * len(scores[field])),
            "largest (share of A - mean share of gkA)/s.e., g fixed, k Haar; "
            f"{SPECTRA} spectra at each of the widths 2, 3 and 5, {SAMPLES} matrices each",
        )


CLAIMS = (
    Claim(
        name="finite-width.brownian-powers",
        statement="Brownian factors spread the shares of sigma^p for p <= beta, and for no other.",
        assumptions="dW = dB W from any W, any width; beta is 1 for real, 2 for complex entries",
        reference="our own; the generator of the log singular values",
        status="proved",
        refuted_by="a spectrum at which a share of the k largest falls, or none beyond beta",
        check=_brownian,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.gram-invariant",
        statement="Any right-invariant complex factor lowers the mean Gram rank of any matrix.",
        assumptions="any width, any fixed A; squared shares. Real entries: the shares of the k "
        "largest rise if they are at most 1/2 together",
        reference="our own; rotations in a plane, Eckart-Young and convexity of 1/T",
        status="proved",
        refuted_by="a mean squared share that falls",
        check=_gram,
        argued=_ARGUED,
    ),
)
