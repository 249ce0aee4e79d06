"""One Gaussian factor on a fixed matrix: what is proved at finite width, and what is not.

S is the effective rank of Definition 1, G a Gaussian matrix, A a fixed one of the same side; only
the singular values d of A matter.  docs/finite-width-theorem.md has the proofs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank.claims.claim import Claim, Context, Evidence, at_most, below, refutation
from rmt_rank.claims.finite_width import FALSE_ALARM, decrease_line, errors_allowed
from rmt_rank.metrics import spectrum

__all__ = ["CLAIMS", "mean_at_width_two"]

Array = npt.NDArray[np.float64]

_WIDTHS = (2, 3, 4, 6)
_SPECTRA = 5
_SAMPLES = 4000
# Ratios of the two singular values of A at width 2: from nearly singular to nearly equal.
_RATIOS = (1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.99)
_CHAIN_DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16)


# --- width 2, by quadrature -----------------------------------------------------------------


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
    """E log |G diag(1 + t, 1 - t)|_* at width 2, less what does not depend on t."""
    logit, weights = _logits(1.0 if field == "real" else 2.0)
    frobenius = weights @ np.log(
        (1 + t) ** 2 * special.expit(-logit) + (1 - t) ** 2 * special.expit(logit)
    )

    ratio = (1 - t) / (1 + t)
    overlap = mean_at_width_two(lambda r: np.log1p(_participation(r)), ratio, field)
    return float(frobenius + overlap) / 2


# --- other widths, by sampling ----------------------------------------------------------------


def _spectra(width: int, rng: np.random.Generator) -> Array:
    """Normalised spectra to try: uniform on the simplex, and powers of it."""
    d = rng.dirichlet(np.ones(width), _SPECTRA) ** np.linspace(0.5, 3, _SPECTRA)[:, np.newaxis]
    return np.asarray(np.sort(d / d.sum(axis=1, keepdims=True))[:, ::-1])


def _gaussian(width: int, field: str, rng: np.random.Generator) -> npt.NDArray[np.inexact]:
    shape = (_SAMPLES, width, width)
    g = rng.standard_normal(shape)
    return g + 1j * rng.standard_normal(shape) if field == "complex" else g


def _trials(context: Context) -> Iterator[tuple[Array, npt.NDArray[np.inexact]]]:
    """Spectra d and samples of G diag(d)."""
    for width in _WIDTHS:
        seed = np.random.SeedSequence(context.seed, spawn_key=(width, 1))
        rng = np.random.default_rng(seed)
        for d in _spectra(width, rng):
            yield d, _gaussian(width, context.field, rng) * d


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
        diagonal = np.sum(sigma[:, :, np.newaxis] * np.abs(vh) ** 2, axis=1)  # of H in G D = Q H
        largest = np.cumsum(np.sort(diagonal)[:, ::-1], axis=1)[:, :-1]
        kyfan.append(np.max((largest - partial) / nuclear[:, np.newaxis]))
    trials = len(shares)
    widths = ", ".join(map(str, _WIDTHS))
    allowed = errors_allowed(_SAMPLES, trials * max(_WIDTHS))
    yield at_most(
        "size-biased shares of the k largest are at least those of A",
        float(np.max(shares)),
        allowed,
        f"largest (share of A - share)/s.e. over k and {trials} spectra, widths {widths}, "
        f"{_SAMPLES} {context.field} matrices each; false alarm {FALSE_ALARM:g}",
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


def _at_width_two(field: str) -> Evidence:
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
        yield _at_width_two(field)
    yield at_most(
        "real: E log |G diag(d)|_* depends on d_1 + d_2 only",
        float(np.ptp(_path("real"))),
        1e-12,
        "largest difference along d = (1 + t, 1 - t), 34 t up to 0.99, by quadrature; proof on the "
        "page; rounding of sums over 4e5 points of order 1",
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


def laplacian(x: Array, beta: int) -> Array:
    """L S at singular values exp(x), (..., N): the generator of the page, S the effective rank."""
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
    for d in _spectra(width, rng):
        w, ranks = np.broadcast_to(np.diag(d), (_SAMPLES, width, width)), []
        for step in range(steps):
            if step % 16 == 15:
                ranks.append(spectrum.effective_rank(np.linalg.svdvals(w)))
            size = math.sqrt(tau / steps / width / beta)
            w = w + size * _gaussian(width, context.field, rng) @ w
        change = np.diff(ranks, axis=0)
        scores += list(change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(_SAMPLES)))
    yield below(
        f"width {width}: E S falls along W <- (I + sqrt(tau/L) G) W",
        max(scores),
        errors_allowed(_SAMPLES, len(scores)),
        f"largest change over a quarter of the way in standard errors; {_SPECTRA} spectra, "
        f"{steps} layers, tau = {tau:g}, {_SAMPLES} {context.field} chains",
    )


def _plain(context: Context) -> Iterator[Evidence]:
    yield below(
        "width 2, complex: E log |G diag(1+t, 1-t)|_* rises with t",
        -float(np.min(np.diff(_path("complex")))),
        0,
        "minus the least rise over 34 t up to 0.99; were it Schur-convex at every width, the "
        "conjecture would follow",
    )
    scores = []
    for d, a in _trials(context):
        change = spectrum.effective_rank(np.linalg.svdvals(a)) - spectrum.effective_rank(d)
        scores.append(change.mean() / (change.std(ddof=1) / math.sqrt(_SAMPLES)))
    allowed = errors_allowed(_SAMPLES, len(scores))
    yield at_most(
        "widths 2 to 6: (E S(GA) - S(A))/s.e.",
        float(np.max(scores)),
        allowed,
        f"largest over {len(scores)} spectra, {_SAMPLES} {context.field} matrices each; "
        f"{np.sum(np.array(scores) < -allowed)} of them are below {-allowed:.1f}; false alarm "
        f"{FALSE_ALARM:g}",
    )


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
    product, ranks = _gaussian(4, context.field, rng), []
    for _ in range(6):
        product /= np.linalg.norm(product, axis=(1, 2), keepdims=True)
        ranks.append(spectrum.stable_rank(np.linalg.svdvals(product)))
        product = _gaussian(4, context.field, rng) @ product
    change = np.diff(ranks, axis=0)
    score = change.mean(axis=1) / (change.std(axis=1, ddof=1) / math.sqrt(_SAMPLES))
    yield below(
        "holds: along chains of width 4 its mean falls",
        float(np.max(score)),
        -errors_allowed(_SAMPLES, score.size),
        f"largest change in standard errors over {score.size} steps, {_SAMPLES} {context.field} "
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


def _every_factor(context: Context) -> Iterator[Evidence]:
    for width in (2, 4, 8):
        yield decrease_line(context.chain(width, _CHAIN_DEPTHS))


_ARGUED = "docs/finite-width-theorem.md"

CLAIMS = (
    Claim(
        name="finite-width.size-biased",
        statement="A Gaussian factor lowers every concave measure of rank in size-biased mean.",
        assumptions="any width, any fixed A; E[|GA|_* Phi(GA)]/E|GA|_* <= Phi(A), one factor",
        reference="our own; Schur convexity of E|G diag(d)|_*, Ky Fan",
        status="proved",
        refuted_by="a spectrum whose size-biased shares do not majorise it",
        check=_size_biased,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.two-by-two",
        statement="Theorem 1 holds at width 2: a Gaussian factor lowers E S, whatever A is.",
        assumptions="width 2, both fields, any fixed A and bi-invariant factor; concave measures",
        reference="our own: they are superharmonic on hyperbolic space",
        status="proved",
        refuted_by="a distance at which the Laplacian is positive, or a ratio above 1",
        check=_width_two_factor,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.brownian",
        statement="Brownian factors, many small residual layers, lower E S at every width.",
        assumptions="dW = dB W from any W; every concave measure",
        reference="our own: they are superharmonic on positive matrices",
        status="proved",
        refuted_by="a spectrum at which L S is positive, or a mean that rises along the way",
        check=_brownian,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.fixed-spectrum",
        statement="A Gaussian factor lowers the mean effective rank: E S(GA) <= S(A).",
        assumptions="any width, any fixed A; would give Theorem 1 at every width",
        reference="our own; it follows if E log |G diag(d)|_* is Schur-convex",
        status="conjectured",
        refuted_by="a spectrum whose mean effective rank rises",
        check=_plain,
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
        name="finite-width.every-factor",
        statement="At every width the mean effective rank falls with every factor.",
        assumptions="products of square Gaussian matrices; widths 2, 4, 8 here",
        reference="Theorem 1 without its limit",
        status="conjectured",
        refuted_by="a step at which the mean rises by more than sampling error",
        check=_every_factor,
        argued=_ARGUED,
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
