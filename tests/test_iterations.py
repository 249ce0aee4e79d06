"""An iteration that runs out of steps raises; it never returns its last value."""

from fractions import Fraction

import numpy as np
import pytest

import rmt_rank as rr
from rmt_rank.exact.finite_width.complex_kernel import complex_covariance
from rmt_rank.exact.gaussian.quadrature import angle_of
from rmt_rank.exact.gaussian.threshold import turning_threshold
from rmt_rank.inspection.nulls import null_of
from rmt_rank.theory.free_products.factors import ResidualFactor
from rmt_rank.theory.free_products.law import free_product_law
from rmt_rank.theory.nonlinear.conjugate_kernel import conjugate_kernel
from rmt_rank.theory.numerics.monotone_root import increasing_root
from rmt_rank.theory.rectangular.law import rectangular_law
from rmt_rank.theory.residual_limit.law import residual_limit_law
from rmt_rank.theory.trained.mode_dynamics import mode_singular_values

# limit on the steps, its value, a call that then runs out of them, and what it says
CASES = {
    "angle": (
        "rmt_rank.theory.gaussian.inversion.MAX_STEPS",
        1,
        lambda: rr.singular_value_law(3).cdf(0.5),
        "the angle at depth 3.0 was not found in 1 steps",
    ),
    "angle, many": (
        "rmt_rank.theory.gaussian.inversion.MAX_STEPS",
        1,
        lambda: rr.singular_value_law([2, 3]).cdf([0.5, 0.6]),
        "was not found in 1 steps",
    ),
    "root": (
        "rmt_rank.theory.numerics.monotone_root._MOST_STEPS",
        2,
        lambda: increasing_root(
            lambda x: (np.expm1(x), np.exp(x)), np.array([-50.0]), np.array([20.0])
        ),
        "a root between -15.0 and 2.5 was not found in 2 steps",
    ),
    "modes": (
        "rmt_rank.theory.numerics.monotone_root._MOST_STEPS",
        2,
        lambda: mode_singular_values(4, [2, 1], 0.01, 3),
        "was not found in 2 steps",
    ),
    "residual limit": (
        "rmt_rank.theory.residual_limit.law.MAX_STEPS",
        1,
        lambda: residual_limit_law(1.0).cdf([0.5, 1.5]),
        "no point of the law of time 1.0 in 1 steps",
    ),
    "rectangular": (
        "rmt_rank.theory.rectangular.curve.MAX_STEPS",
        1,
        lambda: rectangular_law([2, 3, 4]).cdf([0.5, 1.5]),
        "no point of the curve in 1 steps at 2 of 2 places",
    ),
    "free products": (
        "rmt_rank.theory.free_products.panels.MAX_SPLITS",
        0,
        lambda: free_product_law([ResidualFactor(1.0123, 2)]).cdf(0.5),
        "halved 0 times",
    ),
    "kernel": (
        "rmt_rank.theory.nonlinear.kernel_recursion._NEWTON_STEPS",
        1,
        lambda: conjugate_kernel(1.0, [2], "relu")[0].effective_rank(100),
        "was not found in 1 steps of Newton's method",
    ),
    "Tracy-Widom quantile": (
        "rmt_rank.theory.gaussian.tracy_widom._MOST_STEPS",
        1,
        lambda: rr.theory.tracy_widom.ppf([0.5, 1e-300], 1),
        "no quantile of the Tracy-Widom law in 1 steps",
    ),
    "exact angle": (
        "rmt_rank.exact.gaussian.angles._MORE_STEPS",
        -7,
        lambda: angle_of(Fraction(1, 2), 3),
        "no angle found at depth 3.0",
    ),
    "exact threshold": (
        "rmt_rank.exact.gaussian.threshold._MOST_STEPS",
        1,
        lambda: turning_threshold(1, digits=8),
        "no threshold in 1 steps",
    ),
    "exact sums": (
        "rmt_rank.exact.finite_width.complex_kernel._MOST_DOUBLINGS",
        1,
        lambda: complex_covariance([2, 3], Fraction(1, 2), Fraction(1, 3)),
        "50 working digits do not give 30 digits",
    ),
    "norms": (
        "rmt_rank.inspection.nulls._MOST_STEPS",
        31,
        lambda: null_of("norms", np.eye(2), np.random.default_rng(0), 64),
        "rows and columns their norms in 31 steps",
    ),
    "Jacobi": (
        "rmt_rank.simulation.products.logarithms._MOST_SWEEPS",
        1,
        lambda: rr.sample_singular_values(5, 4, 10, rng=0, return_log=True),
        "did not make 5 rows orthogonal in 1 sweeps",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_running_out_of_steps_raises(name, monkeypatch):
    limit, value, call, message = CASES[name]
    monkeypatch.setattr(limit, value)
    with pytest.raises(ArithmeticError, match=message):
        call()
