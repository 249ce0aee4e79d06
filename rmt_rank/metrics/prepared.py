"""Singular values made ready: over their largest, and which are not finite, zero or missing.

Whatever a spectrum is, a measure may then compute without a warning, and `finish` puts in what such
a spectrum has.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import array_api_compat

from rmt_rank._array import as_floating, known

__all__ = ["Prepared", "prepare"]


class Prepared(NamedTuple):
    """Singular values over their largest, with what is needed to finish a measure."""

    xp: Any
    values: Any  # (..., k), in [0, 1]; zeros where the spectrum is not finite
    largest: Any  # (...), 1 in place of 0
    finite: Any  # (...)
    nonzero: Any  # (...)
    sound: bool  # all are known to be finite and not zero

    def divisor(self, sums: Any) -> Any:
        """Sums over the spectrum, 1 in place of those that `finish` replaces."""
        return sums if self.sound else self.xp.where(self.nonzero, sums, self.xp.ones_like(sums))

    def finish(self, result: Any, *, zero: float = 0.0) -> Any:
        """The result, with what the zero spectrum has, and nan where it is not finite."""
        xp = self.xp
        if not self.sound:
            result = xp.where(self.nonzero, result, xp.full_like(result, zero))
            result = xp.where(self.finite, result, xp.full_like(result, math.nan))
        return result[()] if result.ndim == 0 else result  # NumPy: a scalar


def prepare(singular_values: Any) -> Prepared:
    """What every measure starts from; it may be given to several in place of singular values."""
    if isinstance(singular_values, Prepared):
        return singular_values
    xp, sigma = as_floating("singular_values", singular_values, least_dimensions=1)
    if sigma.shape[-1] == 0:
        # the spectrum of an empty matrix is that of the zero matrix
        sigma = xp.zeros(
            (*sigma.shape[:-1], 1), dtype=sigma.dtype, device=array_api_compat.device(sigma)
        )
    largest = xp.max(sigma, axis=-1)  # nan where there is one
    finite, nonzero = xp.isfinite(largest), largest > 0
    if known(xp.all(finite & nonzero)):
        return Prepared(xp, sigma / largest[..., None], largest, finite, nonzero, sound=True)
    sigma = xp.where(finite[..., None], sigma, xp.zeros_like(sigma))
    largest = xp.max(sigma, axis=-1)
    nonzero = largest > 0
    largest = xp.where(nonzero, largest, xp.ones_like(largest))
    return Prepared(xp, sigma / largest[..., None], largest, finite, nonzero, sound=False)
