"""The experiments of the paper, and ours: computed, stored, and judged by statistical tests."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rmt_rank._lib.names import did_you_mean
from rmt_rank._lib.validation import shown

if TYPE_CHECKING:
    from rmt_rank.paper.experiments.experiment import Experiment

__all__ = ["EXPERIMENTS", "as_listed", "find"]

# From the name on the command line to the module with its EXPERIMENT.
EXPERIMENTS = {
    "init-pdf": "nonlinear.init_pdf",
    "nonlinear-init": "nonlinear.nonlinear_init",
    "phases": "nonlinear.phases",
    "convergence": "trained.convergence",
    "converged-rank": "trained.converged_rank",
    "gram-matrices": "trained.gram_matrices",
    "optimizers": "trained.optimizers",
    "parameterization": "trained.parameterization",
    "dynamics": "trained.dynamics",
    "singular-values": "gaussian.singular_values",
    "residual-init": "free_products.residual_init",
    "residual": "trained.trained_residual",
    "rank-measures": "trained.rank_measures",
    "least-squares-ablation": "trained.least_squares_ablation",
    "kernel-ablation": "trained.kernel_ablation",
    "generalization": "trained.generalization",
    "convolutional": "trained.convolutional",
    "landscape": "landscapes.landscape",
    "kernel-landscape": "landscapes.kernel_landscape",
    "kernel-vs-weight": "landscapes.kernel_vs_weight",
    "depth-width-map": "finite_width.depth_width_map",
}


def find(name: str) -> Experiment:
    """The experiment of that name, in any case, and with hyphens or underscores.

    Raises
    ------
    ValueError
        If there is none.
    """
    module = EXPERIMENTS.get(as_listed(name))
    if module is None:
        listed = ", ".join(map(repr, EXPERIMENTS))
        hint = did_you_mean(as_listed(name), EXPERIMENTS)
        raise ValueError(f"experiment must be one of {listed}, got {shown(name)}{hint}")
    experiment: Experiment = importlib.import_module(
        f"rmt_rank.paper.experiments.{module}"
    ).EXPERIMENT
    return experiment


def as_listed(name: str) -> str:
    """Convert a name as a user may write it to its listed form."""
    return (name if isinstance(name, str) else shown(name)).lower().replace("_", "-")
