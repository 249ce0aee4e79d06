"""Appendix H: the gradients and effective updates of linear networks on least squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, erratum, refutation

__all__ = ["CLAIMS"]

Array = npt.NDArray[np.float64]

# Identities of products of a handful of matrices of side 6 and less, with entries of order 1:
# sums of at most some hundred terms of order 10, each rounded to 1e-16.
_ROUNDING = 1e-12


class _Problem:
    """Factors W_1 ... W_d of unequal sizes, data and the gradient of the loss in W_e."""

    def __init__(self, context: Context, sizes: Sequence[int]) -> None:
        rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(len(sizes),)))
        self.factors = [
            rng.normal(size=(rows, columns)) / np.sqrt(columns) for columns, rows in pairwise(sizes)
        ]
        self.x = rng.normal(size=(sizes[0], 5))
        self.y = rng.normal(size=(sizes[-1], 5))

    @property
    def weight(self) -> Array:
        """The end-to-end weight W_e = W_d ... W_1."""
        return self.between(len(self.factors), 1)

    @property
    def slope(self) -> Array:
        """Eq. 14: W_e x x^T - y x^T."""
        return self.weight @ self.x @ self.x.T - self.y @ self.x.T

    def between(self, j: int, i: int) -> Array:
        """W_{j:i} = W_j ... W_i; the identity for j = i - 1."""
        size = self.factors[0].shape[1] if i == 1 else self.factors[i - 2].shape[0]
        return reduce(lambda product, w: w @ product, self.factors[i - 1 : j], np.eye(size))

    def gradient(self, i: int) -> Array:
        """Eq. 21: the gradient of the loss in W_i."""
        d = len(self.factors)
        return self.between(d, i + 1).T @ self.slope @ self.between(i - 1, 1).T

    def loss(self, i: int, step: Array) -> float:
        """Half the squared error with `step` added to W_i."""
        moved = [w + step if k == i else w for k, w in enumerate(self.factors, 1)]
        weight = reduce(lambda product, w: w @ product, moved)
        return float(np.sum((self.y - weight @ self.x) ** 2) / 2)

    def stepped(self, eta: float) -> Array:
        """The end-to-end weight after one step on every factor."""
        moved = [w - eta * self.gradient(i) for i, w in enumerate(self.factors, 1)]
        return reduce(lambda product, w: w @ product, moved)

    def preconditioned(self, layers: Sequence[int]) -> Array:
        """Sum of the terms of Eq. 24 over some layers."""
        d = len(self.factors)
        terms = []
        for i in layers:
            left, right = self.between(d, i + 1), self.between(i - 1, 1)
            terms.append(left @ left.T @ self.slope @ right.T @ right)
        return np.asarray(np.sum(terms, axis=0))

    def first_order(self) -> Array:
        """-dW_e/d eta at 0 without a formula, as the update is a polynomial of degree d in eta."""
        d = len(self.factors)
        # steps of about the size at which all orders matter alike
        steps = np.cos(np.pi * (np.arange(d + 1) + 0.5) / (d + 1)) / 4
        values = np.array([self.stepped(eta) for eta in steps])
        powers = np.vander(steps, increasing=True)
        coefficients = np.linalg.solve(powers, values.reshape(d + 1, -1))
        return np.asarray(-coefficients[1].reshape(self.weight.shape))


def _relative(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _gradients(context: Context) -> Iterator[Evidence]:
    for what, sizes in (
        ("Eq. 14, one layer", (4, 3)),
        ("Eq. 15 and 16, two layers", (4, 6, 3)),
        ("Eq. 21, five layers", (4, 6, 3, 5, 6, 3)),
    ):
        problem = _Problem(context, sizes)
        errors = []
        for i, w in enumerate(problem.factors, 1):
            direction = np.random.default_rng(i).normal(size=w.shape)
            difference = (problem.loss(i, direction) - problem.loss(i, -direction)) / 2
            gradient = float(np.sum(problem.gradient(i) * direction))
            errors.append(abs(difference - gradient) / problem.loss(i, direction))
        yield at_most(
            what,
            max(errors),
            _ROUNDING,
            "the loss is quadratic in each factor, so a central difference with step 1 is its "
            "slope; relative to the loss, largest over factors",
        )


def _two_layers(context: Context) -> Iterator[Evidence]:
    problem, eta = _Problem(context, (4, 6, 3)), 0.1
    w1, w2 = problem.factors
    slope, weight = problem.slope, problem.weight
    first = w2 @ w2.T @ slope + slope @ w1.T @ w1
    printed = weight - eta * first + eta**2 * slope @ weight.T @ slope
    yield at_most(
        "Eq. 19 with its second-order term is the update, eta = 0.1",
        _relative(printed, problem.stepped(eta)),
        _ROUNDING,
        "relative distance from one step on both factors (Eq. 15, 16, 18)",
    )


def _equation_13(context: Context) -> Iterator[Evidence]:
    problem = _Problem(context, (4, 3))
    residual = problem.y - problem.factors[0] @ problem.x
    yield refutation(
        "printed: (y - W x)^2/2 is what is differentiated",
        float((residual**2).size),
        1,
        "numbers that it has for 3 outputs and 5 examples; a loss is one number",
    )
    direction = np.random.default_rng(0).normal(size=(3, 4))
    difference = (problem.loss(1, direction) - problem.loss(1, -direction)) / 2
    yield at_most(
        "holds: Eq. 14 is the gradient of |y - W x|_F^2/2",
        abs(difference - float(np.sum(problem.slope * direction))) / problem.loss(1, direction),
        _ROUNDING,
        "central difference with step 1, exact for a quadratic loss; relative to the loss",
    )


def _equation_20(context: Context) -> Iterator[Evidence]:
    problem = _Problem(context, (4, 4, 4))
    w1, w2 = problem.factors
    slope, first = problem.slope, problem.first_order()
    yield refutation(
        "printed: P_2 grad + grad P_1^T with P_1 = W_1 W_1^T",
        _relative(w2 @ w2.T @ slope + slope @ (w1 @ w1.T).T, first),
        _ROUNDING,
        "relative distance from the first order of the update, square layers of side 4; for a "
        "hidden width other than the input's the shapes do not even match",
    )
    yield at_most(
        "holds: P_1 = W_1^T W_1, P_2 = W_2 W_2^T",
        _relative(w2 @ w2.T @ slope + slope @ w1.T @ w1, first),
        _ROUNDING,
        "the same distance; first order: polynomial through three step sizes",
    )


def _equation_24(context: Context) -> Iterator[Evidence]:
    problem = _Problem(context, (4, 6, 3, 5, 3))
    d, first = len(problem.factors), problem.first_order()
    yield refutation(
        "printed: the sum over 1 < i < d",
        _relative(problem.preconditioned(range(2, d)), first),
        10 * _ROUNDING,
        "relative distance from the first order of the update, four layers",
    )
    yield at_most(
        "holds: the sum over 1 <= i <= d, with W_{d:d+1} = W_{0:1} = I",
        _relative(problem.preconditioned(range(1, d + 1)), first),
        10 * _ROUNDING,
        "the same; first order: polynomial through five step sizes, whose solution loses a digit",
    )


def _last_sentence(context: Context) -> Iterator[Evidence]:
    problem = _Problem(context, (4, 6, 3, 5, 3))
    d = len(problem.factors)
    left, right = problem.between(d, 2), problem.between(d - 1, 1)
    yield refutation(
        "printed: for i = 1 the left, for i = p the right one is the identity",
        min(
            _relative(left @ left.T, np.eye(left.shape[0])),
            _relative(right.T @ right, np.eye(right.shape[1])),
        ),
        _ROUNDING,
        "least relative distance from the identity, four layers",
    )
    yield at_most(
        "holds: for i = 1 the right, for i = d the left one is",
        max(
            _relative(problem.between(0, 1), np.eye(4)),
            _relative(problem.between(d, d + 1), np.eye(3)),
        ),
        0,
        "empty products: W_{0:1} = I of the input's size, W_{d:d+1} = I of the output's",
    )


_ARGUED = "docs/appendix-h.md"

CLAIMS = (
    Claim(
        name="appendix-h.gradients",
        statement="The gradients of the squared error in every factor are those of Eq. 14-16, 21.",
        assumptions="linear networks of any widths, |y - W x|_F^2/2",
        reference="Eq. 12 to 18 and 21 (Eq. 17 is empty)",
        status="proved",
        refuted_by="a directional derivative off by more than rounding",
        check=_gradients,
        argued=_ARGUED,
    ),
    Claim(
        name="appendix-h.two-layers",
        statement="One step on two factors moves their product as Eq. 19 says, exactly.",
        assumptions="gradient descent with any step size",
        reference="Eq. 18 and 19",
        status="proved",
        refuted_by="a distance beyond rounding at a step that is not small",
        check=_two_layers,
        argued=_ARGUED,
    ),
    erratum(
        "appendix-h.errata.equation-13",
        "Eq. 13 as printed: the loss is (y - W x)^2/2.",
        "|y - W x|_F^2/2.",
        "Eq. 13",
        _equation_13,
        argued=_ARGUED,
    ),
    erratum(
        "appendix-h.errata.equation-20",
        "Eq. 20 as printed: the preconditioners are P_i = W_i W_i^T, and P_1^T on the right.",
        "P_2 = W_2 W_2^T on the left and P_1 = W_1^T W_1 on the right.",
        "Eq. 20",
        _equation_20,
        argued=_ARGUED,
    ),
    erratum(
        "appendix-h.errata.equation-24",
        "Eq. 22 to 24 as printed: product and sum run over 1 < i < d.",
        "over 1 <= i <= d, the product as W_d ... W_1, empty products being the identity.",
        "Eq. 22, 23 and 24",
        _equation_24,
        argued=_ARGUED,
    ),
    erratum(
        "appendix-h.errata.last-sentence",
        "At the edges i = 1 and i = p the left and right preconditioner is the identity.",
        "at i = 1 the right one, at i = d (not p) the left one.",
        "the last sentence of Appendix H",
        _last_sentence,
        argued=_ARGUED,
    ),
)
