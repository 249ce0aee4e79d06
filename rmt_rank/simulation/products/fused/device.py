"""The kernels on a CUDA device, by CuPy."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from rmt_rank._lib.array import CudaDevice, cuda_device, cuda_module
from rmt_rank.simulation.products.fused.kernels import Kernels
from rmt_rank.simulation.products.fused.source import Variant, source

__all__ = ["device_kernels"]

# Threads of a block, at least; a block of one matrix has as many as that has lanes.
_THREADS = 128


def device_kernels(
    variant: Variant, xp: ModuleType, *, lanes: int | None = None, most_blocks: int | None = None
) -> Kernels:
    """Return the kernels on the current device.

    Parameters
    ----------
    variant : Variant
        Width, field and kind of results.
    xp : module
        CuPy's array API namespace.
    lanes, most_blocks : int, optional
        Threads for each matrix and most blocks in a launch; results do not depend on them.

    Returns
    -------
    Kernels
    """
    device = cuda_device()
    group = lanes or variant.lanes
    groups = max(1, _THREADS // group)
    # fewer matrices at a time where several do not fit, and global memory where one does not
    while groups > 1 and _bytes(variant, groups, outside=False) > device.shared_memory_of_block:
        groups //= 2
    outside = _bytes(variant, groups, outside=False) > device.shared_memory_of_block
    shared = _bytes(variant, groups, outside=outside)
    options = variant.device_options(outside=outside, lanes=group)
    at_once = min(_resident(device, shared, groups * group), most_blocks or 2**30)

    def launch(name: str, count: int, arguments: tuple[Any, ...], *, copies: bool) -> None:
        kernel = _kernel(device.number, name, options)
        if name == "bidiagonals":
            blocks = -(-count // _THREADS)
            kernel((blocks,), (_THREADS,), (xp.empty((1,)), *arguments))
            return
        blocks = min(-(-count // groups), at_once)
        places = 2 * blocks * groups * variant.matrix_doubles if copies or outside else 1
        kernel.max_dynamic_shared_size_bytes = shared
        given = (xp.empty((places,)), *arguments)
        kernel((blocks,), (groups * group,), given, shared_mem=shared)

    return Kernels(variant, xp, launch)


def _bytes(variant: Variant, groups: int, *, outside: bool) -> int:
    """Shared memory of a block."""
    return 8 * groups * (variant.work_doubles + (0 if outside else variant.matrix_doubles))


def _resident(device: CudaDevice, shared: int, threads: int) -> int:
    """Number of blocks that the device runs at the same time, at most."""
    # the system takes 1 KB of each block's shared memory
    by_memory = device.shared_memory_of_processor // (shared + 1024)
    return device.processors * max(1, min(by_memory, device.threads_of_processor // threads))


@functools.cache
def _kernel(device: int, name: str, options: tuple[str, ...]) -> Any:
    return _module(device, options).get_function(name)


@functools.cache
def _module(device: int, options: tuple[str, ...]) -> Any:
    del device  # code is compiled for each
    return cuda_module(source(), options)
