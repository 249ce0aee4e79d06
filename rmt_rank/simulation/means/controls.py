"""Control variates: numbers whose means are known exactly and that vary with the rank.

For both fields: the logarithms of the diagonal entries of the triangular factors, added up over
layers, which are normal-like estimates of the log singular values; the conditional means of |W g|,
its square root and its logarithm for a Gaussian vector g, see `lengths`; and products of traces of
powers of W^H W up to the third order.  For complex entries also sum sigma, its square, and sum
sigma log sigma, of which the effective rank is almost a function.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from rmt_rank._lib.array import namespace_of
from rmt_rank._lib.content import ByContent
from rmt_rank.simulation.means.lengths import POWERS, conditional_means, log_mean, log_mean_power
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.theory.finite_width.complex_covariance import complex_covariance
from rmt_rank.theory.finite_width.complex_moments import complex_power_sum
from rmt_rank.theory.finite_width.trace_moments import trace_moments

__all__ = ["Controls"]

Array = npt.NDArray[np.float64]

# Largest E x^2/(E x)^2 of a control.  Traces of deep products are nearly log-normal, with
# heavy tails: a correction by them is unbiased, but its standard error is itself a matter of rare
# samples.  Up to 2, the errors of 600 samples were seen to be right within 6 % (up to 11, too small
# by a third, for complex entries at width 8, depth 4).
_LARGEST_RATIO = 2.0
# Logarithms of means below this would underflow when squared.
_SMALLEST_LOG = -300.0
# Largest number of groups of diagonal entries.  32 would leave 0.5 to 2 % less of the variance at
# widths 32 to 128, but fitting 16 more coefficients on a half of n samples adds 32/n.
_GROUPS = 16


@dataclass(frozen=True, eq=False)
class Controls(ByContent):
    """Control variates of a chain.

    Attributes
    ----------
    chain : Chain
        The chain.
    powers : tuple of float
        Powers s of |W g|^(2s) whose conditional means are controls; 0 stands for log |W g|^2.
    traces : tuple of tuple of int
        The powers in each product of traces of powers of W^H W.
    names : tuple of str
        Names of the controls.
    means : ndarray, shape (p,)
        Their exact means.
    core : int
        Number of controls, from the first, that are used where samples are too few to fit all.
    """

    chain: Chain
    powers: tuple[float, ...]
    traces: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    means: Array
    core: int

    @classmethod
    def of(cls, chain: Chain) -> Controls:
        """The controls of a chain and their means."""
        names, means = ["log |det W|"], [float(_log_diagonal_means(chain).sum())]
        traces = _light_tailed_traces(chain)
        names += [" ".join(f"tr(X^{k})" for k in powers) for powers in traces]
        means += traces.values()
        if chain.field == "complex":
            nuclear = complex_power_sum(chain.widths, 0.5)
            square = complex_covariance(chain.widths, 0.5, 0.5) + nuclear.value**2
            ratio = square / nuclear.value**2 if nuclear.log > _SMALLEST_LOG else math.inf
            if ratio <= _LARGEST_RATIO:
                names += ["sum sigma", "sum sigma log sigma"]
                means += [nuclear.value, nuclear.slope / 2]
            if ratio <= _LARGEST_RATIO**0.25:
                names.append("(sum sigma)^2")
                means.append(square)
        core = len(names)
        lengths = _light_tailed_lengths(chain)
        names += [f"|W g|^{2 * s:g}" if s else "log |W g|^2" for s in lengths]
        means += lengths.values()
        groups = np.add.reduceat(_log_diagonal_means(chain), _starts(chain.width))
        names += [f"log diagonal {i}" for i in range(len(groups))]
        exact = np.array([*means, *groups])
        return cls(chain, tuple(lengths), tuple(traces), tuple(names), exact, core)

    def evaluate(self, values: Any, log_diagonal: Any) -> Any:
        """The controls of a block, computed where its arrays are.

        Parameters
        ----------
        values : array, shape (block, N)
            Singular values.
        log_diagonal : array, shape (N, block)
            Logarithms of the factors' diagonal entries, added up over layers.

        Returns
        -------
        array, shape (block, p)
        """
        xp = namespace_of(values)
        squares = values * values
        traces = {1: xp.mean(squares, axis=1)}
        power = squares
        for k in (2, 3):
            power = power * squares
            traces[k] = xp.mean(power, axis=1)
        columns = [xp.sum(log_diagonal, axis=0)]
        columns += [math.prod(traces[k] for k in powers) for powers in self.traces]
        nuclear = xp.mean(values, axis=1)
        if "sum sigma" in self.names:
            logs = xp.log(xp.where(values > 0, values, xp.ones_like(values)))
            columns += [nuclear, xp.mean(values * logs, axis=1)]
        if "(sum sigma)^2" in self.names:
            columns.append(nuclear**2)
        if self.powers:
            columns += conditional_means(values, self.chain.field)[: len(self.powers)]
        ends = pairwise([*_starts(self.chain.width), self.chain.width])
        columns += [xp.sum(log_diagonal[i:j, :], axis=0) for i, j in ends]
        return xp.stack(columns, axis=-1)


def _light_tailed_lengths(chain: Chain) -> dict[float, float]:
    """Return the means of |W g|^(2s) by s; for s = 0 that of log |W g|^2.

    Powers whose E x^2/(E x)^2 may be too large are left out: conditioning on the singular values
    makes it smaller.  All are left out if |W g|^2 may be out of the range of floats.
    """
    mean = log_mean(chain.widths, chain.field)
    light: dict[float, float] = {}
    if abs(mean) > -_SMALLEST_LOG:
        return light
    for s in POWERS:
        log_power = log_mean_power(chain.widths, chain.field, s)
        log_square = log_mean_power(chain.widths, chain.field, 2 * s)
        if log_square - 2 * log_power > math.log(_LARGEST_RATIO):
            break
        light[s] = math.exp(log_power) if s else mean
    return light


def _light_tailed_traces(chain: Chain) -> dict[tuple[int, ...], float]:
    """Means of products of traces of powers of X = W^H W up to order 3, by the powers.

    Those whose E x^2/(E x)^2 is too large are left out.  The ratio is exact for tr X and tr X^2;
    for their k-th powers it is that to the power k^2, as if they were log-normal.
    """
    light: dict[tuple[int, ...], float] = {}
    log_largest = math.log(_LARGEST_RATIO)
    with contextlib.suppress(OverflowError):  # no control of such a chain is light-tailed
        means = [trace_moments(chain.widths, order, chain.field) for order in (1, 2, 3, 4)]
        first = math.log(means[1][1, 1]) - 2 * math.log(means[0][1,])
        second = math.log(means[3][2, 2]) - 2 * math.log(means[1][2,])
        for order, found in enumerate(means[:3], 1):
            for powers, mean in found.items():
                log_ratio = first * len(powers) ** 2 if powers[0] == 1 else second * order**2 / 4
                if log_ratio <= log_largest:
                    light[powers] = mean
    return light


def _starts(width: int) -> npt.NDArray[np.intp]:
    """Start indices of the groups of diagonal entries."""
    return np.unique(np.linspace(0, width, min(width, _GROUPS), endpoint=False).astype(np.intp))


def _log_diagonal_means(chain: Chain) -> Array:
    """E log of the diagonal entries, added up over layers: of lengths of n_l - i entries."""
    rows = np.arange(chain.width)
    total = np.zeros(chain.width)
    for n, layers in Counter(chain.others).items():
        if chain.field == "real":
            total += layers * (special.digamma((n - rows) / 2) + np.log(2 / chain.width)) / 2
        else:
            total += layers * (special.digamma(n - rows) - np.log(chain.width)) / 2
    return total
