"""Studies: grids of widths and depths whose results are kept in a folder."""

from rmt_rank.simulation.study.declaration import Study
from rmt_rank.simulation.study.run import open_study, run_study

__all__ = [
    "Study",
    "open_study",
    "run_study",
]
