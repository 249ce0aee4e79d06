"""Least-squares problems: data, the weight behind them, and the reduced data for training.

Rows are samples, columns are features, as in scikit-learn; the paper's Section 2.4 has samples as
columns.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of
from rmt_rank._lib.random import RNG, streams
from rmt_rank._lib.validation import (
    LARGEST_INTEGER,
    integer,
    real,
    real_array,
    require_memory,
    shown,
)

__all__ = ["LeastSquaresProblem", "ReducedData", "least_squares_problem", "require_problem"]

Array = npt.NDArray[np.float64]

# Rows that are decomposed at a time.
_ROWS = 1 << 16


@dataclass(frozen=True)
class ReducedData:
    """Examples in an orthonormal basis of the space that they span; examples are columns.

    The squared error of any affine map is the same in these coordinates, up to `rest`, and there
    are at most as many of them as features, and one more.  For maps that are not affine the basis
    must be that of the examples themselves.

    Attributes
    ----------
    inputs : array, shape (features, k)
        Inputs.
    targets : array, shape (outputs, k)
        Targets.
    ones : array, shape (k,)
        The vector of ones over the examples: what sums over them.
    rest : float
        Squared norm of the targets outside that space, which no affine map changes.
    examples : int
        Number of examples.
    """

    inputs: Any = field(repr=False)
    targets: Any = field(repr=False)
    ones: Any = field(repr=False)
    rest: float
    examples: int

    def to(self, xp: ModuleType, dtype: Any = None) -> ReducedData:
        """The same data as arrays of another library or precision."""
        inputs, targets, ones = (
            xp.asarray(each, dtype=dtype) for each in (self.inputs, self.targets, self.ones)
        )
        return ReducedData(inputs, targets, ones, self.rest, self.examples)


def _reduced(x: Array, y: Array) -> ReducedData:
    """One QR decomposition of inputs, ones and targets, over blocks of rows."""
    r: Array = np.empty((0, x.shape[1] + 1 + y.shape[1]))
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        block = np.column_stack([x[rows], np.ones(len(x[rows])), y[rows]])
        r = np.asarray(np.linalg.qr(np.concatenate([r, block]), mode="r"))
    k, n = min(len(x), x.shape[1] + 1), x.shape[1]
    rest = float(np.sum(r[k:, n + 1 :] ** 2))
    top = r[:k]
    return ReducedData(top[:, :n].T.copy(), top[:, n + 1 :].T.copy(), top[:, n], rest, len(x))


def _whole(x: Array, y: Array) -> ReducedData:
    """Examples one by one."""
    return ReducedData(x.T.copy(), y.T.copy(), np.ones(len(x)), 0.0, len(x))


@dataclass(frozen=True, eq=False)
class LeastSquaresProblem:
    """Fit W to (X, Y): half the mean squared error |X W^T - Y|_F^2 / (2 examples).

    Parameters
    ----------
    inputs : array_like, shape (examples, features)
        X; rows are samples.
    targets : array_like, shape (examples, outputs)
        Y.
    test_inputs, test_targets : array_like, optional
        Held-out data, of the same numbers of columns.
    task : array_like, shape (outputs, features), optional
        The weight W* behind the data, if there is one.

    Raises
    ------
    TypeError, ValueError
        If an array is not real, finite, two-dimensional or of a matching shape.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.networks import LeastSquaresProblem
    >>> problem = LeastSquaresProblem(np.eye(3)[:2], [[1.0], [2.0]])
    >>> problem.underdetermined, float(problem.loss(np.zeros((1, 3))))
    (True, 1.25)
    """

    inputs: Array
    targets: Array
    test_inputs: Array | None = field(default=None)
    test_targets: Array | None = field(default=None)
    task: Array | None = field(default=None)

    def __post_init__(self) -> None:
        for name in ("inputs", "targets", "test_inputs", "test_targets", "task"):
            value = getattr(self, name)
            if value is None and name not in ("inputs", "targets"):
                continue
            array = real_array(name, value)
            if array.ndim != 2:
                raise ValueError(f"{name} must have two axes, got the shape {array.shape}")
            object.__setattr__(self, name, array)
        if len(self.inputs) != len(self.targets):
            raise ValueError(
                f"inputs and targets must have as many rows, got {len(self.inputs)} and "
                f"{len(self.targets)}"
            )
        if (self.test_inputs is None) != (self.test_targets is None):
            raise ValueError("test_inputs and test_targets must be given together")
        if self.test_inputs is not None and self.test_targets is not None:
            shape = (len(self.test_targets), self.features), (len(self.test_inputs), self.outputs)
            if (self.test_inputs.shape, self.test_targets.shape) != shape:
                raise ValueError(
                    f"test_inputs and test_targets must have as many rows, and {self.features} and "
                    f"{self.outputs} columns, got the shapes {self.test_inputs.shape} and "
                    f"{self.test_targets.shape}"
                )
        if self.task is not None and self.task.shape != (self.outputs, self.features):
            raise ValueError(
                f"task must have the shape {(self.outputs, self.features)}, got {self.task.shape}"
            )

    def __repr__(self) -> str:
        held_out = 0 if self.test_inputs is None else len(self.test_inputs)
        return (
            f"LeastSquaresProblem({self.examples} examples, {held_out} held out, {self.features} "
            f"features, {self.outputs} outputs)"
        )

    @property
    def examples(self) -> int:
        """Number of rows of inputs."""
        return len(self.inputs)

    @property
    def features(self) -> int:
        """Number of columns of inputs."""
        return int(self.inputs.shape[1])

    @property
    def outputs(self) -> int:
        """Number of columns of targets."""
        return int(self.targets.shape[1])

    @property
    def underdetermined(self) -> bool:
        """True if many weights fit: the inputs span less than all features."""
        return self.rank < self.features

    @property
    def rank(self) -> int:
        """Dimension of the space that the inputs span."""
        return len(self._decomposed[1])

    @cached_property
    def _decomposed(self) -> tuple[Array, Array, Array]:
        """Singular value decomposition of the reduced inputs, without what is 0 but for rounding.

        The limit is that of `numpy.linalg.matrix_rank`.
        """
        u, s, vh = np.linalg.svd(self.reduced.inputs, full_matrices=False)
        kept = s > max(self.reduced.inputs.shape) * np.finfo(float).eps * s[0]
        return u[:, kept], s[kept], vh[kept]

    @cached_property
    def reduced(self) -> ReducedData:
        """Training data as linear networks see them."""
        return _reduced(self.inputs, self.targets)

    @cached_property
    def reduced_test(self) -> ReducedData | None:
        """The same for held-out data."""
        if self.test_inputs is None or self.test_targets is None:
            return None
        return _reduced(self.test_inputs, self.test_targets)

    @cached_property
    def whole(self) -> ReducedData:
        """Training data as nonlinear networks see them: the examples themselves."""
        return _whole(self.inputs, self.targets)

    @cached_property
    def whole_test(self) -> ReducedData | None:
        """The same for held-out data."""
        if self.test_inputs is None or self.test_targets is None:
            return None
        return _whole(self.test_inputs, self.test_targets)

    @cached_property
    def projector(self) -> Array:
        """Projector P on the space of the inputs, (features, features)."""
        u, _, _ = self._decomposed
        return np.asarray(u @ u.T)

    @cached_property
    def minimum_norm_weight(self) -> Array:
        """Least-squares solution of least norm, (outputs, features): W* P if there is no noise."""
        u, s, vh = self._decomposed
        return np.asarray((self.reduced.targets @ vh.T / s) @ u.T)

    def loss(self, weight: npt.ArrayLike) -> Any:
        """Half the mean squared error of weights (..., outputs, features) on the training data."""
        return squared_error(self._weight(weight), None, self.reduced)[()]

    def test_loss(self, weight: npt.ArrayLike) -> Any:
        """The same on held-out data; nan if there are none."""
        if self.reduced_test is None:
            return math.nan
        return squared_error(self._weight(weight), None, self.reduced_test)[()]

    def _weight(self, weight: npt.ArrayLike) -> Array:
        # the weight of a network that diverged may hold nan
        array = np.asarray(weight if hasattr(weight, "shape") else real_array("weight", weight))
        if array.dtype.kind not in "iuf":
            raise TypeError(f"weight must be real numbers, got {shown(weight)}")
        if array.shape[-2:] != (self.outputs, self.features):
            raise ValueError(
                f"weight must have the shape (..., {self.outputs}, {self.features}), got "
                f"{array.shape}"
            )
        return array


def require_problem(problem: Any) -> None:
    """Raise TypeError if an argument `problem` is something else."""
    if not isinstance(problem, LeastSquaresProblem):
        raise TypeError(
            "problem must be a LeastSquaresProblem, such as least_squares_problem() returns, got "
            f"{type(problem).__name__}, {shown(problem)}"
        )


def squared_error(weight: Any, bias: Any, data: ReducedData) -> Any:
    """Half the mean squared error of affine maps (..., outputs, features), (..., outputs)."""
    residual = weight @ data.inputs - data.targets
    if bias is not None:
        residual = residual + bias[..., None] * data.ones
    squares = namespace_of(residual).sum(residual * residual, axis=(-2, -1))
    return (squares + data.rest) / (2 * data.examples)


def least_squares_problem(
    width: int,
    task_rank: int,
    examples: int,
    *,
    rng: RNG = None,
    noise: float = 0,
    test_examples: int = 256,
    inputs: npt.ArrayLike | None = None,
) -> LeastSquaresProblem:
    """Draw a least-squares problem with a weight W* of given rank behind it.

    Parameters
    ----------
    width : int
        Number of inputs and of outputs, limited by memory.  Not a list: the task is square.
    task_rank : int
        Rank of W*, from 1 to width: a product of two Gaussian matrices whose inner dimension it is,
        scaled so that an output has mean square 1 for Gaussian inputs.
    examples : int
        Number of training examples; below width the problem is under-determined.
    rng : {None, int, SeedSequence, BitGenerator, Generator}, optional
        Source of randomness.
    noise : float, default 0
        Standard deviation of Gaussian noise on the training targets, at most 1e100.
    test_examples : int, default 256
        Number of held-out examples, without noise.
    inputs : array_like, shape (examples + test_examples or more, width), optional
        Inputs, the first for training; standard normal ones by default.

    Returns
    -------
    LeastSquaresProblem
        Training data, held-out data and the weight W*.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    Warns
    -----
    UserWarning
        If the problem is not under-determined: then W* is the only solution, whatever the depth.

    References
    ----------
    .. [1] Huh et al., arXiv:2103.10427, Section 2.4.

    Examples
    --------
    >>> from rmt_rank.networks import least_squares_problem
    >>> problem = least_squares_problem(32, task_rank=4, examples=16, rng=0)
    >>> problem.inputs.shape, problem.underdetermined, float(problem.loss(problem.task)) < 1e-25
    ((16, 32), True, True)
    """
    n = integer("width", width, at_least=1, at_most=LARGEST_INTEGER)
    task_rank = integer("task_rank", task_rank, at_least=1)
    if task_rank > n:
        raise ValueError(
            f"task_rank must be an integer from 1 to width = {n}, got {shown(task_rank)}"
        )
    q = integer("examples", examples, at_least=1, at_most=LARGEST_INTEGER)
    q_test = integer("test_examples", test_examples, at_least=1, at_most=LARGEST_INTEGER)
    noise = real("noise", noise, at_least=0, at_most=1e100)
    # W* and its two factors; inputs, targets and noise
    require_memory(
        "width, examples and test_examples",
        8.0 * (n * n + 2 * n * task_rank + 2 * n * (q + q_test) + n * q),
    )
    given = None if inputs is None else real_array("inputs", inputs)
    if given is not None and (given.ndim != 2 or given.shape[1] != n or len(given) < q + q_test):
        raise ValueError(
            f"inputs must have the shape ({q + q_test} or more, {n}), got {given.shape}: rows for "
            "examples and test_examples, and width columns"
        )
    stream = next(streams(rng))
    task = stream.standard_normal((n, task_rank)) @ stream.standard_normal((task_rank, n))
    task /= math.sqrt(task_rank * n)
    x = stream.standard_normal((q + q_test, n)) if given is None else given[: q + q_test]
    y = x @ task.T
    train = y[:q] + noise * stream.standard_normal((q, n)) if noise > 0 else y[:q]
    problem = LeastSquaresProblem(x[:q], train, x[q:], y[q:], task)
    if not problem.underdetermined:
        warnings.warn(
            f"{q} examples of {n} features determine the weight: not an under-determined problem",
            UserWarning,
            stacklevel=2,
        )
    return problem
