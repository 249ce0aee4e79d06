"""Figures: they draw data and compute nothing.

Those of the paper are entered here by name; `rmt-rank figure NAME` computes their data, draws them
and prints the verdict.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import TYPE_CHECKING

from rmt_rank._lib.names import did_you_mean
from rmt_rank._lib.validation import shown
from rmt_rank.paper.experiments import as_listed

if TYPE_CHECKING:
    from rmt_rank.paper.figures.figure import PaperFigure

__all__ = ["FIGURES", "find"]

# Name on the command line, and the module with its FIGURE, or "module:ATTRIBUTE".
FIGURES = {
    "init-pdf": "nonlinear.init_pdf",
    "convergence-pdf": "trained.convergence_pdf",
    "gram-matrices": "trained.gram_matrices",
    "optimizers": "trained.optimizers",
    "parameterization": "trained.parameterization",
    "dynamics": "trained.dynamics",
    "singular-values": "gaussian.singular_values",
    "reparameterization": "trained.reparameterization",
    "residual": "trained.trained_residual",
    "rank-measures": "trained.rank_measures",
    "least-squares-ablation": "trained.least_squares_ablation",
    "kernel-ablation": "trained.kernel_ablation",
    "layer-dynamics": "trained.layer_dynamics",
    "layer-overlay": "trained.layer_overlay",
    "landscape": "landscapes.landscape",
    "kernel-landscape": "landscapes.kernel_landscape",
    "kernel-vs-weight": "landscapes.kernel_vs_weight",
    # beyond the paper
    "depth-width-map": "finite_width.depth_width_map",
    "singular-values-log": "gaussian.singular_values:LOGARITHMIC",
    "nonlinear-init": "nonlinear.nonlinear_init",
    "residual-init": "free_products.residual_init",
    "phases": "nonlinear.phases",
}


def _import_matplotlib() -> None:
    """Import matplotlib regardless of MPLBACKEND.

    A process started from a notebook inherits the notebook's backend, and if that is not installed
    or not valid, matplotlib cannot be imported.  Nothing here needs a backend: figures are drawn
    and saved without pyplot, as PNG by Agg.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib as mpl
    except (OSError, ValueError) as error:
        # a matplotlibrc file that is not text, or a working folder that was removed
        raise ImportError(f"matplotlib cannot be imported: {error}") from error
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        # set the backend as matplotlib itself does, for users who show figures in this process
        with contextlib.suppress(ValueError):
            mpl.rcParams["backend"] = backend


_import_matplotlib()


def find(name: str) -> PaperFigure:
    """The figure of that name, or of that number in one of the revisions.

    Parameters
    ----------
    name : str
        As listed, such as "init-pdf", or a number: "fig4" or "4" in the second revision,
        "captions:fig3" in the list of captions.  Case does not count, and underscores are hyphens.

    Raises
    ------
    ValueError
        If there is none.
    """
    wanted = as_listed(name)
    if wanted.isdecimal():
        wanted = f"fig{wanted}"
    known = [*FIGURES]
    for each in [wanted] if wanted in FIGURES else FIGURES:
        module, _, attribute = FIGURES[each].partition(":")
        found: PaperFigure = getattr(
            importlib.import_module(f"rmt_rank.paper.figures.{module}"), attribute or "FIGURE"
        )
        if wanted in (each, *found.aliases):
            return found
        known += found.aliases
    listed = ", ".join(map(repr, FIGURES))
    raise ValueError(
        f"figure must be one of {listed}, a number (fig4, captions:fig3), or all on the command "
        f"line, got {shown(name)}{did_you_mean(wanted, known)}"
    )
