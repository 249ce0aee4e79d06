"""The stronger theorem as a coupling: the factor between two depths, its jumps, its samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import scipy

from rmt_rank.exact.gaussian import coupling as exact_coupling
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, proof
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.theory.gaussian.coupling import DepthRatio
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank
from rmt_rank.theory.gaussian.fuss_catalan import fuss_catalan

__all__ = ["CLAIM", "rank_from_jumps"]

_PAIRS = ((0.01, 0.5), (1.0, 1.01), (1.0, 2.0), (2.0, 3.0), (4.0, 8.0), (8.0, 1000.0))
_SAMPLED = ((1.0, 2.0), (0.3, 4.0))
_SAMPLES = 200_000
_SIZES = (1e-6, 1e-3, 0.1, 0.4, 0.6, 2.0, 20.0, 200.0)
_ORDERS, _DEPTHS = ("1/4", "1/2", 3), ("1/10", 1, "5/2", 8)
_DIGITS = 15


def rank_from_jumps(ratio: DepthRatio, power: float = 1) -> float:
    """Change of the differential effective rank between two depths, from the jumps alone.

    Parameters
    ----------
    ratio : DepthRatio
        The two depths.
    power : float, default 1
        Power of the singular values, as in `rmt_rank.limit_effective_rank`.

    Returns
    -------
    float
        -int (1 - (1 + zy) exp(-zy)) mu(y) dy with z = power/2, by adaptive quadrature.

    Notes
    -----
    With log E Y^z = A z + int (exp(-zy) - 1) mu(y) dy and Ybar = Y^z/E Y^z, this is
    log E Y^z - z d/dz log E Y^z = -E[Ybar log Ybar]; A drops out.  The integrand is not negative.
    """
    z = power / 2

    def integrand(log_y: float) -> float:
        y = math.exp(log_y)
        # 1 - (1+x) exp(-x) = exp(-x) (exp(x) - 1 - x), whose difference is x^2/2 where x is small
        x = z * y
        lost = x * x / 2 if x < 1e-5 else -math.expm1(-x) - x * math.exp(-x)
        return float(lost * ratio.jump_density(y) * y)

    # both ends below 1e-16 of the whole: mu is bounded at 0 and falls as exp(-y/(deeper+1))
    start = math.log(min(ratio.depth, 1 / z)) - 20
    stop = math.log(40 * (ratio.deeper + 1))
    middle = math.log(ratio.depth), math.log(ratio.deeper)
    ends = sorted({start, *(m for m in middle if start < m < stop), stop})
    parts = (
        scipy.integrate.quad(integrand, low, high, epsabs=0, epsrel=1e-11, limit=200)[0]
        for low, high in pairwise(ends)
    )
    return -float(sum(parts))


def _check(context: Context) -> Iterator[Evidence]:
    certificate = exact_coupling.certify_levy_growth()
    yield proof(
        "the Levy density of log(s_max/s) grows with depth",
        certificate.holds,
        f"ball arithmetic, without using that q decreases: {certificate}",
    )
    yield _density()
    yield _identity()
    yield _atom()
    for i, (depth, deeper) in enumerate(_SAMPLED):
        yield from _samples(context, i, DepthRatio(depth, deeper))
    errors = [
        abs(rank_from_jumps(DepthRatio(*pair), power) / change - 1)
        for pair, power in product(_PAIRS, (1, 2))
        for change in [np.diff(differential_effective_rank(pair, power=power))[0]]
    ]
    yield at_most(
        "rho(L') - rho(L) = -int (1 - (1 + zy) exp(-zy)) mu(y) dy",
        float(np.max(errors)),
        # quadrature 1e-11, and the difference of two ranks good to 1e-13 each: at depths 1 and 1.01
        # it is 1/100 of them
        5e-11,
        f"relative difference of quadrature over the jumps and closed form, {len(_PAIRS)} pairs of "
        "depths, powers 1 and 2",
    )


def _density() -> Evidence:
    def error(pair: tuple[float, float], share: float) -> float:
        depth, deeper = pair
        y = share * deeper
        expected = exact_coupling.levy_density(y, deeper, digits=50)
        expected -= exact_coupling.levy_density(y, depth, digits=50)
        found = DepthRatio(*pair).jump_density(y)
        allowed = np.finfo(float).eps * (60 + share) * deeper / (deeper - depth)
        return float(abs(float(found) / float(expected) - 1) / allowed)

    return at_most(
        "density of the jumps in float64 against 50 digits",
        max(error(pair, share) for pair, share in product(_PAIRS, _SIZES)),
        1,
        "largest relative error over eps (60 + y/L') L'/(L' - L): some twenty operations, of which "
        "a subtraction magnifies errors at most sixfold, and the condition number in y and in the "
        f"depths; {len(_PAIRS)} pairs of depths, y/L' from {_SIZES[0]:g} to {_SIZES[-1]:g}",
    )


def _identity() -> Evidence:
    worst = max(
        abs(gammas - integral)
        for order, depth in product(_ORDERS, _DEPTHS)
        for gammas, integral in [
            exact_coupling.levy_khintchine(order, depth, digits=_DIGITS),
        ]
    )
    return at_most(
        "log E s^z as an integral over the Levy density",
        float(worst),
        # values below 20 with this many digits
        20 * 10.0**-_DIGITS,
        f"against gamma functions, {_DIGITS} digits, z = {', '.join(map(str, _ORDERS))}, depths "
        + ", ".join(map(str, _DEPTHS)),
    )


def _atom() -> Evidence:
    errors = [
        abs(DepthRatio(L, deep).atom / math.sqrt((deep + 1) / (L + 1) * (L / deep) ** 3) - 1)
        for L, deep in _PAIRS
    ]
    return at_most(
        "the mass of the jumps: P(Y = exp A) = exp(-mass)",
        max(errors),
        1e-14,
        "relative error of exp(-rate) as sampled against sqrt((L'+1) L^3/((L+1) L'^3)), which "
        "Stirling's series of the gamma functions gives; rounding",
    )


def _samples(context: Context, number: int, ratio: DepthRatio) -> Iterator[Evidence]:
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(0, number)))
    where = f"depths {ratio.depth:g} and {ratio.deeper:g}"
    Y = ratio.rvs(_SAMPLES, rng)
    s = fuss_catalan.rvs(ratio.depth, size=_SAMPLES, random_state=rng)
    distance = scipy.stats.kstest(s * Y, fuss_catalan(ratio.deeper).cdf).statistic
    yield at_most(
        f"{where}: s Y has the law of the greater depth",
        math.sqrt(_SAMPLES) * distance,
        float(scipy.stats.kstwobign.isf(FALSE_ALARM)),
        f"Kolmogorov-Smirnov, {_SAMPLES} samples, in units of 1/sqrt(samples); false alarms: "
        f"{FALSE_ALARM:g}",
    )
    # the binomial law beyond both bounds
    atoms, n = int(np.sum(ratio.largest == Y)), _SAMPLES
    tail = 2 * min(
        scipy.stats.binom.cdf(atoms, n, ratio.atom), scipy.stats.binom.sf(atoms - 1, n, ratio.atom)
    )
    yield at_most(
        f"{where}: share of samples without a jump",
        -math.log10(tail) if tail > 0 else math.inf,
        -math.log10(FALSE_ALARM),
        f"{atoms / n:.4f} against {ratio.atom:.4f}; minus log10 of the binomial probability to be "
        "that far off or farther",
    )
    Ybar = np.sqrt(Y) / ratio.moment(0.5)
    terms = -Ybar * np.log(Ybar)
    change = np.diff(differential_effective_rank([ratio.depth, ratio.deeper]))[0]
    yield at_most(
        f"{where}: rho(L') - rho(L) = -E[Ybar log Ybar]",
        abs(float(np.mean(terms)) - change) / float(np.std(terms)) * math.sqrt(_SAMPLES),
        errors_allowed(_SAMPLES),
        f"mean {np.mean(terms):.5f} against {change:.5f}, in standard errors",
    )


CLAIM = Claim(
    name="theorem1.coupling",
    statement="The law at a greater depth is that at a smaller one times an independent factor.",
    assumptions="width -> infinity; every real depth > 0",
    reference="stronger than Theorem 1; proof in docs/coupling.md",
    status="proved",
    refuted_by="a Levy density that falls with depth somewhere, or samples of the product that do "
    f"not follow the law; false alarms: {FALSE_ALARM:g} a line",
    check=_check,
    argued="docs/coupling.md",
)
