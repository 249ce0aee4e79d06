"""Null models: how large the effective rank of a random matrix is, and how it varies.

A null model answers "compared with what?".  Those of a single matrix of independent entries have
formulas: mean and standard deviation of the effective rank for Gaussian entries from the theory at
finite width, and the shifts by the distribution and mean of the entries from `theory.rectangular`.
They are used where the smaller side is at least 32 and the entries have no heavy tails; otherwise
matrices are drawn.

- gaussian: independent Gaussian entries of any variance.
- uniform: independent uniform entries of mean 0.
- truncated normal: Gaussian entries, drawn again beyond two standard deviations.
- orthogonal: all singular values are equal.
- shuffle: the matrix's own entries in random order.
- norms: Gaussian entries, with rows and columns multiplied so that they have the matrix's norms.

The effective rank does not depend on the scale, so that initialisations which differ only in their
variance (Kaiming, Xavier, LeCun, PyTorch's default) are the same null model.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import choice
from rmt_rank.metrics import spectrum
from rmt_rank.simulation.means.expected import expected_effective_rank
from rmt_rank.theory.rectangular.given_entries import given_entries
from rmt_rank.theory.rectangular.one_layer import EntryStatistics, entry_statistics

__all__ = ["ALIASES", "NULLS", "Null", "entropies", "null_of", "resolve"]

Array = npt.NDArray[np.float64]

NULLS = ("gaussian", "uniform", "truncated normal", "orthogonal", "shuffle", "norms")
# Initialisations by the names that libraries use.
ALIASES = {
    "kaiming_normal": "gaussian",
    "xavier_normal": "gaussian",
    "he_normal": "truncated normal",
    "glorot_normal": "truncated normal",
    "lecun_normal": "truncated normal",
    "kaiming_uniform": "uniform",
    "xavier_uniform": "uniform",
    "he_uniform": "uniform",
    "glorot_uniform": "uniform",
    "lecun_uniform": "uniform",
    "pytorch": "uniform",
    "truncated_normal": "truncated normal",
    "permutation": "shuffle",
}
# Excess kurtosis of the entries that are given by their distribution; a normal variable cut at two
# standard deviations has mean squares 1 - 4 phi(2)/P and mean fourth powers 3 - 28 phi(2)/P.
_CUT = 2 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))
_KURTOSIS = {
    "gaussian": 0.0,
    "uniform": -1.2,
    "truncated normal": (3 - 14 * _CUT) / (1 - 2 * _CUT) ** 2 - 3,
}
# The formulas are used from this side on, and while kurtosis^2/side, which measures what they leave
# out, is at most 0.5.
SMALLEST_SIDE, MOST_KURTOSIS = 32, 0.5
# Number of draws below the smallest side; above it, as many as this number of operations allows.
_DRAWS, _FEWEST, _MOST, _WORK = 4096, 8, 16, 10**8
# Entries that are drawn at once.
_BATCH = 2**20
# Eigenvalues of X X^H are rounded at some 1e-15 of the largest; below this share of it, singular
# values have few digits, or none.
_LOST = 1e-12
# Steps of Sinkhorn's iteration at least and at most, and the relative error of squared norms, far
# below what moves a rank by its sampling error.  Small matrices may take hundreds of steps.
_FEWEST_STEPS, _MOST_STEPS, _NORM_ERROR = 30, 10**4, 1e-4
# Seed of draws that depend on a shape only, and are kept.
_SEED = 20260101


@dataclass(frozen=True)
class Null:
    """The effective rank under a null model.

    Attributes
    ----------
    name : str
        The null model.
    mean, standard_deviation : float
        Mean and standard deviation of the effective rank, an entropy in nats.
    error : float
        Error of the mean: a standard error where matrices were drawn, and the size of the terms
        that are left out of a formula.
    draws : ndarray of float or None
        Sorted effective ranks of the matrices that were drawn; None for a formula.
    exact : bool
        Whether the draws are from the null distribution of this shape, so that they give
        probabilities without a normal approximation.
    """

    name: str
    mean: float
    standard_deviation: float
    error: float
    draws: Array | None = None
    exact: bool = False

    @property
    def method(self) -> str:
        """The way in which mean and standard deviation were found."""
        return "formula" if self.draws is None else f"{self.draws.size} draws"


def resolve(name: str) -> str:
    """Return the null model's own name; ValueError with the nearest one if there is none."""
    if isinstance(name, str) and name in ALIASES:
        return ALIASES[name]
    if name not in NULLS:
        choice("nulls", name, (*NULLS, *ALIASES))
    return name


