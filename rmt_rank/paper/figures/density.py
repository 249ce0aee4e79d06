"""Density curves of samples: by the paper's method, and by another one as a check."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.validation import integer, real_array

__all__ = ["best_window", "density_grid", "kernel_density", "smoothed_density"]

Array = npt.NDArray[np.float64]

# The filter of cubics weighs like (9 - 15 u^2)/8 on [-1, 1], a kernel of order 4.  For normal
# samples its integrated mean square error is least where half the window is this many standard
# deviations over n^(1/9): [(9/8) 4!^2 / (2 4 (3/35)^2 R)]^(1/9), R = 8! / (2^9 4! sqrt(pi)).
_HALF_WINDOW = 2.627


def density_grid(samples: npt.ArrayLike, points: int = 401) -> Array:
    """Evenly spaced numbers over the samples and beyond, as far as the filter smears them.

    Parameters
    ----------
    samples : array_like
        Not all the same.
    points : int, default 401
        How many.
    """
    x = _samples(samples)
    reach = 1.1 * _half_window(x)
    return np.linspace(x.min() - reach, x.max() + reach, integer("points", points, at_least=9))


def best_window(samples: npt.ArrayLike, grid: npt.ArrayLike) -> int:
    """Window of the filter in points of the grid, odd, that suits normal samples of that number.

    Parameters
    ----------
    samples, grid
        As for `smoothed_density`.
    """
    _, spacing = _grid(grid)
    return 2 * max(2, round(_half_window(_samples(samples)) / spacing)) + 1


def smoothed_density(
    samples: npt.ArrayLike, grid: npt.ArrayLike, window: int, order: int = 3
) -> Array:
    """Density by the paper's method: empirical CDF, finite difference, Savitzky-Golay filter.

    Values that the filter takes below 0 are set to 0, and the result is normalised to area 1.

    Parameters
    ----------
    samples : array_like
        Numbers, in any order and shape.
    grid : array_like, shape (k,)
        Where: evenly spaced, and wide enough for all samples.
    window : int
        Points of the filter, odd, more than `order` and at most k; see `best_window`.
    order : int, default 3
        Degree of its polynomials.

    Returns
    -------
    ndarray, shape (k,)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    References
    ----------
    .. [1] A. Savitzky and M. J. E. Golay (1964), doi:10.1021/ac60214a047; Figure 1 of the paper.

    Examples
    --------
    >>> grid = np.linspace(-1, 2, 7)
    >>> smoothed_density([0.0, 0.5, 0.5, 1.0], grid, window=3, order=1).round(2)
    array([0.  , 0.17, 0.5 , 0.67, 0.5 , 0.17, 0.  ])
    """
    x = _samples(samples, least=1)
    points, spacing = _grid(grid)
    integer("order", order, at_least=0)
    integer("window", window, at_least=order + 1)
    if window % 2 == 0 or window > len(points):
        raise ValueError(
            f"window must be odd and at most the {len(points)} points of the grid, got {window}"
        )
    edges = np.append(points - spacing / 2, points[-1] + spacing / 2)
    if x.min() <= edges[0] or x.max() > edges[-1]:
        raise ValueError(
            f"grid must span the samples, {x.min():g} to {x.max():g}, got {points[0]:g} to "
            f"{points[-1]:g}"
        )
    cdf = np.searchsorted(np.sort(x), edges, side="right") / x.size
    difference = np.diff(cdf) / spacing
    smooth = np.maximum(scipy.signal.savgol_filter(difference, window, order, mode="constant"), 0)
    density: Array = smooth / np.trapezoid(smooth, points)
    return density


def kernel_density(samples: npt.ArrayLike, grid: npt.ArrayLike) -> Array:
    """Density by normal kernels of Scott's width, a check on `smoothed_density`.

    Parameters
    ----------
    samples : array_like
        Not all the same.
    grid : array_like, shape (k,)
        Where.

    Returns
    -------
    ndarray, shape (k,)
    """
    density: Array = scipy.stats.gaussian_kde(_samples(samples))(real_array("grid", grid))
    return density


def _half_window(x: Array) -> float:
    return float(_HALF_WINDOW * x.std() / x.size ** (1 / 9))


def _samples(samples: npt.ArrayLike, least: int = 2) -> Array:
    x = np.ravel(real_array("samples", samples))
    found = np.unique(x).size
    if found < least:
        raise ValueError(f"samples must hold at least {least} different numbers, got {found}")
    return x


def _grid(grid: npt.ArrayLike) -> tuple[Array, float]:
    points = real_array("grid", grid)
    if points.ndim != 1 or points.size < 2:
        raise ValueError(f"grid must be a list of numbers, got the shape {points.shape}")
    spacing = float(points[-1] - points[0]) / (points.size - 1)
    if spacing <= 0 or not np.allclose(np.diff(points), spacing, rtol=1e-6, atol=0):
        raise ValueError("grid must be evenly spaced and increasing")
    return points, spacing
