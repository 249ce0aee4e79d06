"""Singular values divided by the largest, and masks of spectra that are not finite, zero or empty.

A measure can then compute on any spectrum without a warning, and `finish` fills in the results of
such special spectra.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import array_api_compat

from rmt_rank._lib.array import known, nan_where
from rmt_rank._lib.array_input import as_floating
from rmt_rank.metrics.scaling import far, times_power_of_two, to_unit_scale

__all__ = ["Prepared", "prepare", "prepared"]


class Prepared(NamedTuple):
    """Singular values over their largest, with what is needed to finish a measure."""

    xp: Any
    values: Any  # (..., k), in [0, 1]; zeros where the spectrum is not finite
    absolute: Any  # (..., k), singular values over 2^exponent; zeros where they are not finite
    exponent: Any  # (..., 1), None for 0
    finite: Any  # (...)
    nonzero: Any  # (...)
    sound: bool  # all are known to be finite and not zero
    shape: tuple[int, int]  # shape of the matrix

    def divisor(self, sums: Any) -> Any:
        """Sums over the spectrum, 1 in place of those that `finish` replaces."""
        return sums if self.sound else self.xp.where(self.nonzero, sums, self.xp.ones_like(sums))

    def in_units(self, absolute: Any) -> Any:
        """Convert an array of shape (..., k) from the units of `absolute` to those of the input."""
        if self.exponent is None:
            return absolute
        return times_power_of_two(self.xp, absolute, self.exponent)

    def finish(self, result: Any, *, zero: float = 0.0) -> Any:
        """The result, with what the zero spectrum has, and nan where it is not finite."""
        xp = self.xp
        if not self.sound:
            result = xp.where(self.nonzero, result, xp.full_like(result, zero))
            result = nan_where(xp, ~self.finite, result)
        return result[()] if result.ndim == 0 else result  # NumPy: a scalar


def prepare(singular_values: Any) -> Prepared:
    """Check singular values and divide by the largest; return a Prepared unchanged.

    Raises
    ------
    TypeError
        If they are not numbers, or complex.
    ValueError
        If they have no axis, or one is negative (under tracing, where values cannot be inspected,
        the result is nan instead).
    """
    if isinstance(singular_values, Prepared):
        return singular_values
    xp, sigma = as_floating("singular_values", singular_values, least_dimensions=1)
    if xp.isdtype(sigma.dtype, "complex floating"):
        raise TypeError(f"singular_values must be real, got the dtype {sigma.dtype}")
    shape = (sigma.shape[-1], sigma.shape[-1])
    if sigma.shape[-1] == 0:
        return prepared(xp, sigma, shape)
    if known(xp.all(sigma >= 0)):
        return prepared(xp, sigma, shape)
    negative = sigma < 0
    if known(xp.any(negative)):
        value = float(xp.min(xp.where(negative, sigma, xp.zeros_like(sigma))))
        raise ValueError(
            f"singular_values must be >= 0, got {value!r}; if it is an eigenvalue that is 0 to "
            "rounding, set it to 0 first"
        )
    return prepared(xp, sigma, shape, finite=xp.min(sigma, axis=-1) >= 0)


def prepared(
    xp: Any, sigma: Any, shape: tuple[int, int], *, exponent: Any = None, finite: Any = None
) -> Prepared:
    """Divide values >= 0, in units of 2^exponent, by the largest.

    `finite`, of shape (...), is False where the result must be nan regardless of the values.
    """
    if sigma.shape[-1] == 0:
        # an empty matrix has the spectrum of the zero matrix
        device = array_api_compat.device(sigma)
        sigma = xp.zeros((*sigma.shape[:-1], 1), dtype=sigma.dtype, device=device)
        exponent = finite = None
    largest = xp.max(sigma, axis=-1)  # nan where there is one
    bound = far(xp, sigma.dtype)
    if finite is None and known(xp.all((largest < bound) & (largest > 1 / bound))):
        values, finite, nonzero = sigma / largest[..., None], largest < bound, largest > 0
        return Prepared(xp, values, sigma, exponent, finite, nonzero, sound=True, shape=shape)
    healthy = xp.isfinite(largest)
    finite = healthy if finite is None else healthy & finite
    sigma = xp.where(finite[..., None], sigma, xp.zeros_like(sigma))
    # at extreme scales, derivatives are finite only if the scale is divided out first
    scaled, _ = to_unit_scale(xp, sigma, -1)
    largest = xp.max(scaled, axis=-1)
    nonzero = largest > 0
    largest = xp.where(nonzero, largest, xp.ones_like(largest))
    return Prepared(
        xp,
        scaled / largest[..., None],
        sigma,
        exponent,
        finite,
        nonzero,
        sound=known(xp.all(finite & nonzero)),
        shape=shape,
    )
