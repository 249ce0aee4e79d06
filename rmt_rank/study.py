"""Studies: grids of widths and depths whose results are kept in a folder."""

from typing import TYPE_CHECKING

from rmt_rank._lib.names import getattr_with_hint
from rmt_rank.simulation.study.declaration import Study
from rmt_rank.simulation.study.run import open_study, run_study

__all__ = [
    "Study",
    "open_study",
    "run_study",
]

if not TYPE_CHECKING:  # which would let a type checker accept every name
    __getattr__ = getattr_with_hint(__name__, __all__)
