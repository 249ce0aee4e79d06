"""Blocks of a study: pieces of work with streams of their own, computed anywhere.

The stream is seeded by the study's seed and the block's place, whoever computes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rmt_rank._lib.array import namespace
from rmt_rank._lib.random import FIELDS
from rmt_rank.simulation.means.controls import Controls
from rmt_rank.simulation.means.joint_moments import JointMoments, added, observe, samples_of
from rmt_rank.simulation.products.blocks import chain_blocks, in_threads
from rmt_rank.simulation.products.chain import Chain
from rmt_rank.simulation.products.fused.source import LARGEST_FUSED_WIDTH
from rmt_rank.simulation.study.declaration import Study

__all__ = [
    "Engine",
    "StudyBlock",
    "block_samples",
    "blocks",
    "cells",
    "chain_of",
    "components",
    "compute",
    "controls_of",
]

# Work of a block of a study, in entries of a factor, each of about 60 ns: half a second.  Beside
# the factors, the decomposition and the controls of a product are worth 5 layers; logarithms take
# 4 times as long, and their decomposition 8 N layers.  Measured at widths 2 to 64 and depths 1 to
# 64, with compiled loops and without: 0.2 to 4 s.  A GPU gets larger
# blocks in proportion to its expected speed (not measured): a fused kernel some thousand times as
# much, operations on arrays a hundred times.
_BLOCK_WORK, _FUSED_WORK, _DEVICE_WORK = 2**23, 2**33, 2**30


class Engine(NamedTuple):
    """The library and the loops that compute the blocks of a store.

    Attributes
    ----------
    backend : {"numpy", "cupy"}
        Array library; CuPy draws other numbers than NumPy.
    compiled : bool
        Whether compiled loops are used where they are faster.
    """

    backend: str
    compiled: bool


@dataclass(frozen=True)
class StudyBlock:
    """A block of a study: all that a worker needs to know."""

    study: Study
    engine: Engine
    field: str
    width: int
    depth: int
    index: int
    size: int

    @property
    def name(self) -> str:
        """Name of the file of its result."""
        return f"{self.field}-{self.width:05d}-{self.depth:05d}-{self.index:06d}.npz"


def block_samples(study: Study, width: int, depth: int, backend: str = "numpy") -> int:
    """Products in a block at a cell."""
    log = any(each.log for each in study.functions())
    layers = 4 * depth + 8 * width if log else depth + 5
    work = _BLOCK_WORK
    if backend == "cupy":
        work = _FUSED_WORK if width <= LARGEST_FUSED_WIDTH else _DEVICE_WORK
    return max(16, work // (width * width * layers))


def cells(study: Study) -> Iterator[tuple[str, int, int]]:
    """Field, width and depth of every cell, in order."""
    return (
        (field, width, depth)
        for field in study.fields
        for width in study.widths
        for depth in study.depths
    )


def blocks(study: Study, engine: Engine, cell: tuple[str, int, int]) -> Iterator[StudyBlock]:
    """Blocks of a cell, in order."""
    most = block_samples(study, *cell[1:], engine.backend)
    return (
        StudyBlock(study, engine, *cell, index, min(most, study.samples - begin))
        for index, begin in enumerate(range(0, study.samples, most))
    )


def components(statistic: Mapping[str, Any], width: int) -> int:
    """Number of values of a statistic at a width."""
    if statistic["name"] == "effective_rank":
        return 1
    return len(statistic["bins"]) - 1 if statistic["name"] == "spectral_measure" else width


def chain_of(block: StudyBlock) -> Chain:
    """The chain of a block."""
    widths = (block.width,) * (block.depth + 1)
    return Chain(widths, block.field, "triangular", block.engine.compiled)


def controls_of(study: Study, chain: Chain) -> Controls | None:
    """The control variates of a chain, if the study uses any."""
    return Controls.of(chain) if study.control_variates else None


def compute(block: StudyBlock) -> list[JointMoments | None]:
    """Compute a block, in any process; the result does not depend on it."""
    functions = block.study.functions()
    chain = chain_of(block)
    controls = controls_of(block.study, chain)
    place = (FIELDS.index(block.field), block.width, block.depth, block.index)
    work = chain_blocks(
        chain,
        (block.depth,),
        block.size,
        rng=np.random.SeedSequence(block.study.seed, spawn_key=place),
        xp=namespace(block.engine.backend),
        log=any(each.log for each in functions),
        log_diagonal=controls is not None,
    )
    halves: list[JointMoments | None] = [None, None]
    with closing(in_threads(work, 1)) as parts:
        for part in parts:
            halves = added(halves, observe(part, functions, controls, samples_of(halves)))
    return halves
