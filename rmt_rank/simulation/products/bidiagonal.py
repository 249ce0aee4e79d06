"""Singular values of bidiagonal matrices, by LAPACK's dqds (dlasq1).

NumPy and SciPy have no function for it, but SciPy exports its address for compiled code, and ctypes
can call that.  The cost is O(N^2), and all singular values have full relative accuracy.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cython_lapack

__all__ = ["bidiagonal_singular_values", "dlasq1_address"]

Array = npt.NDArray[np.float64]


def bidiagonal_singular_values(diagonal: Array, above: Array) -> Array:
    """Singular values of upper bidiagonal matrices, batched.

    Parameters
    ----------
    diagonal : ndarray, shape (m, n)
        The diagonals.
    above : ndarray, shape (m, n - 1)
        The entries above them.

    Returns
    -------
    ndarray, shape (m, n)
        In descending order.

    Raises
    ------
    ArithmeticError
        If the iteration does not converge, or an entry is not finite.

    References
    ----------
    .. [1] K. V. Fernando, B. N. Parlett, "Accurate singular values and differential qd
       algorithms", doi:10.1007/s002110050024.
    """
    m, n = diagonal.shape
    # LAPACK overwrites both, and its second array has one entry more
    d = np.array(diagonal, dtype=np.float64, order="C")
    e = np.zeros_like(d)
    e[:, : n - 1] = above
    if not (np.isfinite(d).all() and np.isfinite(e).all()):
        raise ArithmeticError("a bidiagonal matrix must be finite")
    size, info, work = ctypes.c_int(n), ctypes.c_int(0), np.empty(4 * n)
    dlasq1 = _dlasq1()
    to_size, to_info = ctypes.addressof(size), ctypes.addressof(info)
    to_d, to_e, to_work = d.ctypes.data, e.ctypes.data, work.ctypes.data
    for row in range(0, m * n * d.itemsize, n * d.itemsize):
        dlasq1(to_size, to_d + row, to_e + row, to_work, to_info)
        if info.value != 0:
            raise ArithmeticError(f"dlasq1 did not converge (info = {info.value})")
    return d


@functools.cache
def dlasq1_address() -> int:
    """Address of dlasq1(n, d, e, work, info), all by reference."""
    capsule = cython_lapack.__pyx_capi__["dlasq1"]
    api = ctypes.pythonapi
    name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", api)
    )
    return int(pointer(capsule, name(capsule)))


@functools.cache
def _dlasq1() -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5)(dlasq1_address())
