"""Figures: they draw data and compute nothing.

Those of the paper are entered here by name; `rmt-rank figure NAME` computes their data, draws them
and prints the verdict.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmt_rank.figures.figure import PaperFigure

__all__ = ["FIGURES", "find"]

# Name on the command line, and the module with its FIGURE, or "module:ATTRIBUTE".
FIGURES = {
    "init-pdf": "init_pdf",
    "convergence-pdf": "convergence_pdf",
    "gram-matrices": "gram_matrices",
    "optimizers": "optimizers",
    "parameterization": "parameterization",
    "dynamics": "dynamics",
    "singular-values": "singular_values",
    "reparameterization": "reparameterization",
    "residual": "residual",
    "rank-measures": "rank_measures",
    "least-squares-ablation": "least_squares_ablation",
    "kernel-ablation": "kernel_ablation",
    "layer-dynamics": "layer_dynamics",
    "layer-overlay": "layer_overlay",
    "landscape": "landscape",
    "kernel-landscape": "kernel_landscape",
    "kernel-vs-weight": "kernel_vs_weight",
    # beyond the paper
    "depth-width-map": "depth_width_map",
    "singular-values-log": "singular_values:LOGARITHMIC",
    "nonlinear-init": "nonlinear_init",
    "residual-init": "residual_init",
    "phases": "phases",
}


def find(name: str) -> PaperFigure:
    """The figure of that name, or of that number in one of the revisions.

    Raises
    ------
    ValueError
        If there is none.
    """
    for each in [name] if name in FIGURES else FIGURES:
        module, _, attribute = FIGURES[each].partition(":")
        found: PaperFigure = getattr(
            importlib.import_module(f"rmt_rank.figures.{module}"), attribute or "FIGURE"
        )
        if name in (each, *found.aliases):
            return found
    listed = ", ".join(map(repr, FIGURES))
    raise ValueError(f"figure must be one of {listed} or their numbers, got {name!r}")
