"""Arbitrary-precision reference implementation: the paper's equations as printed.

Every number of this package is computed by two implementations that share no code.
`rmt_rank.theory` is fast and uses float64.  This package is slow on purpose and imports nothing
from it.  It holds mpmath quadrature of Appendix G over the angle (`quadrature`, `printed`,
`errata`), a derivation in sympy that checks its own steps (`derivation`), and enclosures in ball
arithmetic, which are proofs (`enclosures`, `threshold`).  A value on which both agree to many
digits is very unlikely to be wrong.  Depths are real, and entropies are in nats.
"""

import difflib
from typing import TYPE_CHECKING

from rmt_rank.exact.finite_width.complex_kernel import (
    complex_covariance,
    complex_power_sum,
    complex_power_sum_slope,
    expected_characteristic_polynomial,
)
from rmt_rank.exact.finite_width.fluctuations import limit_trace_covariance, limit_variance
from rmt_rank.exact.finite_width.wick import trace_covariance
from rmt_rank.exact.free_products.moments import free_product_moments, residual_moments
from rmt_rank.exact.free_products.transforms import (
    effective_rank_of_free_product,
    gaussian_s_transform,
    residual_s_transform,
)
from rmt_rank.exact.gaussian.balls import Enclosure
from rmt_rank.exact.gaussian.coupling import (
    GrowthCertificate,
    certify_levy_growth,
    levy_density,
    levy_khintchine,
)
from rmt_rank.exact.gaussian.derivation import Step, StepResult, derivation
from rmt_rank.exact.gaussian.enclosures import (
    Certificate,
    certify_decreasing,
    enclose_derivative,
    enclose_effective_rank,
)
from rmt_rank.exact.gaussian.errata import (
    integrand_derivative,
    integrand_derivative_area,
    integrand_derivative_signs,
    paper_integrand_derivative_area,
)
from rmt_rank.exact.gaussian.measures import measures, singular_values
from rmt_rank.exact.gaussian.printed import (
    density,
    jacobian,
    paper_equation_8_ratio,
    singular_value,
)
from rmt_rank.exact.gaussian.quadrature import (
    angle_of,
    angles_of,
    differential_effective_rank,
    differential_effective_rank_derivative,
    law,
    moment,
)
from rmt_rank.exact.gaussian.threshold import (
    TurningCertificate,
    certify_turning,
    turning_threshold,
)
from rmt_rank.exact.gaussian.tracy_widom import tracy_widom
from rmt_rank.exact.nonlinear.conjugate_kernel import (
    conjugate_kernel_entropy,
    linear_kernel_entropy,
)
from rmt_rank.exact.nonlinear.dual_activations import dual_activation, dual_activation_closed
from rmt_rank.exact.rectangular.contours import (
    rectangular_effective_rank,
    rectangular_law,
    rectangular_moment,
)
from rmt_rank.exact.residual_limit.quadrature import (
    residual_limit_effective_rank,
    residual_limit_law,
    residual_limit_moment,
)
from rmt_rank.exact.trained.least_squares import one_layer_effective_rank
from rmt_rank.exact.trained.mode_dynamics import mode_singular_value, mode_time

__all__ = [
    "Certificate",
    "Enclosure",
    "GrowthCertificate",
    "Step",
    "StepResult",
    "TurningCertificate",
    "angle_of",
    "angles_of",
    "certify_decreasing",
    "certify_levy_growth",
    "certify_turning",
    "complex_covariance",
    "complex_power_sum",
    "complex_power_sum_slope",
    "conjugate_kernel_entropy",
    "density",
    "derivation",
    "differential_effective_rank",
    "differential_effective_rank_derivative",
    "dual_activation",
    "dual_activation_closed",
    "effective_rank_of_free_product",
    "enclose_derivative",
    "enclose_effective_rank",
    "expected_characteristic_polynomial",
    "free_product_moments",
    "gaussian_s_transform",
    "integrand_derivative",
    "integrand_derivative_area",
    "integrand_derivative_signs",
    "jacobian",
    "law",
    "levy_density",
    "levy_khintchine",
    "limit_trace_covariance",
    "limit_variance",
    "linear_kernel_entropy",
    "measures",
    "mode_singular_value",
    "mode_time",
    "moment",
    "one_layer_effective_rank",
    "paper_equation_8_ratio",
    "paper_integrand_derivative_area",
    "rectangular_effective_rank",
    "rectangular_law",
    "rectangular_moment",
    "residual_limit_effective_rank",
    "residual_limit_law",
    "residual_limit_moment",
    "residual_moments",
    "residual_s_transform",
    "singular_value",
    "singular_values",
    "trace_covariance",
    "tracy_widom",
    "turning_threshold",
]

if not TYPE_CHECKING:  # which would let a type checker accept every name

    def __getattr__(name: str) -> object:
        near = difflib.get_close_matches(name, __all__, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
