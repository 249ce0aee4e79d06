# The public names of this module and where they are: `__init__.py` reads this file.

from ..theory.trained.least_squares import one_layer_effective_rank
from ..theory.trained.mode_dynamics import mode_effective_rank, mode_singular_values, mode_time
from ..training.converged import ConvergedDistance, converged_weight_distance
from ..training.result import TrainingResult
from ..training.search import LearningRateSearch, learning_rate_search
from ..training.train import train
from .linear import LinearNetwork
from .minimal_norm import minimal_norm_effective_rank
from .nonlinear import NonlinearNetwork
from .problem import LeastSquaresProblem, least_squares_problem

__all__ = [
    "ConvergedDistance",
    "LearningRateSearch",
    "LeastSquaresProblem",
    "LinearNetwork",
    "NonlinearNetwork",
    "TrainingResult",
    "converged_weight_distance",
    "learning_rate_search",
    "least_squares_problem",
    "minimal_norm_effective_rank",
    "mode_effective_rank",
    "mode_singular_values",
    "mode_time",
    "one_layer_effective_rank",
    "train",
]
