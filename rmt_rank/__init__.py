"""How low-rank is a deep linear network, and why.

The law of the singular values of a product of Gaussian matrices, its effective rank and how both
change with depth, after "The Low-Rank Simplicity Bias in Deep Networks" (Huh et al.,
arXiv:2103.10427).  `python -m rmt_rank.verify theorem1` checks the paper's Theorem 1.
"""

import importlib
from types import ModuleType

from rmt_rank.metrics.gram import gram_effective_rank, gram_matrix
from rmt_rank.metrics.matrix import (
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
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.simulation.estimation import Estimate, estimate
from rmt_rank.simulation.expected import ExpectedRank, expected_effective_rank
from rmt_rank.simulation.sampling import sample_singular_values
from rmt_rank.simulation.study import Study
from rmt_rank.simulation.study_run import open_study, run_study
from rmt_rank.theory.coupling import DepthRatio
from rmt_rank.theory.effective_rank import (
    differential_effective_rank,
    differential_effective_rank_derivative,
)
from rmt_rank.theory.fuss_catalan import fuss_catalan, singular_value_law
from rmt_rank.theory.limit_measures import (
    LimitMeasures,
    limit_measures,
    limit_threshold_rank,
)
from rmt_rank.theory.moments import fuss_catalan_moment
from rmt_rank.theory.rectangular import (
    RectangularLaw,
    rectangular_effective_rank,
    rectangular_law,
    rectangular_moment,
)
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.search import LearningRateSearch, learning_rate_search
from rmt_rank.training.train import train

__version__ = "0.1.0"

__all__ = [
    "DepthRatio",
    "Estimate",
    "ExpectedRank",
    "LearningRateSearch",
    "LeastSquaresProblem",
    "LimitMeasures",
    "LinearNetwork",
    "RankMeasures",
    "RectangularLaw",
    "Study",
    "TrainingResult",
    "condition_number",
    "differential_effective_rank",
    "differential_effective_rank_derivative",
    "effective_rank",
    "effective_rank_gradient",
    "energy_rank",
    "estimate",
    "expected_effective_rank",
    "fuss_catalan",
    "fuss_catalan_moment",
    "gram_effective_rank",
    "gram_matrix",
    "learning_rate_search",
    "least_squares_problem",
    "limit_measures",
    "limit_threshold_rank",
    "nuclear_norm",
    "numerical_rank",
    "open_study",
    "participation_ratio",
    "rank_measures",
    "rectangular_effective_rank",
    "rectangular_law",
    "rectangular_moment",
    "renyi_effective_rank",
    "run_study",
    "sample_singular_values",
    "singular_value_law",
    "stable_rank",
    "threshold_rank",
    "threshold_rank_area",
    "train",
]


def __getattr__(name: str) -> ModuleType:
    # the slow road brings sympy and flint: it is imported when it is first asked for
    if name == "exact":
        return importlib.import_module("rmt_rank.exact")
    raise AttributeError(f"module 'rmt_rank' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "exact"])
