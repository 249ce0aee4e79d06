"""The kernels' source code, and the options that it is compiled with."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

__all__ = ["LARGEST_FUSED_WIDTH", "Variant", "source"]

# The matrix of a group of lanes is in shared memory where that is large enough: 132 KB at this
# width, 264 KB with complex entries.
LARGEST_FUSED_WIDTH = 128

# in the order in which they need each other
_FILES = ("lanes", "random", "product", "bidiagonal", "dqds", "jacobi", "chain")


def source() -> str:
    """Return the source code, one text for CUDA's compilers and for the host's."""
    folder = files("rmt_rank.simulation.products.fused")
    return "\n".join(folder.joinpath(f"{name}.cuh").read_text("utf-8") for name in _FILES)


class Variant(NamedTuple):
    """A compiled form of the kernels.

    Attributes
    ----------
    width : int
        Side of the matrices, from 1 to `LARGEST_FUSED_WIDTH`.
    field : {"real", "complex"}
        Field of the entries.
    logs : bool
        Whether chains yield log singular values in place of bidiagonal forms.
    """

    width: int
    field: str
    logs: bool

    @property
    def lanes(self) -> int:
        """Number of threads that work on one matrix."""
        return next(lanes for lanes in (8, 16, 32, 64, 128) if self.width <= lanes)

    @property
    def matrix_doubles(self) -> int:
        """Number of doubles of a matrix with its padding."""
        return self.width * (self.width | 1) * self._parts

    @property
    def work_doubles(self) -> int:
        """Number of doubles of `Work`, the other storage of a matrix."""
        return 8 * self.width * self._parts + 7 * self.width

    def definitions(self) -> tuple[str, ...]:
        """Return the options -D that both kinds of compilers take."""
        return (
            f"-DWIDTH={self.width}",
            f"-DCOMPLEX={self._parts - 1}",
            f"-DLOGS={int(self.logs)}",
        )

    def device_options(self, *, outside: bool, lanes: int | None = None) -> tuple[str, ...]:
        """Return the options of NVRTC.

        Parameters
        ----------
        outside : bool
            Whether the matrices are in global memory, where shared memory is too small.
        lanes : int, optional
            Threads for each matrix, a power of two; results do not depend on it.

        Returns
        -------
        tuple of str
        """
        # no multiplication is joined with an addition unasked: same bits as on the host
        return (
            "--std=c++17",
            "--fmad=false",
            *self.definitions(),
            f"-DLANES={lanes or self.lanes}",
            f"-DPLACE_OUTSIDE={int(outside)}",
            f"-DWORK_DOUBLES={self.work_doubles}",
        )

    @property
    def _parts(self) -> int:
        return 1 if self.field == "real" else 2
