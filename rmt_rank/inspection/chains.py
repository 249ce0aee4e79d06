"""Products that a network applies: consecutive layers, and W_V W_O and W_Q^T W_K of every head.

Matrices are oriented (out, in).  Products are recognised by the components of their names,

    layers     two consecutive dense layers of one block, and fc1, c_fc, up_proj, gate_proj,
               intermediate or wi with fc2, c_proj, down_proj, output or wo;
    attention  q_proj, query, q or wq, and so on for keys and values, with o_proj, out_proj, c_proj,
               output or wo of the same block; or by the kinds "query", "key", "value" and
               "attention output".

With grouped queries, heads/kv_heads consecutive heads share their keys and values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import LARGEST_INTEGER, integer, sequence

__all__ = ["Factor", "Named", "Product", "attention_products", "layer_products", "listed_product"]

Matrix = npt.NDArray[np.inexact]

_QUERY, _KEY, _VALUE = (
    {f"{x}_proj", word, x, f"w{x}", f"{x}_lin"}
    for x, word in (("q", "query"), ("k", "key"), ("v", "value"))
)
_OUTPUT = {"o_proj", "out_proj", "c_proj", "output", "wo", "o", "out_lin", "dense", "proj"}

_ATTENTION = {"attn", "attention", "self_attn", "self_attention", "self", "cross_attn"}
_FIRST = {"fc1", "c_fc", "up_proj", "gate_proj", "intermediate", "wi", "wi_0", "wi_1", "w1", "w3"}
_SECOND = {"fc2", "c_proj", "down_proj", "output", "wo", "w2"}
_LEAVES = {"weight", "kernel", "dense", "w"}


@dataclass(frozen=True)
class Named:
    """A matrix before it is loaded.

    Attributes
    ----------
    name, kind : str
        As of the matrices of a model.
    shape : (int, int)
        Outputs and inputs.
    """

    name: str
    kind: str
    shape: tuple[int, int]


@dataclass(frozen=True)
class Factor:
    """A part of a named matrix.

    Attributes
    ----------
    name : str
        The matrix.
    rows, columns : (int, int) or None
        First and last + 1 that are taken; None for all.
    transposed : bool
        Whether the part is transposed.
    """

    name: str
    rows: tuple[int, int] | None = None
    columns: tuple[int, int] | None = None
    transposed: bool = False

    def of(self, matrix: Matrix) -> Matrix:
        """Return this part of the matrix, as a view."""
        part = matrix[slice(*(self.rows or (None,))), slice(*(self.columns or (None,)))]
        return part.T if self.transposed else part


@dataclass(frozen=True)
class Product:
    """A product factors[0] @ factors[1] @ ... of kind "layers", "value-output" or "query-key"."""

    name: str
    kind: str
    factors: tuple[Factor, ...]


def listed_product(names: Sequence[str], matrices: Iterable[Named]) -> Product:
    """Return the product of named matrices, in the sequence in which they are multiplied.

    Parameters
    ----------
    names : sequence of str
        At least two; the last acts first.
    matrices : iterable of Named
        Those of the model.

    Returns
    -------
    Product

    Raises
    ------
    ValueError
        If a name is unknown, or the sides of two neighbours do not match.
    """
    known = {each.name: each for each in matrices}
    given = sequence("names", names, "names of matrices", at_least=2)
    for name in given:
        if name not in known:
            raise ValueError(f"names must be names of matrices, got {name!r}")
    for left, right in itertools.pairwise(given):
        if known[left].shape[1] != known[right].shape[0]:
            raise ValueError(
                f"names must have matching sides, got {left} of shape {known[left].shape} before "
                f"{right} of shape {known[right].shape}"
            )
    return Product(" @ ".join(given), "layers", tuple(Factor(name) for name in given))


def layer_products(matrices: Iterable[Named]) -> tuple[Product, ...]:
    """Return the products of two consecutive dense layers.

    Parameters
    ----------
    matrices : iterable of Named
        In the sequence of the file.

    Returns
    -------
    tuple of Product
        The later layer is the first factor.
    """
    dense = [
        each
        for each in matrices
        if each.kind == "dense" and not _ATTENTION.intersection(_components(each.name))
    ]
    pairs: list[tuple[Named, Named]] = []
    for block in dict.fromkeys(_block(each) for each in dense):
        members = [each for each in dense if _block(each) == block]
        first = [each for each in members if _last(each) in _FIRST]
        second = [each for each in members if _last(each) in _SECOND]
        if first or second:
            pairs += itertools.product(first, second)
        else:
            pairs += itertools.pairwise(members)
    return tuple(
        listed_product((late.name, early.name), (late, early))
        for early, late in pairs
        if late.shape[1] == early.shape[0]
    )


def attention_products(
    matrices: Iterable[Named], heads: int, *, kv_heads: int | None = None
) -> tuple[Product, ...]:
    """Return W_O W_V and W_Q^T W_K of every head, as maps between the model's vectors.

    Parameters
    ----------
    matrices : iterable of Named
        Weights of queries, keys and values (heads x size, model), and of outputs (model, heads x
        size).
    heads : int
        Number of heads of the queries.
    kv_heads : int, optional
        Number of heads of keys and values, which divides heads; heads by default.

    Returns
    -------
    tuple of Product
        Named after block and head. Blocks without both matrices of a product, or whose sides do not
        agree with the heads, have none.

    Raises
    ------
    TypeError, ValueError
        If heads is not a positive integer, or kv_heads does not divide it.
    """
    heads = integer("heads", heads, at_least=1, at_most=LARGEST_INTEGER)
    groups = heads if kv_heads is None else integer("kv_heads", kv_heads, at_least=1, at_most=heads)
    if heads % groups:
        raise ValueError(f"kv_heads must divide heads, {heads}, got {groups}")
    blocks: dict[str, dict[str, Named]] = {}
    for each in matrices:
        role = _role(each)
        if role:
            blocks.setdefault(_attention_block(each.name), {}).setdefault(role, each)
    found = []
    for block, roles in blocks.items():
        query, key, value, output = (
            roles.get(role) for role in ("query", "key", "value", "output")
        )
        for head in range(heads):
            shared = head * groups // heads
            if output and value and _agree(output.shape[1], heads, value.shape[0], groups):
                o = Factor(output.name, columns=_part(output.shape[1], heads, head))
                v = Factor(value.name, rows=_part(value.shape[0], groups, shared))
                found.append(Product(f"{block} head {head} value-output", "value-output", (o, v)))
            if query and key and _agree(query.shape[0], heads, key.shape[0], groups):
                q = Factor(query.name, rows=_part(query.shape[0], heads, head), transposed=True)
                k = Factor(key.name, rows=_part(key.shape[0], groups, shared))
                found.append(Product(f"{block} head {head} query-key", "query-key", (q, k)))
    return tuple(found)


def _agree(many: int, heads: int, few: int, groups: int) -> bool:
    return many % heads == 0 and few % groups == 0 and many // heads == few // groups


def _part(side: int, count: int, index: int) -> tuple[int, int]:
    size = side // count
    return index * size, (index + 1) * size


def _components(name: str) -> list[str]:
    return [each for each in name.replace("/", ".").split(".") if each]


def _stem(name: str) -> list[str]:
    """Components without "[part]", and without "weight" and its like at the end."""
    parts = _components(name.split("[")[0])
    while len(parts) > 1 and parts[-1] in _LEAVES:
        parts.pop()
    return parts


def _last(each: Named) -> str:
    return _stem(each.name)[-1]


def _block(each: Named) -> str:
    return ".".join(_stem(each.name)[:-1])


def _role(each: Named) -> str | None:
    """Role of a matrix in attention; by kind, or by the last component of its name."""
    if each.kind in ("query", "key", "value"):
        return each.kind
    if each.kind == "attention output":
        return "output"
    *rest, last = _stem(each.name)
    if not _ATTENTION.intersection(rest):
        return None
    words = {"query": _QUERY, "key": _KEY, "value": _VALUE, "output": _OUTPUT}
    return next((role for role, names in words.items() if last in names), None)


def _attention_block(name: str) -> str:
    """Components up to the one that says attention, or all before the matrix."""
    parts = _stem(name)
    places = [i for i, part in enumerate(parts) if part in _ATTENTION and part != "self"]
    return ".".join(parts[: places[0] + 1] if places else parts[:-1])
