# The public names and where they are: `__init__.py` reads this file, and so do type checkers.

from . import data, exact, metrics, networks, nonlinear, paper, study, theory
from .inspection.features import inspect_features
from .inspection.inspect import inspect
from .metrics.gram import gram_effective_rank, gram_matrix
from .metrics.matrix import effective_rank, effective_rank_gradient, rank_measures
from .simulation.means.baseline import baseline, depth_for
from .simulation.means.estimate import estimate
from .simulation.means.expected import expected_effective_rank
from .simulation.means.expected_gram import expected_gram_effective_rank
from .simulation.means.result import Estimate
from .simulation.products.residual_products import (
    sample_residual_limit,
    sample_residual_singular_values,
)
from .simulation.products.sampling import sample_singular_values
from .theory.free_products.law import free_product_law
from .theory.free_products.rank import FreeFactor, GaussianFactor, OrthogonalFactor, ResidualFactor
from .theory.gaussian.fuss_catalan import fuss_catalan, singular_value_law
from .theory.gaussian.limit_measures import limit_measures
from .theory.limit_rank import limit_effective_rank
from .theory.rectangular.law import rectangular_law
from .theory.residual_limit.law import residual_limit_law

__all__ = [
    "Estimate",
    "FreeFactor",
    "GaussianFactor",
    "OrthogonalFactor",
    "ResidualFactor",
    "baseline",
    "data",
    "depth_for",
    "effective_rank",
    "effective_rank_gradient",
    "estimate",
    "exact",
    "expected_effective_rank",
    "expected_gram_effective_rank",
    "free_product_law",
    "fuss_catalan",
    "gram_effective_rank",
    "gram_matrix",
    "inspect",
    "inspect_features",
    "limit_effective_rank",
    "limit_measures",
    "metrics",
    "networks",
    "nonlinear",
    "paper",
    "rank_measures",
    "rectangular_law",
    "residual_limit_law",
    "sample_residual_limit",
    "sample_residual_singular_values",
    "sample_singular_values",
    "singular_value_law",
    "study",
    "theory",
]

__version__: str
