"""Products of layers: their singular values, their null models, and the products of a network.

Two numbers answer why the effective rank S of a product is low.  With S_0 the mean of a product of
the factors' null models, and S_1 the mean when the factors keep their singular values and their
singular vectors are independent and uniform (Haar),

    S_0 - S = (S_0 - S_1) + (S_1 - S):

the first part says that the factors are low-rank, and the second that they are aligned.

A product is not formed when its smallest width is below its sides: from both ends, matrices are
replaced by the triangles of their QR decompositions, which keep the singular values.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import LARGEST_INTEGER, integer, sequence
from rmt_rank.inspection.compare import Comparison, compare
from rmt_rank.inspection.matrices import scaled
from rmt_rank.inspection.nulls import Null, _entries, _with_norms, entropies, resolve
from rmt_rank.metrics import spectrum
from rmt_rank.simulation.means.expected import expected_effective_rank
from rmt_rank.simulation.products.sampling import sample_singular_values

__all__ = ["ProductRank", "compare_product", "product_singular_values"]

Array = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.inexact]

# Draws of a product: as many as this number of operations allows.
_FEWEST, _MOST, _WORK = 16, 128, 2 * 10**9
_SEED = 20260102


@dataclass(frozen=True)
class ProductRank:
    """Effective rank of a product of matrices, compared with null models.

    Attributes
    ----------
    widths : tuple of int
        Rows of the first factor, then the columns of each.
    singular_values : ndarray of float, shape (min(widths),)
        Descending; all others are 0 by the shapes.
    effective_rank : float
        In nats.
    comparisons : tuple of Comparison
        With the null models, and last with "haar".
    factors_deficit, alignment_deficit : float
        Parts of the deficit against the first null model, in nats: of the factors' singular
        values, and of the alignment of their singular vectors.
    """

    widths: tuple[int, ...]
    singular_values: Array
    effective_rank: float
    comparisons: tuple[Comparison, ...]
    factors_deficit: float
    alignment_deficit: float


def product_singular_values(factors: Sequence[Matrix]) -> Array:
    """Singular values of factors[0] @ factors[1] @ ..., as many as the smallest width.

    Parameters
    ----------
    factors : sequence of ndarray, shapes (n_0, n_1), (n_1, n_2), ...
        Finite, real or complex.

    Returns
    -------
    ndarray of float, shape (min(n_0, n_1, ...),)
        Descending, with errors of rounding times the product of the factors' norms.

    Raises
    ------
    TypeError, ValueError
        If the factors are not such matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.inspection.products import product_singular_values
    >>> tall = np.eye(1000, 2)
    >>> product_singular_values([tall, 3 * tall.T])
    array([3., 3.])
    """
    matrices, exponent = _factors(factors)
    widths = _widths(matrices)
    middle = int(np.argmin(widths))
    # the triangles of the part before the smallest width and of the part behind it, transposed
    before = _triangle(matrices[:middle])
    behind = _triangle([each.T for each in matrices[middle:][::-1]])
    if before is not None and behind is not None:
        values = _sigma(before @ behind.T)
    else:
        values = _sigma(np.asarray(behind if before is None else before))
    return _times(values, exponent)


def _times(values: Array, exponent: int) -> Array:
    with np.errstate(over="ignore"):
        return np.ldexp(values, exponent)


def _sigma(matrix: Matrix) -> Array:
    return np.asarray(np.linalg.svd(matrix, compute_uv=False), dtype=np.float64)


def _triangle(matrices: Sequence[Matrix]) -> Matrix | None:
    """R with the singular values and the row space of the product, of at most as many rows."""
    R: Matrix | None = None
    for each in matrices:
        R = each if R is None else R @ each
        if R.shape[0] > R.shape[1]:
            R = np.asarray(np.linalg.qr(R, mode="r"))
    return R


def _factors(factors: Sequence[Matrix]) -> tuple[list[Matrix], int]:
    """Factors of one type, over powers of two, and the exponent of their product."""
    given = [np.asarray(each) for each in sequence("factors", factors, "matrices", at_least=2)]
    for each in given:
        if each.ndim != 2 or min(each.shape) < 2 or not np.issubdtype(each.dtype, np.inexact):
            raise ValueError(
                "factors must be matrices of floats with sides of at least 2, got one of shape "
                f"{each.shape} and type {each.dtype}"
            )
        if not np.isfinite(each).all():
            raise ValueError("factors must be finite, got inf or nan")
    for left, right in itertools.pairwise(given):
        if left.shape[1] != right.shape[0]:
            raise ValueError(
                f"factors must have matching sides, got shapes {left.shape} and {right.shape}"
            )
    kind = np.complex128 if any(np.iscomplexobj(each) for each in given) else np.float64
    pairs = [scaled(each.astype(kind)) for each in given]
    return [matrix for matrix, _ in pairs], sum(exponent for _, exponent in pairs)


def _widths(matrices: Sequence[Matrix]) -> tuple[int, ...]:
    return (matrices[0].shape[0], *(each.shape[1] for each in matrices))


def _entropy(sigma: Array) -> float:
    return float(spectrum.effective_rank(sigma))


def compare_product(
    factors: Sequence[Matrix],
    *,
    nulls: Sequence[str] = ("gaussian", "shuffle"),
    draws: int | None = None,
    rng: RNG = None,
) -> ProductRank:
    """Compare the effective rank of a product with null models.

    Parameters
    ----------
    factors : sequence of ndarray, shapes (n_0, n_1), (n_1, n_2), ...
        The product is factors[0] @ factors[1] @ ....
    nulls : sequence of str, default ("gaussian", "shuffle")
        Null models of every factor, by the names of those of a single matrix.
    draws : int, optional
        Number of products that are drawn for each null model; 16 to 128 by default.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness.

    Returns
    -------
    ProductRank

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, or the product is 0.

    Notes
    -----
    Draws of "gaussian" depend on the widths only and are kept.  Its mean is that of
    `rmt_rank.expected_effective_rank` where the error of that is smaller.

    Examples
    --------
    Factors with independent vectors and low rank, and factors of full rank that are aligned:

    >>> import numpy as np
    >>> from rmt_rank.inspection.products import compare_product
    >>> rng = np.random.default_rng(1)
    >>> g = rng.standard_normal((3, 40, 40))
    >>> low = [g[0][:, :20] @ g[1][:20], g[2]]
    >>> found = compare_product(low, nulls=["gaussian"], rng=1)
    >>> print(f"{found.factors_deficit:.2f} {found.alignment_deficit:.2f}")
    0.51 0.00
    >>> found = compare_product([g[0], g[0].T], nulls=["gaussian"], rng=1)
    >>> print(f"{found.factors_deficit:.2f} {found.alignment_deficit:.2f}")
    0.00 0.10
    """
    names = [resolve(each) for each in sequence("nulls", nulls, "names", at_least=1)]
    matrices, exponent = _factors(factors)
    widths = _widths(matrices)
    values = product_singular_values(matrices)
    if not values.any():
        raise ValueError("factors must have a product that is not 0")
    if draws is None:
        work = sum(a * b * min(widths) for a, b in itertools.pairwise(widths))
        draws = max(_FEWEST, min(_MOST, _WORK // (10 * work)))
    else:
        draws = integer("draws", draws, at_least=2, at_most=LARGEST_INTEGER)
    stream = next(streams(rng))
    is_complex = np.iscomplexobj(matrices[0])
    models = []
    for name in names:
        if name == "gaussian":
            models.append(_gaussian(widths, is_complex, draws))
        else:
            models.append(
                _drawn(name, functools.partial(_factors_rank, name, matrices, stream), draws)
            )
    spectra = [_sigma(each) for each in matrices]
    haar = functools.partial(_haar_rank, spectra, widths, is_complex, stream)
    models.append(_drawn("haar", haar, draws))
    rank = _entropy(values)
    comparisons = tuple(compare(rank, each) for each in models)
    factors_part = models[0].mean - models[-1].mean
    alignment_part = models[-1].mean - rank
    sizes = _times(values, exponent)
    return ProductRank(widths, sizes, rank, comparisons, factors_part, alignment_part)


@functools.lru_cache(maxsize=1024)
def _gaussian(widths: tuple[int, ...], is_complex: bool, draws: int) -> Null:
    field = "complex" if is_complex else "real"
    sigma = sample_singular_values(widths, size=draws, field=field, rng=_SEED)
    found = _of_draws("gaussian", [_entropy(each) for each in sigma])
    # a target that every formula meets, so that nothing else is simulated
    formula = expected_effective_rank(widths, field=field, target_error=1)
    if float(formula.error) >= found.error:
        return found
    return dataclasses.replace(found, mean=float(formula.value), error=float(formula.error))


def _drawn(name: str, draw: Callable[[], float], draws: int) -> Null:
    return _of_draws(name, [draw() for _ in range(draws)])


def _of_draws(name: str, ranks: Sequence[float]) -> Null:
    deviation = float(np.std(ranks, ddof=1))
    mean, error = float(np.mean(ranks)), deviation / math.sqrt(len(ranks))
    return Null(name, mean, deviation, error, np.sort(ranks))


def _factors_rank(name: str, matrices: Sequence[Matrix], stream: np.random.Generator) -> float:
    """Effective rank of a product of drawn factors."""
    return _entropy(product_singular_values([_draw(name, each, stream) for each in matrices]))


def _draw(name: str, matrix: Matrix, stream: np.random.Generator) -> Matrix:
    """One factor under its null model."""
    if name == "shuffle":
        return stream.permutation(matrix.ravel()).reshape(matrix.shape)
    is_complex = np.iscomplexobj(matrix)
    if name == "orthogonal":
        rows, columns = matrix.shape
        flat = _frame(max(rows, columns), min(rows, columns), is_complex, stream)
        return flat if rows >= columns else flat.T
    entries = "gaussian" if name == "norms" else name
    g: Matrix = _entries(entries, stream, matrix.shape)
    if is_complex:
        g = g + 1j * _entries(entries, stream, matrix.shape)
    if name == "norms":
        squares = np.abs(matrix) ** 2
        g = _with_norms(g, squares.sum(axis=1), squares.sum(axis=0))
    return g


def _frame(rows: int, columns: int, is_complex: bool, stream: np.random.Generator) -> Matrix:
    """The first columns of a Haar matrix; Q R = G with a positive diagonal of R."""
    g: Matrix = stream.standard_normal((rows, columns))
    if is_complex:
        g = g + 1j * stream.standard_normal((rows, columns))
    Q, R = np.linalg.qr(g)
    diagonal = np.diagonal(R)
    return np.asarray(Q * (diagonal / np.abs(diagonal)))


def _haar_rank(
    spectra: Sequence[Array],
    widths: tuple[int, ...],
    is_complex: bool,
    stream: np.random.Generator,
) -> float:
    """Effective rank of D_0 H_1 D_1 ... with Haar matrices between the singular values."""
    product: Matrix = np.diag(spectra[0])
    for width, left, right in zip(widths[1:], spectra, spectra[1:], strict=False):
        corner = _frame(width, right.size, is_complex, stream)[: left.size]
        product = product @ corner * right
    rows, columns = product.shape
    return float(entropies(product if rows <= columns else product.T))
