"""The experiments of the paper, and ours: computed, kept, and judged by statistics."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rmt_rank._validation import shown

if TYPE_CHECKING:
    from rmt_rank.experiments.experiment import Experiment

__all__ = ["EXPERIMENTS", "as_listed", "find", "nearest"]

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
    """The experiment of that name, in any case, and with hyphens or underscores.

    Raises
    ------
    ValueError
        If there is none.
    """
    module = EXPERIMENTS.get(as_listed(name))
    if module is None:
        listed = ", ".join(map(repr, EXPERIMENTS))
        raise ValueError(
            f"experiment must be one of {listed}, got {shown(name)}{nearest(name, EXPERIMENTS)}"
        )
    experiment: Experiment = importlib.import_module(module).EXPERIMENT
    return experiment


def as_listed(name: str) -> str:
    """A name as a user may write it, in the way that names are listed."""
    return (name if isinstance(name, str) else shown(name)).lower().replace("_", "-")


def nearest(name: str, names: Iterable[str]) -> str:
    """A question that ends an error: whether the most similar name was meant; '' if none is."""
    import difflib

    found = difflib.get_close_matches(as_listed(name), list(names), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
