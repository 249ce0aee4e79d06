"""Compare the rank of every matrix of a model with chance."""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.reasons import reason
from rmt_rank._lib.validation import boolean, integer, sequence, shown, string
from rmt_rank.inspection import location
from rmt_rank.inspection.chains import Named, attention_products
from rmt_rank.inspection.compare import Comparison, compare
from rmt_rank.inspection.matrices import NamedMatrix, matrices, scaled
from rmt_rank.inspection.model_products import (
    find_products,
    product_reports,
    require_products,
)
from rmt_rank.inspection.nulls import null_of, resolve
from rmt_rank.inspection.result import Inspection, MatrixReport
from rmt_rank.inspection.tensor import Skipped, Tensor
from rmt_rank.inspection.tensors import tensors
from rmt_rank.metrics import spectrum

__all__ = ["inspect"]

# Null models that depend on more than the matrix.
_INIT, _CHECKPOINT = "init", "checkpoint"
# Smallest squared singular value, over the largest, that is found as an eigenvalue.
_SMALLEST_SQUARE = 1e-10
# Smallest side of a matrix whose deficit is located.
_SMALLEST_LOCATED = 4
# Initialisations of PyTorch's classes, by the law of their entries.
_LAWS = {"uniform": "uniform", "normal": "gaussian", "orthogonal": "orthogonal"}
_NO_CLASS = (
    "the source, such as a state dict, does not state the layer's class, or the class has no known "
    "initialisation"
)


