"""Power law tail of the squared singular values of a matrix.

The density x^(-a) from x_0 on has by maximum likelihood a = 1 + m/sum log(x_i/x_0), and x_0 is the
value whose Kolmogorov-Smirnov distance is least [1]_.  It is compared with an exponential tail by
the likelihood ratio and Vuong's test.  The p-value is the share of samples of the fitted law, below
the tail resampled from the data, that lie further from their own fit; eigenvalues repel each other
and lie closer, so that it is too large rather than too small.  Sampling stops at the tenth sample
that lies further, and p is then ten over the number of samples [2]_.  The formulas are written
here, because the package `powerlaw` (2.0) limits exponents to 3 and warns; a test compares with it.

.. [1] A. Clauset, C. R. Shalizi, M. E. J. Newman, "Power-law distributions in empirical data", SIAM
   Rev. 51 (2009) 661-703; doi:10.1137/070710111.
.. [2] J. Besag, P. Clifford, "Sequential Monte Carlo p-values", Biometrika 78 (1991) 301-304;
   doi:10.1093/biomet/78.2.301.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["FEWEST", "PowerLawTail", "power_law_tail"]

Array = npt.NDArray[np.float64]

# Values in a tail, samples of its p-value, those that lie further when sampling stops, and starts
# that are tried in each sample.
FEWEST, _SAMPLES, _ENOUGH, _STARTS = 8, 99, 10, 64
# An exponential is worse at this level; a power law is refused below the same p [1]_.
_LEVEL = 0.1


@dataclass(frozen=True)
class PowerLawTail:
    """A power law that was fitted to the largest values.

    Attributes
    ----------
    exponent : float
        The density of squared singular values falls like x^(-exponent).
    start : float
        Smallest value of the tail.
    count : int
        Number of values in it.
    p : float
        Bootstrap probability of a larger distance under the power law; nan unless it is preferred.
    preferred : bool
        Whether an exponential tail is significantly worse; a lognormal one may be as good.
    """

    exponent: float
    start: float
    count: int
    p: float
    preferred: bool

    @property
    def holds(self) -> bool:
        """True if the tail is called a power law."""
        return self.preferred and self.p >= _LEVEL and self.count >= FEWEST


def power_law_tail(values: Array, rng: np.random.Generator) -> PowerLawTail | None:
    """Fit a power law to the largest values.

    Parameters
    ----------
    values : ndarray of float, shape (p,)
        Squared singular values; zeros are left out.
    rng : Generator
        Source of randomness of the bootstrap.

    Returns
    -------
    PowerLawTail or None
        None if there are fewer than 8 different positive values.
    """
    data = np.sort(values[values > 0])
    if np.unique(data).size < FEWEST:
        return None
    start, distance = _fit(data)
    tail = int(np.count_nonzero(data >= start))
    inside = data[-tail:]
    mean_log = float(np.log(inside / start).mean())
    exponent = 1 + 1 / mean_log
    # log densities of the two tails, in units of the start
    mean = float((inside / start - 1).mean())
    ratios = -np.log(mean_log) - exponent * np.log(inside / start)
    ratios -= -np.log(mean) - (inside / start - 1) / mean
    vuong = float(ratios.sum()) / (np.sqrt(tail) * float(ratios.std()))
    preferred = bool(vuong > 0 and 2 * special.ndtr(-vuong) < _LEVEL)
    p = _p(data, start, tail, exponent, distance, rng) if preferred else math.nan
    return PowerLawTail(exponent, start, tail, p, preferred)


def _p(
    data: Array,
    start: float,
    tail: int,
    exponent: float,
    distance: float,
    rng: np.random.Generator,
) -> float:
    """Share of samples that lie further from their own fit than `distance`."""
    starts = _starts(data.size)
    further = 0
    for sampled in range(1, _SAMPLES + 1):
        below = rng.choice(data[: data.size - tail], data.size) if tail < data.size else data
        above = start * rng.random(data.size) ** (-1 / (exponent - 1))
        sample = np.sort(np.where(rng.random(data.size) < tail / data.size, above, below))
        # most samples that lie closer do so from the data's own start, which is one fit of many
        near = np.abs(starts - np.searchsorted(sample, start)).argmin()
        if _distances(sample, starts[near : near + 1])[0] < distance:
            continue
        further += bool(_fit(sample)[1] >= distance)
        if further == _ENOUGH:
            return further / sampled
    return (1 + further) / (1 + _SAMPLES)


def _fit(data: Array) -> tuple[float, float]:
    """Start and Kolmogorov-Smirnov distance of the closest power law of ascending values."""
    starts = _starts(data.size)
    distances = _distances(data, starts)
    best = int(distances.argmin())
    return float(data[starts[best]]), float(distances[best])


@functools.lru_cache(maxsize=256)
def _starts(size: int) -> npt.NDArray[np.intp]:
    last = size - FEWEST
    return np.unique(np.linspace(0, last, min(last + 1, _STARTS)).astype(np.intp))


def _distances(data: Array, starts: npt.NDArray[np.intp]) -> Array:
    """Kolmogorov-Smirnov distances of the power laws that begin at these values."""
    logs = np.log(data)
    counts = data.size - starts
    # sums of the logarithms above each start
    sums = np.cumsum(logs[::-1])[::-1][starts] - counts * logs[starts]
    sums = np.maximum(sums, np.finfo(float).tiny)
    exponents = 1 + counts / sums
    above = np.maximum(logs - logs[starts][:, np.newaxis], 0)
    rank = np.arange(data.size) - starts[:, np.newaxis]
    size = counts[:, np.newaxis]
    # the larger distance from either end of a step is that from its middle, and half of the step
    middle = np.abs(np.expm1((1 - exponents)[:, np.newaxis] * above) + (rank + 0.5) / size)
    return np.asarray(np.where(rank >= 0, middle, 0).max(axis=1) + 0.5 / counts)
