"""Products of a model's matrices: which there are, and their comparison with null models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from rmt_rank._lib.random import RNG
from rmt_rank._lib.reasons import reason
from rmt_rank._lib.validation import sequence, shown, string
from rmt_rank.inspection.chains import (
    Named,
    Product,
    attention_products,
    layer_products,
    listed_product,
)
from rmt_rank.inspection.matrices import NamedMatrix
from rmt_rank.inspection.products import compare_product
from rmt_rank.inspection.result import MatrixReport
from rmt_rank.inspection.tensor import Skipped

__all__ = ["HAAR", "find_products", "product_reports", "require_products"]

# The null model of products that keeps the singular values of every factor.
HAAR = "haar"


def require_products(products: Any) -> bool | list[list[str]]:
    """Return what to multiply; TypeError unless it is a boolean or lists of names."""
    if isinstance(products, bool):
        return products
    lists = []
    for names in sequence("products", products, "lists of names, or a boolean"):
        if isinstance(names, str) or not isinstance(names, Sequence) or len(names) < 2:
            raise TypeError(
                f"products must hold sequences of at least two names, got {shown(names)}"
            )
        lists.append([string("products", name) for name in names])
    return lists


def find_products(
    products: bool | list[list[str]],
    matrices: Sequence[Named],
    heads: int | None,
    kv_heads: int | None,
) -> list[Product | Skipped]:
    """Return the products that are asked for: those that the names imply, or those listed.

    A list that names no product of the model gives a `Skipped` in its place.
    """
    if products is False:
        return []
    if products is True:
        found: list[Product | Skipped] = list(layer_products(matrices))
        if heads is not None:
            found += attention_products(matrices, heads, kv_heads=kv_heads)
        return found
    return [_listed(names, matrices) for names in products]


def _listed(names: list[str], matrices: Sequence[Named]) -> Product | Skipped:
    try:
        return listed_product(names, matrices)
    except ValueError as error:
        return Skipped(" @ ".join(map(str, names)), f"there is no such product: {error}", True)


def product_reports(
    products: Sequence[Product | Skipped],
    read: Callable[[], Iterator[NamedMatrix]],
    nulls: Sequence[str],
    draws: int | None,
    rng: RNG,
) -> Iterator[MatrixReport | Skipped]:
    """Yield a report for each product, reading the model once; matrices leave memory after use."""
    yield from (product for product in products if isinstance(product, Skipped))
    waiting = [product for product in products if isinstance(product, Product)]
    kept: dict[str, npt.NDArray[Any]] = {}
    for each in read() if waiting else ():
        if not waiting:
            break
        if any(factor.name == each.name for product in waiting for factor in product.factors):
            kept[each.name] = each.matrix
        ready = [p for p in waiting if all(factor.name in kept for factor in p.factors)]
        waiting = [product for product in waiting if product not in ready]
        for product in ready:
            yield _report(product, kept, nulls, draws, rng)
        needed = {factor.name for product in waiting for factor in product.factors}
        kept = {name: matrix for name, matrix in kept.items() if name in needed}


def _report(
    product: Product,
    kept: dict[str, npt.NDArray[Any]],
    nulls: Sequence[str],
    draws: int | None,
    rng: RNG,
) -> MatrixReport | Skipped:
    factors = [factor.of(kept[factor.name]) for factor in product.factors]
    try:
        found = compare_product(factors, nulls=nulls, draws=draws, rng=rng)
    except (ValueError, ArithmeticError, MemoryError) as error:
        return Skipped(product.name, f"it is not compared: {reason(error)}")
    names = [*nulls, HAAR]
    return MatrixReport(
        product.name,
        "product",
        (found.widths[0], found.widths[-1]),
        "",
        product.kind,
        found.singular_values,
        found.effective_rank,
        tuple(
            replace(comparison, null=name)
            for name, comparison in zip(names, found.comparisons, strict=True)
        ),
    )
