r"""Identities that training by gradients satisfies at every depth of the network.

The rows of the first weight's gradient are in the span of the inputs, whose projector is P.  So
W_1 (I - P) never changes, and a network that fits its data without error computes

    W(inf) = W* P + F(W_1(0), W_2(inf), ..., W_d(inf)) (I - P),

F being the network's map; for a plain network F = W_d ... W_2 W_1(0).  It holds for gradient
descent, with momentum or Nesterov's, and for L-BFGS; not for Adam, whose steps leave the span.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.validation import LARGEST_INTEGER, integer, real_array, sequence, shown
from rmt_rank.networks.problem import LeastSquaresProblem, require_problem

__all__ = ["balance", "converged_weight", "converged_weight_error", "effective_weight"]
__all__ += ["singular_value_velocity"]

Array = npt.NDArray[np.float64]


def effective_weight(weights: Sequence[npt.ArrayLike], *, skip: int = 0) -> Array:
    """Map of a network without batch normalisation.

    Parameters
    ----------
    weights : sequence of array_like, shapes (..., n_l, n_(l-1))
        W_1, ..., W_d.
    skip : int, default 0
        Number of layers that a residual connection bridges; 0 for none.

    Returns
    -------
    ndarray, shape (..., n_d, n_0)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, or the shapes do not chain.
    """
    factors = _factors(weights)
    if integer("skip", skip, at_least=0) and (
        len(factors) % skip or any(w.shape[-1] != w.shape[-2] for w in factors)
    ):
        raise ValueError(
            f"skip must divide the depth, {len(factors)}, and needs square weights, got "
            f"{shown(skip)}"
        )
    product: Array = np.eye(factors[0].shape[-1])
    kept = product
    for i, w in enumerate(factors):
        if skip and i % skip == 0:
            kept = product
        product = w @ product
        if skip and (i + 1) % skip == 0:
            product = product + kept
    return product


def converged_weight(
    problem: LeastSquaresProblem,
    first_weight: npt.ArrayLike,
    later_weights: Sequence[npt.ArrayLike] = (),
    *,
    skip: int = 0,
) -> Array:
    """Weight that gradient training without error ends at: W* P + F(W_1(0), W_2, ..., W_d) (I - P).

    Parameters
    ----------
    problem : LeastSquaresProblem
        The data.
    first_weight : array_like, shape (..., n_1, features)
        W_1 before training.
    later_weights : sequence of array_like, optional
        W_2, ..., W_d after training, shapes (..., n_l, n_(l-1)); none for a network of depth 1.
    skip : int, default 0
        Number of layers that a residual connection bridges; 0 for none.

    Returns
    -------
    ndarray, shape (..., outputs, features)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, or the shapes do not chain.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.networks.identities import converged_weight
    >>> from rmt_rank.networks.problem import LeastSquaresProblem, require_problem
    >>> problem = LeastSquaresProblem([[1.0, 0.0]], [[2.0]])
    >>> converged_weight(problem, [[0.5, 3.0]])  # the second feature is never seen
    array([[2., 3.]])
    """
    require_problem(problem)
    first = real_array("first_weight", first_weight)
    if first.ndim < 2:
        raise ValueError(f"first_weight must be a matrix, got the shape {first.shape}")
    later = _arrays("later_weights", later_weights)
    weight = effective_weight([first, *later], skip=skip)
    if weight.shape[-2:] != (problem.outputs, problem.features):
        raise ValueError(
            f"weights must lead from {problem.features} features to {problem.outputs} outputs, got "
            f"a product of the shape {weight.shape}"
        )
    return problem.minimum_norm_weight + weight - weight @ problem.projector


def converged_weight_error(problem: LeastSquaresProblem, loss: npt.ArrayLike) -> Array:
    """Largest distance of a network of a given loss from `converged_weight`, in Frobenius norm.

    With half the mean squared error l of q examples, the outputs are |(W - W*) X^T| = sqrt(2 q l)
    from the targets, and the identity's error is (W - W*) X^T times the pseudo-inverse of X^T:
    at most sqrt(2 q l)/s, s being the least singular value of X that is not 0.

    Parameters
    ----------
    problem : LeastSquaresProblem
        Data that some weight fits without error.
    loss : array_like
        Training loss of networks.

    Returns
    -------
    ndarray
        An array of the shape of loss; rounding comes on top.

    Raises
    ------
    TypeError, ValueError
        If a loss is not a number of at least 0.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> from rmt_rank.networks.identities import converged_weight_error
    >>> problem = rr.networks.least_squares_problem(16, task_rank=2, examples=6, rng=0)
    >>> bool(converged_weight_error(problem, 1e-8) < converged_weight_error(problem, 1e-6))
    True
    """
    require_problem(problem)
    losses = real_array("loss", loss, at_least=0)
    least = np.linalg.svd(problem.reduced.inputs, compute_uv=False)[: problem.rank][-1:]
    return np.sqrt(2 * problem.examples * losses) / (float(least[0]) if least.size else math.inf)


def balance(weights: Sequence[npt.ArrayLike]) -> list[Array]:
    """W_(l+1)^T W_(l+1) - W_l W_l^T for l = 1, ..., d - 1, which gradient flow conserves.

    A step of gradient descent changes it by learning_rate^2 (G_(l+1)^T G_(l+1) - G_l G_l^T), G
    being the gradients.  For a residual network with skip 1, pass I + W_l.

    Parameters
    ----------
    weights : sequence of array_like, shapes (..., n_l, n_(l-1))
        W_1, ..., W_d.

    Returns
    -------
    list of ndarray, shapes (..., n_l, n_l)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, or the shapes do not chain.

    References
    ----------
    .. [1] S. Arora, N. Cohen, E. Hazan, "On the Optimization of Deep Networks: Implicit
       Acceleration by Overparameterization", arXiv:1802.06509, Theorem 1.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.networks.identities import balance
    >>> first, second = np.diag([2.0, 1.0]), np.diag([2.0, 3.0])
    >>> balance([first, second])[0]
    array([[0., 0.],
           [0., 8.]])
    """
    return [
        np.swapaxes(second, -1, -2) @ second - first @ np.swapaxes(first, -1, -2)
        for first, second in pairwise(_factors(weights))
    ]


def singular_value_velocity(weight: npt.ArrayLike, gradient: npt.ArrayLike, depth: int) -> Array:
    """Time derivatives of the singular values of a balanced network under gradient flow.

    sigma_r' = -d sigma_r^(2 - 2/d) <gradient, u_r v_r^T>, for singular values that are distinct.

    Parameters
    ----------
    weight : array_like, shape (..., outputs, features)
        Product W of a plain network whose `balance` is 0.
    gradient : array_like, shape (..., outputs, features)
        Gradient of the loss in W.
    depth : int
        Number d of layers, at most 2^53.

    Returns
    -------
    ndarray, shape (..., min(outputs, features))
        In the descending order of the singular values.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or shape.

    References
    ----------
    .. [1] S. Arora, N. Cohen, W. Hu, Y. Luo, "Implicit Regularization in Deep Matrix
       Factorization", arXiv:1905.13655, Theorem 3.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.networks.identities import singular_value_velocity
    >>> weight, gradient = np.diag([2.0, 1.0]), np.diag([-1.0, 0.5])
    >>> singular_value_velocity(weight, gradient, depth=2)
    array([ 4., -1.])
    """
    w, g = real_array("weight", weight), real_array("gradient", gradient)
    d = integer("depth", depth, at_least=1, at_most=LARGEST_INTEGER)
    if w.ndim < 2 or w.shape != g.shape:
        raise ValueError(
            f"weight and gradient must be matrices of one shape, got {w.shape} and {g.shape}"
        )
    u, s, vh = np.linalg.svd(w, full_matrices=False)
    along = np.einsum("...ir,...ij,...rj->...r", u, g, vh)
    return np.asarray(-d * s ** (2 - 2 / d) * along)


def _factors(weights: Sequence[npt.ArrayLike]) -> list[Array]:
    factors = _arrays("weights", weights)
    if not factors:
        raise ValueError("weights must not be empty")
    shapes = [w.shape for w in factors]
    if min(map(len, shapes)) < 2 or any(a[-2] != b[-1] for a, b in pairwise(shapes)):
        raise ValueError(
            f"weights must be matrices that can be multiplied, got the shapes {shapes}"
        )
    return factors


def _arrays(name: str, weights: Any) -> list[Array]:
    members = sequence(name, weights, "matrices", axes=None)
    return [real_array(f"{name}[{i}]", w) for i, w in enumerate(members)]
