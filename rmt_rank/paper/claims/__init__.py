"""The paper's claims, and this package's own, as data: assumptions, status and the checks.

A claim may use the float64 implementation (`rmt_rank.theory`) and the arbitrary-precision reference
(`rmt_rank.exact`), to compare them.  `rmt_rank.verify` runs the checks and prints the evidence.
"""

from rmt_rank._lib.names import did_you_mean
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, Verdict, broken
from rmt_rank.paper.claims.finite_width import (
    any_matrix,
    corrections,
    deep_products,
    fixed_spectrum,
    fluctuations,
    gram_powers,
    independent_entries,
    order_one,
    powers,
    superharmonic,
    width_two,
)
from rmt_rank.paper.claims.finite_width import random_products as finite_width
from rmt_rank.paper.claims.free_products import effective_depth
from rmt_rank.paper.claims.free_products import residual_networks as residual
from rmt_rank.paper.claims.gaussian import (
    asymptotics,
    closed_form,
    coupling,
    definitions,
    density,
    derivative,
    errata_definitions,
    errata_theorem1,
    every_measure,
    limit_measures,
    singular_values,
    threshold_turn,
)
from rmt_rank.paper.claims.nonlinear import conjugate_kernel, nonlinear_init
from rmt_rank.paper.claims.rectangular import unequal_widths as rectangular
from rmt_rank.paper.claims.residual_limit import weak_layers as residual_limit
from rmt_rank.paper.claims.trained import appendix_h, convergence, learning_dynamics

__all__ = ["CLAIMS", "Claim", "Context", "Evidence", "Verdict", "broken", "groups", "select"]

CLAIMS: tuple[Claim, ...] = (
    density.CLAIM,
    closed_form.CLAIM,
    *asymptotics.CLAIMS,
    derivative.CLAIM,
    finite_width.CLAIM,
    every_measure.CLAIM,
    coupling.CLAIM,
    *errata_theorem1.CLAIMS,
    *limit_measures.CLAIMS,
    threshold_turn.CLAIM,
    rectangular.CLAIM,
    *corrections.CLAIMS,
    *order_one.CLAIMS,
    *fluctuations.CLAIMS,
    *any_matrix.CLAIMS,
    *gram_powers.CLAIMS,
    *fixed_spectrum.CLAIMS,
    *width_two.CLAIMS,
    *superharmonic.CLAIMS,
    independent_entries.CLAIM,
    *powers.CLAIMS,
    *deep_products.CLAIMS,
    *nonlinear_init.CLAIMS,
    *conjugate_kernel.CLAIMS,
    *convergence.CLAIMS,
    *residual.CLAIMS,
    effective_depth.CLAIM,
    *residual_limit.CLAIMS,
    singular_values.CLAIM,
    *definitions.CLAIMS,
    *errata_definitions.CLAIMS,
    *appendix_h.CLAIMS,
    *learning_dynamics.CLAIMS,
)


def groups() -> list[str]:
    """Names that stand for several claims: "all", first parts of names, and "errata"."""
    return ["all", *dict.fromkeys(part for c in CLAIMS for part in c.name.split(".")[:-1])]


def select(names: list[str]) -> list[Claim]:
    """Claims with one of the given names, or in a group of that name.

    Parameters
    ----------
    names : list of str
        Such as "all", "theorem1", "errata", "theorem1.errata" or "theorem1.density".

    Returns
    -------
    list of Claim
        In the order of reports, each once.

    Raises
    ------
    ValueError
        If a name selects nothing; the message lists what there is.

    Examples
    --------
    >>> from rmt_rank.paper.claims import select
    >>> [claim.name for claim in select(["metrics"])][:2]
    ['metrics.definitions', 'metrics.identities']
    """
    chosen = set()
    for name in names:
        found = {
            c.name
            for c in CLAIMS
            # whole parts of the name: "errata" is in "theorem1.errata.equation-8"
            if name == "all" or f".{name}." in f".{c.name}."
        }
        if not found:
            raise ValueError(
                f"unknown claim {name!r}; allowed: {', '.join(groups())} and the names that "
                f"--list shows{did_you_mean(name, [*groups(), *(c.name for c in CLAIMS)])}"
            )
        chosen |= found
    return [claim for claim in CLAIMS if claim.name in chosen]
