# The public names and where they are: `__init__.py` reads this file, and so do type checkers.

from . import (
    data,
    exact,
    experiments,
    figures,
    metrics,
    networks,
    paper,
    simulation,
    theory,
    training,
)
from ._lib.activations import Activation
from .metrics.gram import gram_effective_rank, gram_matrix
from .metrics.matrix import (
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
from .networks.linear import LinearNetwork
from .networks.minimal_norm import minimal_norm_effective_rank
from .networks.nonlinear import NonlinearNetwork
from .networks.problem import LeastSquaresProblem, least_squares_problem
from .simulation.means.estimate import Estimate, estimate
from .simulation.means.expected import ExpectedRank, expected_effective_rank
from .simulation.means.expected_gram import ExpectedGramRank, expected_gram_effective_rank
from .simulation.products.residual_products import (
    sample_residual_limit,
    sample_residual_singular_values,
)
from .simulation.products.sampling import sample_singular_values
from .simulation.study.declaration import Study
from .simulation.study.run import open_study, run_study
from .theory.free_products.rank import (
    FreeFactor,
    FreeProductLaw,
    GaussianFactor,
    OrthogonalFactor,
    ResidualFactor,
    deep_effective_rank,
    effective_depth,
    effective_rank_of_free_product,
    free_product_law,
    free_product_moment,
)
from .theory.gaussian.coupling import DepthRatio
from .theory.gaussian.effective_rank import (
    differential_effective_rank,
    differential_effective_rank_derivative,
)
from .theory.gaussian.fuss_catalan import fuss_catalan, singular_value_law
from .theory.gaussian.limit_measures import (
    LimitMeasures,
    limit_measures,
    limit_threshold_rank,
)
from .theory.gaussian.moments import fuss_catalan_moment
from .theory.nonlinear.correlation_maps import correlation_map, correlations
from .theory.nonlinear.dual_activations import dual_activation
from .theory.nonlinear.neural_kernel import neural_kernel, neural_kernel_effective_rank
from .theory.nonlinear.phases import critical_weight_variance, phase
from .theory.rectangular.law import (
    RectangularLaw,
    rectangular_effective_rank,
    rectangular_law,
    rectangular_moment,
)
from .theory.residual_limit.law import ResidualLimitLaw, residual_limit_law
from .theory.residual_limit.rank import residual_limit_effective_rank, residual_limit_moment
from .theory.trained.least_squares import one_layer_effective_rank
from .theory.trained.mode_dynamics import mode_effective_rank, mode_singular_values, mode_time
from .training.converged import ConvergedDistance, converged_weight_distance
from .training.result import TrainingResult
from .training.search import LearningRateSearch, learning_rate_search
from .training.train import train

__all__ = [
    "Activation",
    "ConvergedDistance",
    "DepthRatio",
    "Estimate",
    "ExpectedGramRank",
    "ExpectedRank",
    "FreeFactor",
    "FreeProductLaw",
    "GaussianFactor",
    "LearningRateSearch",
    "LeastSquaresProblem",
    "LimitMeasures",
    "LinearNetwork",
    "NonlinearNetwork",
    "OrthogonalFactor",
    "RankMeasures",
    "RectangularLaw",
    "ResidualFactor",
    "ResidualLimitLaw",
    "Study",
    "TrainingResult",
    "condition_number",
    "converged_weight_distance",
    "correlation_map",
    "correlations",
    "critical_weight_variance",
    "data",
    "deep_effective_rank",
    "differential_effective_rank",
    "differential_effective_rank_derivative",
    "dual_activation",
    "effective_depth",
    "effective_rank",
    "effective_rank_gradient",
    "effective_rank_of_free_product",
    "energy_rank",
    "estimate",
    "exact",
    "expected_effective_rank",
    "expected_gram_effective_rank",
    "experiments",
    "figures",
    "free_product_law",
    "free_product_moment",
    "fuss_catalan",
    "fuss_catalan_moment",
    "gram_effective_rank",
    "gram_matrix",
    "learning_rate_search",
    "least_squares_problem",
    "limit_measures",
    "limit_threshold_rank",
    "metrics",
    "minimal_norm_effective_rank",
    "mode_effective_rank",
    "mode_singular_values",
    "mode_time",
    "networks",
    "neural_kernel",
    "neural_kernel_effective_rank",
    "nuclear_norm",
    "numerical_rank",
    "one_layer_effective_rank",
    "open_study",
    "paper",
    "participation_ratio",
    "phase",
    "rank_measures",
    "rectangular_effective_rank",
    "rectangular_law",
    "rectangular_moment",
    "renyi_effective_rank",
    "residual_limit_effective_rank",
    "residual_limit_law",
    "residual_limit_moment",
    "run_study",
    "sample_residual_limit",
    "sample_residual_singular_values",
    "sample_singular_values",
    "simulation",
    "singular_value_law",
    "stable_rank",
    "theory",
    "threshold_rank",
    "threshold_rank_area",
    "train",
    "training",
]

__version__: str
