"""The seam to random numbers: rng= normalised, one spawned stream per block, Gaussian blocks."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from rmt_rank._array import makes_random_numbers
from rmt_rank._validation import choice

__all__ = ["FIELDS", "RNG", "gaussian", "streams"]

# what numpy.random.default_rng takes (SPEC 7)
RNG: TypeAlias = int | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None

FIELDS = ("real", "complex")


def streams(rng: RNG, count: int) -> list[np.random.Generator]:
    """Spawn independent generators from rng, one for each of `count` blocks.

    Raises
    ------
    TypeError, ValueError
        If rng is not what `numpy.random.default_rng` takes.
    """
    try:
        return np.random.default_rng(rng).spawn(count)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be None, a non-negative integer or a NumPy SeedSequence, BitGenerator or "
            f"Generator, got {rng!r}"
        ) from error


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