def inspect(
    source: Any,
    *,
    nulls: Sequence[str] = ("gaussian", "shuffle"),
    initial: Any = None,
    embeddings: bool = False,
    groups: Mapping[str, int] | None = None,
    select: Callable[[str], bool] | None = None,
    draws: int | None = None,
    locate: bool = True,
    products: bool | Sequence[Sequence[str]] = False,
    heads: int | None = None,
    kv_heads: int | None = None,
    rng: RNG = 0,
    progress: Callable[[str, float], None] | None = None,
) -> Inspection:
    """Compare the effective rank of every matrix of a model with null models.

    Parameters
    ----------
    source : path, PyTorch module, mapping of arrays, array, or list of these
        A file (.safetensors, .pt, .pth, .bin, .npz, .npy, .onnx, .h5, .keras, .gguf), a folder such
        as that of a Hugging Face model, a module, or arrays by name.  A list holds checkpoints of
        one model, in order; then the change of each matrix since the first is inspected, too.
    nulls : sequence of str, default ("gaussian", "shuffle")
        What the ranks are compared with.  "gaussian": a Gaussian matrix of that shape.  "shuffle":
        the same entries in random order.  "norms": a Gaussian matrix with the same norms of rows
        and columns.  "uniform", "truncated normal", "orthogonal", or an initialisation by its name,
        such as "kaiming_uniform".  "init": the default initialisation of the layer's class, where
        the source states it.  "checkpoint": the weights of `initial`.
    initial : path, module or mapping, optional
        The model's initial weights; "checkpoint" is then added to the null models.
    embeddings : bool, default False
        Inspect embedding tables, too.
    groups : mapping of str to int, optional
        Numbers of groups of convolutions by the name of the tensor, where the source does not
        state them.
    select : callable, optional
        Takes the name of a matrix and returns whether to inspect it.
    draws : int, optional
        Number of random matrices for each null model, at least 8.  By default formulas are used
        where they hold, and as many draws as are cheap elsewhere.
    locate : bool, default True
        Whether to say where each deficit sits: in spikes beyond the bulk of the spectrum, in the
        bulk, in a heavy tail, or none.  Sides below 4 have no answer.
    products : bool or sequence of sequences of str, default False
        True: compare products of layers, too, consecutive dense layers of a block and, with
        `heads`, the products of queries and keys and of values and outputs.  Or lists of names of
        matrices in the sequence in which they are multiplied: the last acts first.  A product has
        one more null model, "haar": its factors with their singular values, independently rotated;
        a deficit against it comes from the alignment of the factors alone.
    heads, kv_heads : int, optional
        Number of attention heads, and of those of keys and values if that is smaller.
    rng : {int, None, SeedSequence, BitGenerator, Generator}, default 0
        Source of randomness of the null models that are drawn.
    progress : callable, optional
        Called with the name of a matrix and the share of the work before it, from 0 to 1.

    Returns
    -------
    Inspection
        A row for each matrix and null model, and what was skipped.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Notes
    -----
    The deficit, in nats, is the mean effective rank under the null model less that of the matrix:
    positive where the rank is lower than chance.  Trained layers differ from chance nearly always,
    so that the deficit says more than p.  A deficit against "gaussian" but not against "shuffle"
    comes from the distribution of the entries alone, one against both from their arrangement.
    Intervals hold 95 % of the null model's matrices; p is two-sided; q is the false discovery rate
    of Benjamini and Hochberg over all matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank import inspect
    >>> rng = np.random.default_rng(0)
    >>> noise, signal = rng.normal(size=(2, 64, 192))
    >>> signal[:, :8] *= 10
    >>> for row in inspect({"noise": noise, "signal": signal}).rows():
    ...     print(row["name"], row["null"], round(row["deficit"], 3), row["q"] < 0.01)
    noise gaussian -0.002 False
    noise shuffle -0.002 False
    signal gaussian 0.36 True
    signal shuffle 0.329 True
    """
    names = _names(nulls, initial)
    count = None if draws is None else integer("draws", draws, at_least=8, at_most=10**6)
    for argument, value in (("select", select), ("progress", progress)):
        if value is not None and not callable(value):
            raise TypeError(f"{argument} must be callable, got {shown(value)}")
    of_groups = _groups(groups)
    with_embeddings, located = boolean("embeddings", embeddings), boolean("locate", locate)
    random = streams(rng)

    def read(each: Any, name: str = "source") -> Iterator[tuple[NamedMatrix | Skipped, float]]:
        known = list(tensors(each, name))
        before = _shares(known)
        for found in matrices(known, embeddings=with_embeddings, groups=of_groups):
            if isinstance(found, Skipped):
                yield found, 0.0
            elif select is None or select(found.name):
                yield found, before[found.tensor]

    asked = require_products(products)
    if heads is not None:
        attention_products([], heads, kv_heads=kv_heads)
    elif kv_heads is not None:
        raise ValueError(f"kv_heads needs heads=, got kv_heads={shown(kv_heads)}")
    usable = [name for name in names if name not in (_INIT, _CHECKPOINT)]
    several = isinstance(source, list | tuple)
    sources = list(source) if several else [source]
    if not sources:
        raise ValueError("source must not be an empty list")
    first: dict[str, npt.NDArray[Any]] = {}
    earliest: dict[str, npt.NDArray[Any]] = {}
    reports: list[MatrixReport] = []
    skipped: list[Skipped] = []
    for found, _ in read(initial, "initial") if initial is not None else ():
        if isinstance(found, NamedMatrix):
            first[found.name] = found.matrix
        elif found.error:
            skipped.append(found)
    for step, each in enumerate(sources):
        known: list[Named] = []
        for found, share in read(each):
            stream = next(random)
            if isinstance(found, Skipped):
                skipped.append(found)
                continue
            if why := _why_not(found.matrix):
                skipped.append(Skipped(found.name, *why))
                continue
            if progress is not None:
                progress(found.name, (step + share) / len(sources))
            before = earliest.get(found.name)
            try:
                report = _report(found, names, count, stream, first.get(found.name), located)
                reports.append(replace(report, step=step))
                if before is not None:
                    change = _change(found, before, names, count, stream, located)
                    if change is not None:
                        reports.append(replace(change, step=step))
            except (MemoryError, ArithmeticError, ValueError) as error:
                # a decomposition that fails costs no other matrix
                skipped.append(Skipped(found.name, reason(error), error=True))
                continue
            known.append(Named(found.name, found.kind, _shape(found.matrix)))
            if several and step == 0 and len(sources) > 1:
                earliest[found.name] = found.matrix
        chains = find_products(asked, known, heads, kv_heads)
        again = functools.partial(_only_matrices, read, each)
        for product in product_reports(chains, again, usable or ["gaussian"], count, next(random)):
            if isinstance(product, Skipped):
                skipped.append(product)
            else:
                reports.append(replace(product, step=step))
    everything = dict.fromkeys(row.null for report in reports for row in report.comparisons)
    shown_nulls = tuple(dict.fromkeys([*names, *everything]))
    return Inspection(tuple(reports), tuple(skipped), shown_nulls, _labels(sources))


