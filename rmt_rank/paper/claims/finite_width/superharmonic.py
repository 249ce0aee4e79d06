"""Concave measures of rank are superharmonic: one small layer lowers their mean at every width.

docs/finite-width-theorem.md has the proof.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, below
from rmt_rank.paper.claims.finite_width.fixed_spectrum import SAMPLES, SPECTRA, gaussian, spectra
from rmt_rank.paper.claims.sampling_error import errors_allowed

__all__ = ["CLAIMS", "laplacian"]

Array = npt.NDArray[np.float64]


def laplacian(x: Array, beta: int) -> Array:
    """L S at singular values exp(x), (..., N); L is the page's generator, S the effective rank."""
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    log_p = x - special.logsumexp(x, axis=-1, keepdims=True)
    entropy = -np.sum(p * log_p, axis=-1, keepdims=True)
    first = -p * (log_p + entropy)
    second = -(p * (1 - p) * (log_p + entropy) + p * (1 - p + first))
    total = second.sum(axis=-1)
    for i in range(x.shape[-1]):
        for j in range(i):
            slope = first[..., i] - first[..., j]
            total = total + beta * slope / np.tanh(x[..., i] - x[..., j])
    return np.asarray(total)


def _brownian(context: Context) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(5,)))
    largest = []
    for width in (2, 3, 5, 8):
        x = rng.normal(size=(2000, width)) * rng.choice([0.1, 0.3, 1, 3], size=(2000, 1))
        largest += [float(np.max(laplacian(x, beta))) for beta in (1, 2)]
    yield below(
        "the entropy is superharmonic on positive matrices: L S",
        max(largest),
        0,
        "largest over 2000 spectra at each of the widths 2, 3, 5 and 8, both fields",
    )
    width, steps, tau = 3, 64, 1.0
    scores = []
    beta = 1 if context.field == "real" else 2
    for d in spectra(width, rng):
        w, ranks = np.broadcast_to(np.diag(d), (SAMPLES, width, width)), []
        for step in range(steps):
            if step % 16 == 15:
                ranks.append(spectrum.effective_rank(np.linalg.svdvals(w)))
            size = math.sqrt(tau / steps / width / beta)
            w = w + size * gaussian(width, context.field, rng) @ w
        change = np.diff(ranks, axis=0)
        scores += list(change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(SAMPLES)))
    yield below(
        f"width {width}: E S falls along W <- (I + sqrt(tau/L) G) W",
        max(scores),
        errors_allowed(SAMPLES, len(scores)),
        f"largest change over a quarter of the way in standard errors; {SPECTRA} spectra, "
        f"{steps} layers, tau = {tau:g}, {SAMPLES} {context.field} chains",
    )


CLAIMS = (
    Claim(
        name="finite-width.brownian",
        statement="Brownian factors, many small residual layers, lower E S at every width.",
        assumptions="dW = dB W from any W; every concave measure; a special case of "
        "theorem1.any-matrix, since the increments are residual blocks",
        reference="our own: they are superharmonic on positive matrices",
        status="proved",
        refuted_by="a spectrum at which L S is positive, or a mean that rises along the way",
        check=_brownian,
        argued="docs/finite-width-theorem.md",
    ),
)
