"""Random numbers: conversion of rng=, one spawned stream per block, Gaussian blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sized
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import makes_random_numbers
from rmt_rank._lib.validation import choice, shown

__all__ = ["FIELDS", "RNG", "gaussian", "lengths", "normals", "streams"]

# what numpy.random.default_rng takes (SPEC 7)
RNG: TypeAlias = int | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None

FIELDS = ("real", "complex")

# Numbers of which some arrays stay in the first-level cache.
_AT_ONCE = 1024
# Largest number of integers in a sequence that is a seed.
_LONGEST_SEED = 10**6


def streams(rng: RNG, name: str = "rng") -> Iterator[np.random.Generator]:
    """Independent generators spawned from rng, one for each block, without end.

    They are of rng's kind if it is a Generator or a BitGenerator, and SFC64 otherwise, which is the
    fastest that NumPy has.

    Raises
    ------
    TypeError, ValueError
        If rng is not what `numpy.random.default_rng` takes.
    """
    try:
        length = len(rng) if isinstance(rng, Sized) else 0
        if length > _LONGEST_SEED:
            raise ValueError("it is too long")
        if not isinstance(rng, np.random.Generator | np.random.BitGenerator):
            rng = np.random.SFC64(rng)
        parent = np.random.default_rng(rng)
        parent.spawn(0)
    except Exception as error:  # a user's class may raise anything, and NumPy raises several kinds
        raise (ValueError if isinstance(error, ValueError) else TypeError)(
            f"{name} must be None, a non-negative integer or a NumPy SeedSequence, BitGenerator or "
            f"Generator, got {shown(rng)}"
        ) from error
    return (stream for _ in itertools.count() for stream in parent.spawn(1))


def gaussian(
    stream: np.random.Generator, shape: tuple[int, ...], *, field: str, scale: float, xp: ModuleType
) -> Any:
    """Independent Gaussian numbers of mean 0 and variance scale^2, E|g|^2 = scale^2 if complex.

    Parameters
    ----------
    stream : numpy.random.Generator
        Source of randomness.  A library that draws on its own device is seeded from it; all
        others receive NumPy's numbers, so that they see the same matrices to the last bit.
    shape : tuple of int
        Shape of the result.
    field : {"real", "complex"}
        Whether the numbers are real or complex.
    scale : float
        Root mean square modulus.
    xp : module
        Array API namespace of the result.

    Returns
    -------
    array of xp, float64 or complex128
    """
    choice("field", field, FIELDS)
    if makes_random_numbers(xp):
        stream = xp.random.default_rng(int(stream.integers(2**63)))
    if field == "real":
        return xp.asarray(stream.standard_normal(shape)) * scale
    pairs = xp.asarray(stream.standard_normal((*shape, 2))) * (scale / math.sqrt(2))
    return pairs[..., 0] + 1j * pairs[..., 1]


def lengths(
    stream: np.random.Generator,
    entries: npt.NDArray[np.intp],
    block: int,
    *,
    field: str,
    scale: float,
    xp: ModuleType,
) -> Any:
    """Lengths of independent Gaussian vectors whose entries have the mean square scale^2.

    Parameters
    ----------
    stream, field, scale, xp
        As for `gaussian`.
    entries : ndarray of int, shape (k,)
        Numbers of entries, each at least 1.
    block : int
        Vectors of each kind.

    Returns
    -------
    array of xp, float64, shape (k, block)
    """
    halves = 2 if field == "real" else 1
    shape = np.repeat(entries / halves, block).reshape(len(entries), block)
    if makes_random_numbers(xp):
        stream = xp.random.default_rng(int(stream.integers(2**63)))
        shape = xp.asarray(shape)
    return xp.sqrt(xp.asarray(stream.standard_gamma(shape)) * (halves * scale**2))


def normals(
    stream: np.random.Generator,
    shape: tuple[int, ...],
    *,
    field: str,
    scale: float,
    xp: ModuleType,
    box_muller: Callable[..., npt.NDArray[np.float64]] | None = None,
) -> Any:
    """Independent Gaussian numbers, as `gaussian`, by Box and Muller's transform of uniform ones.

    Parameters
    ----------
    stream, shape, field, scale, xp
        As for `gaussian`.
    box_muller : callable, optional
        What turns an even number of uniform numbers in place into normal ones of a given standard
        deviation; NumPy's functions by default.  A compiled one gives the same to rounding.

    Returns
    -------
    array of xp, float64 or complex128
    """
    if makes_random_numbers(xp):
        return gaussian(stream, shape, field=field, scale=scale, xp=xp)
    count = math.prod(shape)
    if field == "complex":
        # the real and the imaginary part of a number are a pair
        numbers = (box_muller or _box_muller)(stream.random(2 * count), scale / math.sqrt(2))
        return xp.asarray((numbers[:count] + 1j * numbers[count:]).reshape(shape))
    numbers = (box_muller or _box_muller)(stream.random(count + count % 2), scale)
    return xp.asarray(numbers[:count].reshape(shape))


def _box_muller(uniform: npt.NDArray[np.float64], scale: float) -> npt.NDArray[np.float64]:
    """Turn uniform numbers in place into normal ones; returns them.

    r cos, then r sin, from the radii's uniform numbers, then the angles'; as many at once as stay
    in the first-level cache.
    """
    half = uniform.size // 2
    for begin in range(0, half, _AT_ONCE):
        end = min(begin + _AT_ONCE, half)
        radius, t = uniform[begin:end], uniform[half + begin : half + end]
        np.subtract(1, radius, out=radius)
        np.log(radius, out=radius)
        radius *= -2
        np.sqrt(radius, out=radius)
        radius *= scale
        # cos and sin from the tangent of half the angle, which NumPy vectorises; it is finite at
        # u = 1/2, too
        t *= math.pi
        np.tan(t, out=t)
        square = t * t
        radius /= 1 + square
        t *= 2
        t *= radius
        radius *= np.subtract(1, square, out=square)
    return uniform
