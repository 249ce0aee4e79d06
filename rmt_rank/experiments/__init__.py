"""The experiments of the paper, and ours: computed, kept, and judged by statistics."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rmt_rank._validation import choice

if TYPE_CHECKING:
    from rmt_rank.experiments.experiment import Experiment

__all__ = ["EXPERIMENTS", "find"]

# Name on the command line, and the module with its EXPERIMENT, `run` and `verdict`.
EXPERIMENTS = {
    name: f"rmt_rank.experiments.{name.replace('-', '_')}"
    for name in (
        "init-pdf",
        "nonlinear-init",
        "phases",
        "convergence",
        "converged-rank",
        "gram-matrices",
        "optimizers",
        "parameterization",
        "dynamics",
        "singular-values",
        "residual-init",
        "residual",
        "rank-measures",
        "least-squares-ablation",
        "kernel-ablation",
        "generalization",
        "landscape",
        "kernel-landscape",
        "kernel-vs-weight",
        "depth-width-map",
    )
}


def find(name: str) -> Experiment:
    """The experiment of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    choice("experiment", name, tuple(EXPERIMENTS))
    experiment: Experiment = importlib.import_module(EXPERIMENTS[name]).EXPERIMENT
    return experiment