def _only_matrices(
    read: Callable[[Any], Iterator[tuple[NamedMatrix | Skipped, float]]], source: Any
) -> Iterator[NamedMatrix]:
    for found, _ in read(source):
        if isinstance(found, NamedMatrix) and _why_not(found.matrix) is None:
            yield found


def _shape(matrix: npt.NDArray[Any]) -> tuple[int, int]:
    rows, columns = matrix.shape
    return rows, columns


def _groups(groups: Any) -> dict[str, int]:
    """Numbers of groups by name; TypeError or ValueError if they are not positive integers."""
    if groups is None:
        return {}
    if not isinstance(groups, Mapping):
        raise TypeError(f"groups must be a mapping of names to integers, got {shown(groups)}")
    return {name: integer("groups", count, at_least=1) for name, count in groups.items()}


def _names(nulls: Sequence[str], initial: Any) -> tuple[str, ...]:
    """The null models' names as given; ValueError for one that does not exist."""
    names = list(dict.fromkeys(string("nulls", each) for each in sequence("nulls", nulls, "names")))
    for name in names:
        if name not in (_INIT, _CHECKPOINT):
            resolve(name)
    if initial is not None and _CHECKPOINT not in names:
        names.append(_CHECKPOINT)
    if initial is None and _CHECKPOINT in names:
        raise ValueError("the null model 'checkpoint' needs initial=, the initial weights")
    if not names:
        raise ValueError("nulls must name a null model")
    return tuple(names)


def _labels(sources: Sequence[Any]) -> tuple[str, ...]:
    return tuple(
        os.fspath(each) if isinstance(each, str | os.PathLike) else str(index)
        for index, each in enumerate(sources)
    )


def _shares(known: Sequence[Tensor | Skipped]) -> dict[str, float]:
    """Share of the work before each tensor; a decomposition of N entries takes about N^1.5."""
    work = {each.name: math.prod(each.shape) ** 1.5 for each in known if isinstance(each, Tensor)}
    total = sum(work.values()) or 1.0
    sums = itertools.accumulate(work.values(), initial=0.0)
    return {name: before / total for name, before in zip(work, sums, strict=False)}


def _why_not(matrix: npt.NDArray[Any]) -> tuple[str, bool] | None:
    """Why a matrix is not compared, and whether it is damaged."""
    if min(matrix.shape) < 2:
        return f"it has the shape {matrix.shape[0]} x {matrix.shape[1]}: its rank is 1", False
    if not np.isfinite(matrix).all():
        return "it has entries that are not finite", True
    if not matrix.any():
        return "all of its entries are 0", False
    return None


def _report(
    found: NamedMatrix,
    names: Sequence[str],
    draws: int | None,
    stream: np.random.Generator,
    initial: npt.NDArray[Any] | None,
    located: bool,
) -> MatrixReport:
    matrix, exponent = _wide(found.matrix)
    values = _singular_values(matrix)
    rank = float(spectrum.effective_rank(values))
    comparisons = []
    for name in names:
        if name == _CHECKPOINT:
            comparisons.append(_with_checkpoint(rank, matrix, initial))
            continue
        if name == _INIT:
            law = _LAWS.get(found.init or "")
            if law is None:
                comparisons.append(_unknown(_INIT, rank, _NO_CLASS))
                continue
        else:
            law = resolve(name)
        comparison = compare(rank, null_of(law, matrix, stream, draws))
        comparisons.append(replace(comparison, null=name))
    rows, columns = found.matrix.shape
    with np.errstate(over="ignore"):  # entries near the largest float
        sizes = np.ldexp(values, exponent)
    return MatrixReport(
        found.name,
        found.kind,
        (rows, columns),
        found.stored,
        found.note,
        sizes,
        rank,
        tuple(comparisons),
        *_place(values, matrix, stream, located),
    )


