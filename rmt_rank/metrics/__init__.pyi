# The public names of this module and where they are: `__init__.py` reads this file.

from .gram import gram_effective_rank, gram_matrix
from .matrix import (
    RankMeasures,
    condition_number,
    effective_rank,
    effective_rank_gradient,
    energy_rank,
    nuclear_norm,
    numerical_rank,
    participation_ratio,
    rank_measures,
    renyi_effective_rank,
    stable_rank,
    threshold_rank,
    threshold_rank_area,
)
from .presets import rankme, reptrix_rankme, srank, weightwatcher_entropy

__all__ = [
    "RankMeasures",
    "condition_number",
    "effective_rank",
    "effective_rank_gradient",
    "energy_rank",
    "gram_effective_rank",
    "gram_matrix",
    "nuclear_norm",
    "numerical_rank",
    "participation_ratio",
    "rank_measures",
    "rankme",
    "renyi_effective_rank",
    "reptrix_rankme",
    "srank",
    "stable_rank",
    "threshold_rank",
    "threshold_rank_area",
    "weightwatcher_entropy",
]
