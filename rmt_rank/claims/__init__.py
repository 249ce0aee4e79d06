"""The paper's claims as data: what is claimed, under which assumptions, and the checks.

A claim may use the fast road (`rmt_rank.theory`) and the exact one (`rmt_rank.exact`), to hold one
against the other.  `rmt_rank.verify` runs the checks and prints the evidence.
"""

from rmt_rank.claims import (
    closed_form,
    density,
    derivative,
    errata,
    every_measure,
    finite_width,
    singular_values,
)
from rmt_rank.claims import metrics as metrics_claims
from rmt_rank.claims.claim import Claim, Context, Evidence, Verdict, broken

__all__ = ["CLAIMS", "Claim", "Context", "Evidence", "Verdict", "broken", "select"]

CLAIMS: tuple[Claim, ...] = (
    density.CLAIM,
    closed_form.CLAIM,
    derivative.CLAIM,
    finite_width.CLAIM,
    every_measure.CLAIM,
    *errata.CLAIMS,
    singular_values.CLAIM,
    *metrics_claims.CLAIMS,
)


def select(names: list[str]) -> list[Claim]:
    """Claims that bear one of the names, or belong to a group of that name.

    Parameters
    ----------
    names : list of str
        Such as "theorem1", "theorem1.errata" or "theorem1.density".

    Returns
    -------
    list of Claim
        In the order of reports, each once.

    Raises
    ------
    ValueError
        If a name selects nothing; the message lists what there is.
    """
    chosen = {}
    for name in names:
        found = [c for c in CLAIMS if c.name == name or c.name.startswith(f"{name}.")]
        if not found:
            known = ", ".join(sorted({c.name.split(".")[0] for c in CLAIMS}))
            raise ValueError(
                f"unknown claim {name!r}; allowed: {known} and the names that --list shows"
            )
        chosen.update({claim.name: claim for claim in found})
    return [claim for claim in CLAIMS if claim.name in chosen]
