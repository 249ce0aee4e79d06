"""Description of a chain of Gaussian matrices, and of the method that samples it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any, TypeGuard

import numpy as np

from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.validation import choice, integer, integer_widths, shown
from rmt_rank.simulation.products.compiled_loops import compiled_loops

__all__ = ["LARGEST_DEPTH", "LARGEST_SIZE", "LARGEST_WIDTH", "LARGEST_WORK"]
__all__ += ["METHODS", "Chain", "entries"]
__all__ += ["new_chain", "precision", "several", "threads"]

METHODS = ("auto", "dense", "triangular")

# With fewer entries of all factors together, and fewer layers, loading the compiled loops is not
# worth it.
COMPILED_WORK, COMPILED_DEPTH = 2**25, 2**14
# The same for logarithms of singular values, which take a hundred times as long without them.
COMPILED_LOG_WORK = 2**19

# Limits on a sample: a layer takes at least about 20 us, and a million entries 2.5 ms, so that the
# longest jobs take hours; a longer one should be a study, or is a mistake.
LARGEST_WIDTH, LARGEST_DEPTH, LARGEST_SIZE, LARGEST_WORK = 10**6, 10**6, 10**9, 10**13
LARGEST_WORKERS = 1024


@dataclass(frozen=True)
class Chain:
    """A product of Gaussian matrices, and how it is sampled.

    Attributes
    ----------
    widths : tuple of int
        n_0, ..., n_L; layer l has n_l x n_(l-1) entries of variance 1/min(widths).
    field : {"real", "complex"}
        Field of the entries.
    method : {"dense", "triangular"}
        Whether all entries are drawn or triangular factors, see
        `rmt_rank.simulation.products.triangular_factors`.
    compiled : bool
        Whether compiled loops are used where they are faster; the numbers are the same to rounding.
    """

    widths: tuple[int, ...]
    field: str
    method: str
    compiled: bool

    @property
    def width(self) -> int:
        """Number N of singular values."""
        return min(self.widths)

    @property
    def depth(self) -> int:
        """Number of factors."""
        return len(self.widths) - 1

    @property
    def others(self) -> tuple[int, ...]:
        """All widths but one of the smallest, one for each triangular factor."""
        smallest = self.widths.index(self.width)
        return self.widths[:smallest] + self.widths[smallest + 1 :]


def new_chain(
    width: int | Sequence[int],
    depth: int | None,
    size: int,
    *,
    field: str = "real",
    method: str = "auto",
    numpy_doubles: bool = True,
    log: bool = False,
    least_size: int | None = None,
) -> Chain:
    """Refuse bad arguments of `sample_singular_values` and choose how to compute.

    At least `least_size` of the chains must be feasible; all of them by default.
    """
    if several(width):
        all_widths = integer_widths(width)
        integer("widths", max(all_widths), at_least=1, at_most=LARGEST_WIDTH)
        layers = len(all_widths) - 1
        if layers > LARGEST_DEPTH:
            raise ValueError(
                f"widths must have at most {LARGEST_DEPTH + 1} entries, got {layers + 1}"
            )
        if depth is not None and integer("depth", depth) != layers:
            raise ValueError(
                f"depth must be None or {layers} with {layers + 1} widths, got {shown(depth)}"
            )
    else:
        width = integer("width", width, at_least=1, at_most=LARGEST_WIDTH)
        depth = integer("depth", depth, at_least=1, at_most=LARGEST_DEPTH)
        all_widths = (width,) * (depth + 1)
    choice("field", field, FIELDS)
    choice("method", method, METHODS)
    method = "triangular" if method == "auto" else method
    N, layers = min(all_widths), len(all_widths) - 1
    enough = COMPILED_LOG_WORK if log else COMPILED_WORK
    compiled = (
        numpy_doubles
        and method == "triangular"
        and (size * N * N * layers >= enough or layers >= COMPILED_DEPTH)
        and compiled_loops() is not None
    )
    chain = Chain(all_widths, field, method, compiled)
    work = (size if least_size is None else least_size) * entries(chain)
    if work > LARGEST_WORK:
        names = "widths" if several(width) else "width, depth"
        raise ValueError(
            f"{names} and the number of samples must be such that their factors have at most "
            f"1e{len(str(LARGEST_WORK)) - 1} entries, got {work:.3g}; run a study instead"
        )
    return chain


def several(width: object) -> TypeGuard[Sequence[int]]:
    """Return whether an argument is a sequence of widths rather than a single one."""
    if isinstance(width, np.ndarray):
        return width.ndim > 0
    return isinstance(width, Sequence) and not isinstance(width, str | bytes)


def entries(chain: Chain) -> int:
    """Number of entries that are drawn for a product."""
    if chain.method == "dense":
        return sum(m * n for m, n in pairwise(chain.widths))
    return chain.width**2 * chain.depth


def threads(workers: int) -> int:
    """Check and return a number of threads."""
    return integer("workers", workers, at_least=1, at_most=LARGEST_WORKERS)


def precision(dtype: Any, xp: ModuleType) -> Any:
    """Return float64 or float32 of xp, float64 for None; ValueError for anything else."""
    if dtype is None:
        return xp.float64
    with contextlib.suppress(Exception):  # comparing a user's object may raise anything
        for allowed in (xp.float64, xp.float32):
            if dtype == allowed:
                return allowed
    raise ValueError(f"dtype must be xp.float64 or xp.float32, got {shown(dtype)}")
