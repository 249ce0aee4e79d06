"""Reference values: the rank of a random matrix, and the depth at which a rank is reached."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import scipy

from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import LARGEST_INTEGER, integers, real, shown
from rmt_rank.simulation.means.expected import expected_effective_rank
from rmt_rank.simulation.means.result import Estimate
from rmt_rank.simulation.products.chain import LARGEST_DEPTH, several
from rmt_rank.theory.finite_width.corrections import LARGEST_DEPTH_PER_WIDTH
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["baseline", "depth_for"]

# Largest number of operations of a simulated product; hundreds of products are drawn at each of
# about ten depths.
LARGEST_WORK = 3 * 10**7
# A rank is first found to ROUGH_ERROR nats, which suffices if it is CERTAIN errors from the target.
ROUGH_ERROR, CERTAIN = 1.0, 5


def baseline(
    shape: Sequence[int],
    *,
    field: str = "real",
    power: float = 1,
    target_error: float = 1e-3,
    rng: RNG = None,
) -> Estimate:
    """Expected effective rank of a Gaussian matrix of a given shape.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns, in either order.
    field : {"real", "complex"}, default "real"
        Field of the entries.
    power : float, default 1
        Power of the singular values, as in `effective_rank`; 2 for the Gram matrix.
    target_error : float, default 1e-3
        Error in nats that is asked for.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness where no formula is that accurate.

    Returns
    -------
    Estimate
        The value is the mean entropy in nats; `exponentiated` is the number of dimensions.

    Raises
    ------
    TypeError, ValueError
        If shape does not hold two integers, or another argument is out of its range.

    See Also
    --------
    effective_rank : of a matrix.
    expected_effective_rank : of a product of such matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import baseline, effective_rank
    >>> weights = np.random.default_rng(0).normal(size=(512, 128))
    >>> random = baseline(weights.shape)
    >>> print(round(random.value, 3), round(float(effective_rank(weights)), 3))
    4.817 4.817
    """
    sides = integers("shape", shape, at_least=1, fewest=2, at_most=LARGEST_INTEGER)
    if len(sides) != 2:
        raise ValueError(f"shape must hold two integers, got {len(sides)}")
    return expected_effective_rank(
        sides, field=field, power=power, target_error=target_error, rng=rng
    )


def depth_for(
    rank: float,
    width: int | Sequence[int],
    *,
    field: str = "real",
    power: float = 1,
    target_error: float = 1e-3,
    rng: RNG = None,
) -> int:
    """Least number of Gaussian layers whose expected effective rank is at most a given number.

    Parameters
    ----------
    rank : float
        Effective rank as a number of dimensions, the exponential of the entropy; > 1.
    width : int or sequence of int
        Side of the square layers, at least 2; or a cycle of widths that is repeated: with [64, 256]
        the layers lead from width 64 to 256, to 64, to 256, and so on.
    field : {"real", "complex"}, default "real"
        Field of the entries.
    power : float, default 1
        Power of the singular values, as in `effective_rank`.
    target_error : float, default 1e-3
        Error in nats of the expected ranks where they are simulated.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness of the simulation.

    Returns
    -------
    int
        The least depth whose expected effective rank is at most `rank`; 0 if rank is at least the
        first width.  Where ranks are simulated, the depth is as uncertain as target_error allows.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If rank is not above 1, another argument is out of its range, or the answer is beyond depth
        width/4, where ranks are simulated, and takes too long: width**3 * depth > 3e7, for the
        smallest width.

    See Also
    --------
    expected_effective_rank : the rank at a depth.

    Examples
    --------
    >>> from rmt_rank import depth_for, expected_effective_rank
    >>> depth_for(64, 256)
    12
    >>> expected_effective_rank(256, [11, 12]).exponentiated.round(1)
    array([66.3, 62. ])
    >>> depth_for(64, [256, 1024])
    20
    """
    rank = real("rank", rank, above=1)
    cycle = width if several(width) else [width]
    cycle = integers("width", cycle, at_least=2, fewest=1, at_most=LARGEST_INTEGER)
    if rank >= cycle[0]:
        return 0
    N, given = min(cycle), shown(width)
    # square layers that lower the rank as much as one layer: its share of the effective depth
    per_layer = math.fsum(N / n for n in cycle) / len(cycle)
    target = math.log(rank)
    source = streams(rng)

    def is_down(depth: int) -> bool:
        if depth * per_layer > LARGEST_DEPTH_PER_WIDTH * N and depth * N**3 > LARGEST_WORK:
            raise ValueError(
                f"rank must be reached at a depth of at most width/{1 / LARGEST_DEPTH_PER_WIDTH:g} "
                f"or width**3 * depth be at most {LARGEST_WORK:g}, since deeper networks must be "
                f"simulated, got rank {rank!r} at width {given}, which take about {depth} layers"
            )
        widths = [*itertools.islice(itertools.cycle(cycle), depth + 1)]
        for error in (max(ROUGH_ERROR, target_error), target_error):
            found = expected_effective_rank(
                widths, field=field, power=power, target_error=error, rng=next(source)
            )
            if abs(found.value - target) > CERTAIN * found.error:
                break
        return bool(found.value <= target)

    # the depth at infinite width, where the search starts
    def gap(log_depth: float) -> float:
        limit = differential_effective_rank(math.exp(log_depth), power=power)
        return float(limit) + math.log(N) - target

    ends = -20, math.log(LARGEST_DEPTH)
    limit: float = 0 if gap(ends[0]) <= 0 else LARGEST_DEPTH
    if gap(ends[0]) > 0 > gap(ends[1]):
        limit = math.exp(scipy.optimize.brentq(gap, *ends))
    # the answer is above `low`; steps away from the limit's depth double, then halve
    probe, low, high, step = max(1, math.ceil(limit / per_layer)), 0, LARGEST_DEPTH + 1, 1
    while high - low > 1:
        if is_down(probe):
            high = probe
            probe = high - step if low == 0 else (low + high) // 2
        else:
            low = probe
            probe = low + step if high > LARGEST_DEPTH else (low + high) // 2
        probe, step = min(max(probe, low + 1), high - 1), 2 * step
    if high > LARGEST_DEPTH:
        raise ValueError(
            f"rank must be reached within {LARGEST_DEPTH} layers, got {rank!r} at width {given}"
        )
    return high
