"""Meaning of a deficit against each null model, in one clause."""

from __future__ import annotations

__all__ = ["LEVEL", "meaning"]

# False discovery rate below which a matrix counts as different from chance in summaries.
LEVEL = 0.01

_MEANINGS = {
    "gaussian": "the rank is lower than that of independent Gaussian entries in this shape",
    "uniform": "the rank is lower than that of independent uniform entries in this shape",
    "truncated normal": "the rank is lower than that of Gaussian entries cut at two standard "
    "deviations",
    "orthogonal": "the singular values are not all equal",
    "shuffle": "the rank is lower than that of the same entries in random order, so that the "
    "arrangement of the entries lowers it and not their distribution alone",
    "norms": "the rank is lower than unequal norms of the rows and columns explain",
    "init": "the rank is lower than the layer's default initialisation gives",
    "checkpoint": "the rank is lower than that of the initial weights; the interval is as wide as "
    "that of a Gaussian initialisation",
    "network": "the rank is lower than that of a random network's features for Gaussian inputs",
    "factors": "the rank is lower than that of a product of Gaussian matrices of these shapes",
    "haar": "the singular vectors of the factors are aligned: the rank is lower than for "
    "independent rotations between the same factors",
}


def meaning(null: str) -> str:
    """Return what a deficit against a null model says, as a clause.

    Parameters
    ----------
    null : str
        A null model, or an initialisation by its name.

    Returns
    -------
    str
        A clause without a full stop.
    """
    return _MEANINGS.get(null) or f"the rank is lower than the initialisation {null} gives"
