"""Blocks in Gram matrices: hierarchical clustering, and the share of the matrix it explains."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy

__all__ = ["agreement", "block_share", "clustered", "clusters"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]


def _distances(gram: npt.ArrayLike) -> Array:
    """Distances of all pairs in a cosine Gram matrix; rounding may take the cosine above 1."""
    distance = np.clip(1 - np.asarray(gram, dtype=np.float64), 0, None)
    return np.asarray(scipy.spatial.distance.squareform(distance, checks=False))


def clusters(gram: npt.ArrayLike, count: int) -> Labels:
    """Average linkage of the distance 1 - cosine, cut into at most `count` clusters, from 0.

    Parameters
    ----------
    gram : array_like, shape (samples, samples)
        Cosine Gram matrix of at least two samples.
    count : int
        Largest number of clusters.
    """
    found = scipy.cluster.hierarchy.fcluster(
        scipy.cluster.hierarchy.average(_distances(gram)), count, criterion="maxclust"
    )
    return np.asarray(found - 1, dtype=np.intp)


def clustered(gram: npt.ArrayLike) -> Array:
    """A cosine Gram matrix in the order of the tree's leaves, neighbours as near as it allows.

    Parameters
    ----------
    gram : array_like, shape (samples, samples)
        Gram matrix of at least two samples.

    References
    ----------
    .. [1] Z. Bar-Joseph, D. K. Gifford, T. S. Jaakkola, "Fast optimal leaf ordering for
       hierarchical clustering", doi:10.1093/bioinformatics/17.suppl_1.S22.
    """
    distances = _distances(gram)
    tree = scipy.cluster.hierarchy.optimal_leaf_ordering(
        scipy.cluster.hierarchy.average(distances), distances
    )
    order = scipy.cluster.hierarchy.leaves_list(tree)
    return np.asarray(gram, dtype=np.float64)[np.ix_(order, order)]


def block_share(gram: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Share of the variance of entries off the diagonal that the means of blocks explain.

    Parameters
    ----------
    gram : array_like, shape (samples, samples)
        Symmetric.
    groups : array_like of int, shape (samples,)
        What group a sample is of, from 0; a block is a pair of groups.

    Returns
    -------
    float
        1 if entries are the same within each block; nan if they are all the same.
    """
    k, g = np.array(gram, dtype=np.float64), np.asarray(groups)
    member = np.eye(int(g.max()) + 1)[g]
    np.fill_diagonal(k, 0)
    sizes = member.sum(axis=0)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    sums = member.T @ k @ member
    count = len(g) * (len(g) - 1)
    level = k.sum() ** 2 / count
    between = np.sum(sums**2 / np.where(pairs > 0, pairs, 1)) - level
    total = np.sum(k**2) - level
    return float(between / total) if total > 0 else math.nan


def agreement(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Adjusted Rand index of two groupings: 1 if they are the same, 0 on average by chance.

    References
    ----------
    .. [1] L. Hubert, P. Arabie, "Comparing partitions", doi:10.1007/BF01908075.
    """
    a, b = np.asarray(first), np.asarray(second)
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)
    together, rows, columns = (
        float(np.sum(n * (n - 1) / 2)) for n in (table, table.sum(axis=1), table.sum(axis=0))
    )
    chance = rows * columns / (len(a) * (len(a) - 1) / 2)
    most = (rows + columns) / 2
    return (together - chance) / (most - chance) if most != chance else 1.0