def entropies(matrices: npt.NDArray[np.inexact]) -> Array:
    """Effective ranks of matrices (..., p, n), p <= n, from the eigenvalues of X X^H.

    Matrices that are so nearly of lower rank that this loses digits are decomposed themselves.
    """
    values = np.linalg.eigvalsh(matrices @ matrices.conj().swapaxes(-1, -2))
    sigma = np.sqrt(np.maximum(values, 0))
    lost = values[..., 0] < _LOST * values[..., -1]
    if lost.any():
        sigma[lost] = np.linalg.svd(matrices[lost], compute_uv=False)
    return np.asarray(spectrum.effective_rank(sigma))


def null_of(
    name: str, matrix: npt.NDArray[np.inexact], stream: np.random.Generator, draws: int | None
) -> Null:
    """Return the null model of a matrix.

    Parameters
    ----------
    name : str
        One of `NULLS`.
    matrix : ndarray, shape (p, n), 2 <= p <= n
        Finite, not zero.
    stream : Generator
        For the null models that depend on the matrix.
    draws : int or None
        How many matrices are drawn; None chooses, and prefers formulas.

    Returns
    -------
    Null
    """
    if name == "orthogonal":
        return Null(name, math.log(matrix.shape[0]), 0.0, 0.0)
    if name in _KURTOSIS:
        return _of_shape(name, matrix.shape, np.iscomplexobj(matrix), draws)
    if name == "shuffle":
        return _shuffled(matrix, stream, draws)
    return _norms(matrix, stream, draws)


@functools.lru_cache(maxsize=4096)
def _of_shape(name: str, shape: tuple[int, int], is_complex: bool, draws: int | None) -> Null:
    field = "complex" if is_complex else "real"
    if draws is None and shape[0] >= SMALLEST_SIDE:
        return _formula(name, shape, field, _KURTOSIS[name])
    rng = np.random.default_rng([_SEED, *shape, is_complex, NULLS.index(name)])

    def draw(count: int) -> npt.NDArray[np.inexact]:
        size = (count, *shape)
        if not is_complex:
            return _entries(name, rng, size)
        return np.asarray(_entries(name, rng, size) + 1j * _entries(name, rng, size))

    return _drawn(name, draw, shape, draws or _DRAWS, exact=True)


