# The public names of this module and where they are: `__init__.py` reads this file.

from .free_products.law import FreeProductLaw
from .free_products.rank import deep_effective_rank, effective_depth, free_product_moment
from .gaussian.coupling import DepthRatio
from .gaussian.limit_measures import LimitMeasures, limit_threshold_rank
from .gaussian.moments import fuss_catalan_moment
from .gaussian.tracy_widom import tracy_widom
from .rectangular.law import RectangularLaw, rectangular_moment
from .residual_limit.law import ResidualLimitLaw
from .residual_limit.rank import residual_limit_moment

__all__ = [
    "DepthRatio",
    "FreeProductLaw",
    "LimitMeasures",
    "RectangularLaw",
    "ResidualLimitLaw",
    "deep_effective_rank",
    "effective_depth",
    "free_product_moment",
    "fuss_catalan_moment",
    "limit_threshold_rank",
    "rectangular_moment",
    "residual_limit_moment",
    "tracy_widom",
]
