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
        "nonlinear-init",
        "phases",
        "convergence",
        "optimizers",
        "parameterization",
        "least-squares-ablation",
        "rank-measures",
        "residual-init",
        "residual",
        "generalization",
        "singular-values",
        "depth-width-map",
        "landscape",
        "kernel-landscape",
        "kernel-vs-weight",
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
