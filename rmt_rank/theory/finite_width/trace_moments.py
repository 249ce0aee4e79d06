"""Exact means of products of traces at finite width, by Wick's theorem, for both fields."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rmt_rank._lib.errors import TooLargeForFloatError
from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import choice, integer, integer_widths, shown

__all__ = ["trace_moments"]


def trace_moments(
    widths: Sequence[int], order: int, field: str = "real"
) -> dict[tuple[int, ...], float]:
    """Exact means of products of traces of powers of W^H W, for a product W of Gaussian matrices.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L; layer l has n_l x n_(l-1) entries of variance 1/N, N = min(widths).
    order : int
        Total power k, from 1 to 4.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    dict
        For every partition of k, in descending order, such as (2, 1):
        E[tr (W^H W)^2 tr (W^H W)] / N^2, N to the number of parts.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.
    TooLargeForFloatError
        If a mean is too large for a float; this is a ValueError.

    Notes
    -----
    Wick's theorem on a factor G of n x m entries around X: the means for G X G^H are a linear
    function of those for X, with n to the number of closed row indices as coefficients, summed over
    all pairings of the 2k factors (for complex entries, of G with conj(G) only).

    Examples
    --------
    >>> from rmt_rank.theory.finite_width.trace_moments import trace_moments
    >>> trace_moments([8, 8, 8], 1)
    {(1,): 1.0}
    """
    widths = integer_widths(widths)
    choice("field", field, FIELDS)
    order = integer("order", order, at_least=1, at_most=4)
    N = min(widths)
    means = dict.fromkeys(_partitions(order), 1.0)  # for X = 1, over N^(number of parts)
    for n in sorted(widths)[1:]:
        means = {
            outer: math.fsum(
                count
                * float(n) ** loops
                * N ** float(len(inner) - len(outer) - order)
                * means[inner]
                for (inner, loops), count in _pairings(outer, field).items()
            )
            for outer in means
        }
    if not all(map(math.isfinite, means.values())):
        raise TooLargeForFloatError(
            f"widths must be smaller, the means are too large for floats, got {shown(widths)}"
        )
    return means


def _partitions(k: int, largest: int | None = None) -> list[tuple[int, ...]]:
    """Partitions of k into parts of at most `largest`, each in descending order."""
    if k == 0:
        return [()]
    parts = range(min(k, largest or k), 0, -1)
    return [(part, *rest) for part in parts for rest in _partitions(k - part, part)]


@functools.cache
def _pairings(outer: tuple[int, ...], field: str) -> Counter[tuple[tuple[int, ...], int]]:
    """Pairings of the factors of a product of traces, counted by the traces of X that remain.

    The j-th G X G^H has the ends 2j (G) and 2j + 1 (G^H); rows of 2j + 1 meet those of the next G
    in its trace, columns of 2j and 2j + 1 meet in X.  A pairing joins rows and columns of two ends:
    every cycle of rows is a free index, every cycle of columns a trace of as many X.
    """
    k = sum(outer)
    row, column = [0] * (2 * k), [j ^ 1 for j in range(2 * k)]
    start = 0
    for length in outer:
        for j in range(length):
            a, b = 2 * (start + j) + 1, 2 * (start + (j + 1) % length)
            row[a], row[b] = b, a
        start += length

    def cycles(links: list[int], pairs: list[int]) -> list[int]:
        seen, lengths = set(), []
        for end in range(2 * k):
            length = 0
            while end not in seen:
                seen |= {end, links[end]}
                end, length = pairs[links[end]], length + 1
            if length:
                lengths.append(length)
        return lengths

    def all_pairings(ends: list[int]) -> Iterator[list[tuple[int, int]]]:
        if not ends:
            yield []
            return
        first, *others = ends
        for other in others:
            if field == "real" or (first + other) % 2 == 1:
                rest = [end for end in others if end != other]
                yield from ([(first, other), *pairs] for pairs in all_pairings(rest))

    found: Counter[tuple[tuple[int, ...], int]] = Counter()
    for pairing in all_pairings(list(range(2 * k))):
        pairs = [0] * (2 * k)
        for a, b in pairing:
            pairs[a], pairs[b] = b, a
        inner = tuple(sorted(cycles(column, pairs), reverse=True))
        found[inner, len(cycles(row, pairs))] += 1
    return found