def _entries(name: str, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    if name == "uniform":
        return rng.uniform(-1, 1, size)
    x = rng.standard_normal(size)
    if name == "truncated normal":
        while (far := np.abs(x) > 2).any():
            x[far] = rng.standard_normal(np.count_nonzero(far))
    return x


@functools.lru_cache(maxsize=4096)
def _gaussian(shape: tuple[int, int], field: str) -> tuple[EntryStatistics, float, float]:
    # a target that every formula meets: nothing is simulated from the smallest side on
    mean = expected_effective_rank(shape, field=field, target_error=1)
    return entry_statistics(shape, field=field), float(mean.value), float(mean.error)


def _formula(name: str, shape: tuple[int, int], field: str, kurtosis: float) -> Null:
    found, expected, error = _gaussian(shape, field)
    deviation = found.standard_deviation
    error = math.hypot(_left_out(kurtosis, shape[0]) * deviation, error)
    return Null(name, expected + kurtosis * found.kurtosis_slope, deviation, error)


def _left_out(kurtosis: float, side: int) -> float:
    """Size of the terms that the formulas leave out, in standard deviations."""
    return 0.5 * kurtosis**2 / side


def _shuffled(
    matrix: npt.NDArray[np.inexact], stream: np.random.Generator, draws: int | None
) -> Null:
    p, n = matrix.shape
    if draws is None and p >= SMALLEST_SIDE and not np.iscomplexobj(matrix):
        entries = np.asarray(matrix, dtype=np.float64).ravel()
        mean = float(entries.mean())
        squares = (entries - mean) ** 2
        variance = float(squares.mean())
        if variance > 0:
            kurtosis = float(squares @ squares) / squares.size / variance**2 - 3
            strength = mean**2 * math.sqrt(p * n) / variance
            if kurtosis**2 / p <= MOST_KURTOSIS and strength <= 1:
                found, expected, error = _gaussian((p, n), "real")
                shift, deviation = given_entries(entries, (p, n))
                error = math.hypot(_left_out(kurtosis, p) * deviation, error)
                mean = expected + shift + found.rank_one_shift(strength)
                return Null("shuffle", mean, deviation, error)

    def draw(count: int) -> npt.NDArray[np.inexact]:
        # one row at a time, which stays in the processor's cache
        rows = [stream.permutation(matrix.ravel()) for _ in range(count)]
        return np.reshape(rows, (count, p, n))

    return _drawn("shuffle", draw, (p, n), draws)


def _norms(matrix: npt.NDArray[np.inexact], stream: np.random.Generator, draws: int | None) -> Null:
    squares = np.abs(matrix) ** 2
    rows, columns = squares.sum(axis=1), squares.sum(axis=0)
    p, n = matrix.shape

    def draw(count: int) -> npt.NDArray[np.inexact]:
        size = (count, p, n)
        g = stream.standard_normal(size)
        if np.iscomplexobj(matrix):
            g = g + 1j * stream.standard_normal(size)
        return _with_norms(g, rows, columns)

    return _drawn("norms", draw, (p, n), draws)


def _with_norms(g: npt.NDArray[np.inexact], rows: Array, columns: Array) -> npt.NDArray[np.inexact]:
    """Multiply rows and columns so that their sums of squares are these (Sinkhorn's iteration)."""
    squares = np.abs(g) ** 2
    down, across = np.zeros(g.shape[:-1]), np.ones((*g.shape[:-2], g.shape[-1]))
    for step in range(_MOST_STEPS):
        sums = np.einsum("...ij,...j->...i", squares, across)
        if step >= _FEWEST_STEPS and np.all(np.abs(sums * down - rows) <= _NORM_ERROR * rows):
            return np.asarray(np.sqrt(down)[..., None] * g * np.sqrt(across)[..., None, :])
        down = np.divide(rows, sums, out=np.zeros_like(sums), where=sums > 0)
        sums = np.einsum("...ij,...i->...j", squares, down)
        across = np.divide(columns, sums, out=np.zeros_like(sums), where=sums > 0)
    raise ArithmeticError(
        f"Sinkhorn's iteration did not give rows and columns their norms in {_MOST_STEPS} steps"
    )


def _drawn(
    name: str,
    draw: Callable[[int], npt.NDArray[np.inexact]],
    shape: tuple[int, int],
    draws: int | None,
    *,
    exact: bool = False,
) -> Null:
    p, n = shape
    count = draws or max(_FEWEST, min(_MOST, _WORK // (p * p * n)))
    found: list[Array] = []
    done = 0
    while done < count:
        batch = min(count - done, max(1, _BATCH // (p * n)))
        found.append(entropies(draw(batch)))
        done += batch
    ranks = np.sort(np.concatenate(found))
    deviation = float(ranks.std(ddof=1))
    return Null(name, float(ranks.mean()), deviation, deviation / math.sqrt(count), ranks, exact)
