"""Nonlinear networks before training: kernels, correlations and phases."""

from typing import TYPE_CHECKING

from rmt_rank._lib.activations import Activation
from rmt_rank._lib.names import getattr_with_hint
from rmt_rank.theory.nonlinear.correlation_maps import correlation_map, correlations
from rmt_rank.theory.nonlinear.dual_activations import dual_activation
from rmt_rank.theory.nonlinear.neural_kernel import neural_kernel, neural_kernel_effective_rank
from rmt_rank.theory.nonlinear.phases import critical_weight_variance, phase

__all__ = [
    "Activation",
    "correlation_map",
    "correlations",
    "critical_weight_variance",
    "dual_activation",
    "neural_kernel",
    "neural_kernel_effective_rank",
    "phase",
]

if not TYPE_CHECKING:  # which would let a type checker accept every name
    __getattr__ = getattr_with_hint(__name__, __all__)
