"""Covariances of traces of powers of a Gaussian product, exactly, as polynomials in 1/N.

Wick's theorem for one factor G (entries of variance 1) around X: the mean of a product of traces of
powers of G X G^H is a sum over pairings of the factors G, each of which closes rows to loops, that
give a factor N each, and columns to traces of powers of X.  For complex entries a pairing is a
permutation of the G among the G^H; real entries have all pairings of both.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from functools import cache

from rmt_rank.exact._numbers import integer, shown

__all__ = ["trace_covariance"]

MOST_POWER = {"complex": 7, "real": 6}

Polynomial = Counter[int]
"""Coefficients by the power of N."""
Partition = tuple[int, ...]


def trace_covariance(depth: int, m: int, n: int, *, field: str = "real") -> list[int]:
    """Return Cov(tr (W^H W)^m, tr (W^H W)^n) of a product of square matrices of width N.

    Parameters
    ----------
    depth : int
        L, from 1 to 100; entries have variance 1/N.
    m, n : int
        Positive; their sum is at most 7 for complex and 6 for real entries.
    field : {"real", "complex"}
        Field of the entries.

    Returns
    -------
    list of int
        The coefficients of 1, 1/N, 1/N^2, ...; the first is the limit for large N.

    Raises
    ------
    TypeError, ValueError
        If an argument is outside what is allowed.

    Examples
    --------
    For one matrix, tr W^H W is chi squared over N, of N^2 degrees of freedom:

    >>> from rmt_rank.exact.finite_width.wick import trace_covariance
    >>> trace_covariance(1, 1, 1), trace_covariance(2, 1, 1)
    ([2], [6, 2])
    """
    L = integer("depth", depth, 1, 100)
    if not isinstance(field, str) or field not in MOST_POWER:
        raise ValueError(f"field is {shown(field)}; allowed: 'real' or 'complex'")
    m, n = (integer(name, k, 1, MOST_POWER[field] - 1) for name, k in (("m", m), ("n", n)))
    if m + n > MOST_POWER[field]:
        raise ValueError(f"m + n is {m + n}; allowed: at most {MOST_POWER[field]}")
    joint = _mean((max(m, n), min(m, n)), L, field)
    apart = _product(_mean((m,), L, field), _mean((n,), L, field))
    # over N^(L (m+n)); powers of N cancel down to 0
    by_power = {(m + n) * L - power: joint[power] - apart[power] for power in joint | apart}
    kept = {power: value for power, value in by_power.items() if value}
    if min(kept) < 0:
        raise ArithmeticError("the leading terms of the covariance do not cancel")
    return [kept.get(power, 0) for power in range(max(kept) + 1)]


def _product(first: Polynomial, second: Polynomial) -> Polynomial:
    found: Polynomial = Counter()
    for (a, x), (b, y) in itertools.product(first.items(), second.items()):
        found[a + b] += x * y
    return found


@cache
def _mean(traces: Partition, depth: int, field: str) -> Polynomial:
    """Mean of a product of traces of powers, entries of variance 1."""
    if depth == 0:
        return Counter({len(traces): 1})
    found: Polynomial = Counter()
    for (inner, loops), count in _terms(traces, field).items():
        for power, value in _mean(inner, depth - 1, field).items():
            found[power + loops] += count * value
    return found


@cache
def _terms(traces: Partition, field: str) -> Counter[tuple[Partition, int]]:
    """Traces of powers of X, and loops of rows, of each pairing, counted.

    The ends 2j and 2j + 1 are the j-th G and the G^H after it.
    """
    k = sum(traces)
    rows, first = [], 0
    for length in traces:
        rows += [(2 * (first + j) + 1, 2 * (first + (j + 1) % length)) for j in range(length)]
        first += length
    columns = [(2 * j, 2 * j + 1) for j in range(k)]
    found: Counter[tuple[Partition, int]] = Counter()
    for pairing in _pairings(list(range(2 * k))) if field == "real" else _matchings(k):
        inner = tuple(sorted(_cycles(columns, pairing), reverse=True))
        found[inner, len(_cycles(rows, pairing))] += 1
    return found


def _matchings(k: int) -> Iterator[list[tuple[int, int]]]:
    for permutation in itertools.permutations(range(k)):
        yield [(2 * j, 2 * i + 1) for j, i in enumerate(permutation)]


def _pairings(ends: list[int]) -> Iterator[list[tuple[int, int]]]:
    if not ends:
        yield []
    for i in range(1, len(ends)):
        for rest in _pairings(ends[1:i] + ends[i + 1 :]):
            yield [(ends[0], ends[i]), *rest]


def _cycles(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> list[int]:
    """Lengths, in pairs of the first kind, of the cycles that two pairings form together."""
    along = {a: b for pair in first for a, b in (pair, pair[::-1])}
    across = {a: b for pair in second for a, b in (pair, pair[::-1])}
    lengths = []
    while along:
        start = end = next(iter(along))
        length = 0
        while end in along:
            other = along.pop(end)
            along.pop(other, None)
            end, length = across[other], length + 1
        assert end == start
        lengths.append(length)
    return lengths