def _singular_values(matrix: npt.NDArray[np.inexact]) -> npt.NDArray[np.float64]:
    """Descending singular values of p <= n rows, by the eigenvalues of X X^H, up to 4 times faster.

    Their error is at most about p 1e-16 of the largest one's square, over the value, which moves
    the effective rank by less than 1e-9; a matrix that is nearer to a singular one is decomposed.
    """
    squares = np.linalg.eigvalsh(matrix @ matrix.conj().T)[::-1]
    if squares[-1] > _SMALLEST_SQUARE * squares[0]:
        return np.asarray(np.sqrt(squares))
    return np.asarray(np.linalg.svd(matrix, compute_uv=False), dtype=np.float64)


def _place(
    values: npt.NDArray[np.float64],
    matrix: npt.NDArray[np.inexact],
    stream: np.random.Generator,
    located: bool,
) -> tuple[str, int | None]:
    if not located or min(matrix.shape) < _SMALLEST_LOCATED:
        return "", None
    field = "complex" if np.iscomplexobj(matrix) else "real"
    found = location.locate(values, matrix.shape, field=field, rng=stream)
    return found.where, found.spikes


def _wide(matrix: npt.NDArray[Any]) -> tuple[npt.NDArray[np.inexact], int]:
    """As `scaled`, with no more rows than columns."""
    full, exponent = scaled(matrix)
    return (full if full.shape[0] <= full.shape[1] else full.T), exponent


def _with_checkpoint(
    rank: float, matrix: npt.NDArray[np.inexact], initial: npt.NDArray[Any] | None
) -> Comparison:
    """Compare with the initial weights; the deviation is that of a Gaussian initialisation."""
    if initial is None:
        return _unknown(_CHECKPOINT, rank, "the initial weights have no such matrix")
    if why := _why_not(initial):
        return _unknown(_CHECKPOINT, rank, f"of the initial matrix: {why[0]}")
    if sorted(initial.shape) != list(matrix.shape):
        rows, columns = initial.shape
        return _unknown(_CHECKPOINT, rank, f"the initial matrix has the shape {rows} x {columns}")
    start = float(spectrum.effective_rank(np.linalg.svd(_wide(initial)[0], compute_uv=False)))
    gaussian = null_of("gaussian", matrix, np.random.default_rng(0), None)
    # no draws: the deviation belongs to a normal law around the initial rank
    return compare(rank, replace(gaussian, name=_CHECKPOINT, mean=start, error=0.0, draws=None))


def _unknown(null: str, rank: float, why: str) -> Comparison:
    nan = math.nan
    return Comparison(null, rank, nan, nan, nan, nan, nan, nan, nan, "not known", why)


def _change(
    found: NamedMatrix,
    before: npt.NDArray[Any],
    names: Sequence[str],
    draws: int | None,
    stream: np.random.Generator,
    located: bool,
) -> MatrixReport | None:
    """The matrix less that of the first checkpoint, under null models that need nothing else."""
    if before.shape != found.matrix.shape:
        return None
    change = np.asarray(found.matrix, dtype=np.result_type(before, np.float64)) - before
    if _why_not(change):
        return None
    changed = replace(found, name=f"{found.name} (change)", kind="change", matrix=change)
    usable = [name for name in names if name not in (_INIT, _CHECKPOINT)] or ["gaussian"]
    return _report(changed, usable, draws, stream, None, located)
