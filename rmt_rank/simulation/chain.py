"""What is sampled: a chain of Gaussian matrices, and by which method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmt_rank._random import FIELDS
from rmt_rank._validation import choice, integer, integer_widths
from rmt_rank.simulation.compiled_loops import compiled_loops

__all__ = ["METHODS", "Chain", "new_chain"]

METHODS = ("auto", "dense", "triangular")

# Below so many entries of all factors together, loading the compiled loops is not worth it.
COMPILED_WORK = 2**25


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
        Whether all entries are drawn or triangular factors, see `rmt_rank.simulation.factors`.
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
    width: int | None,
    depth: int | None,
    size: int,
    widths: Sequence[int] | None = None,
    *,
    field: str = "real",
    method: str = "auto",
    numpy_doubles: bool = True,
) -> Chain:
    """Refuse bad arguments of `sample_singular_values` and choose how to compute."""
    if widths is None:
        width = integer("width", width, at_least=1)
        depth = integer("depth", depth, at_least=1)
        all_widths = (width,) * (depth + 1)
    else:
        all_widths = integer_widths(widths)
        for name, value, expected in (
            ("width", width, min(all_widths)),
            ("depth", depth, len(all_widths) - 1),
        ):
            if value is not None and value != expected:
                raise ValueError(f"{name} must be None or {expected} with widths, got {value!r}")
    choice("field", field, FIELDS)
    choice("method", method, METHODS)
    method = "triangular" if method == "auto" else method
    N = min(all_widths)
    compiled = (
        numpy_doubles
        and method == "triangular"
        and size * N * N * (len(all_widths) - 1) >= COMPILED_WORK
        and compiled_loops() is not None
    )
    return Chain(all_widths, field, method, compiled)
