r"""Random search: many initialisations, the best is kept.

The loss of a Gaussian chain needs only what the chain does to the data.  With x = Q_0 R_0, Q_0 of
p <= n orthonormal columns, W_1 Q_0 is an n x p Gaussian matrix, which is Q_1 T_1 with a Haar frame
Q_1 and an independent triangular T_1 (Bartlett: lengths of Gaussian vectors on its diagonal, normal
numbers above), and so on: W_d ... W_1 x = Z T_(d-1) ... T_1 R_0 with an n x p Gaussian Z.  In the
basis of the targets' columns, only the first rows of Z have anything to hit; of the others the
lengths alone count, those of a last triangle.  A layer takes p(p+1)/2 random numbers in place of
n^2.  All else in the weights of the best one, frames and what happens outside of them, is
independent of the loss, and drawn when it is known to be the best.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of, to_numpy
from rmt_rank.networks.initialisation import orthonormal
from rmt_rank.networks.objective import Objective
from rmt_rank.training.ledger import Ledger
from rmt_rank.training.optimizers.setup import Setup

__all__ = ["RandomSearch"]

Array = npt.NDArray[np.float64]

# Numbers of an array of a block of networks: an eighth of a megabyte, for the sake of the cache.
_BLOCK_NUMBERS = 1 << 14


class RandomSearch:
    """Draw networks and keep the one with the smallest loss; a step is a draw.

    Which networks are drawn does not depend on what is recorded, and a larger budget only adds
    networks.  Draws come in blocks, of a size that depends on the problem.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def run(self, objective: Objective, ledger: Ledger) -> None:
        """Search for every network of a ledger until the budget is used up."""
        xp = namespace_of(ledger.state[0])
        dtype = ledger.state[0].dtype
        ledger.state = ledger.state[:1]
        begin = to_numpy(ledger.state[0]).astype(np.float64)
        draw = self._sampler(objective)

        def state(point: Array) -> list[Any]:
            return [xp.asarray(point[np.newaxis], dtype=dtype)]

        for member, stream in enumerate(self.setup.streams):
            here = np.array([member])
            best, taken = begin[member], ledger.first_step
            lowest = to_numpy(objective.network.loss(state(best)[0], objective.data))
            try:
                going = ledger.observe(taken, here, state(best), lowest)[0]
                while going:
                    losses, parameters = draw(stream)
                    losses[np.isnan(losses)] = np.inf
                    for part in _parts(losses, taken, ledger):
                        i = part.start + int(np.argmin(losses[part]))
                        if losses[i] < lowest[0]:
                            best, lowest = parameters(i), losses[i : i + 1]
                        going = ledger.observe(taken + part.stop, here, state(best), lowest)[0]
                        if not going:
                            break
                    taken += len(losses)
            except KeyboardInterrupt:
                ledger.interrupt(here, state(best))
                raise

    def _sampler(
        self, objective: Objective
    ) -> Callable[[np.random.Generator], tuple[Array, Callable[[int], Array]]]:
        """A function of a stream: losses of a block of networks, and parameters of one of them."""
        network, data = objective.network, objective.data
        if self.setup.initialisation == "normal" and network.plain:
            if network.depth == 1:
                return _OneLayer(objective, self.setup.scale).draw
            if min(network.widths) >= min(data.inputs.shape):
                return _Chains(objective, self.setup.scale).draw
        count = max(1, _BLOCK_NUMBERS // network.size)
        xp, dtype = namespace_of(data.inputs), data.inputs.dtype

        def dense(stream: np.random.Generator) -> tuple[Array, Callable[[int], Array]]:
            parameters = self.setup.draw(count, stream)
            losses = to_numpy(network.loss(xp.asarray(parameters, dtype=dtype), data))
            return losses.astype(np.float64), lambda i: parameters[i]

        return dense


def _parts(losses: Array, taken: int, ledger: Ledger) -> list[slice]:
    """Parts of a block that end where something is to be recorded, or where the search ends."""
    size = min(len(losses), ledger.last - taken)
    found = np.flatnonzero(losses[:size] <= ledger.tolerance)
    if found.size:
        size = int(found[0]) + 1
    stops = {step - taken for step in ledger.schedule if 0 < step - taken < size} | {size}
    edges = [0, *sorted(stops)]
    return [slice(*pair) for pair in pairwise(edges)]


class _OneLayer:
    """Gaussian matrices by what the loss sees of them: two numbers for a direction of the inputs.

    With inputs U S V^T and a column z of W U, the loss has |s z - y|^2, y a column of Y V: a normal
    number along y, and a length across it.
    """

    def __init__(self, objective: Objective, scale: float) -> None:
        data = objective.data
        targets = to_numpy(data.targets).astype(np.float64)
        inputs = to_numpy(data.inputs).astype(np.float64)
        self._frame, sizes, right = np.linalg.svd(inputs, full_matrices=False)
        self._scale = scale / math.sqrt(len(inputs))
        self._sizes = self._scale * sizes
        self._aims = targets @ right.T
        self._lengths = np.linalg.norm(self._aims, axis=0)
        outside = targets - self._aims @ right
        self._rest, self._examples = data.rest + float(np.sum(outside**2)), data.examples
        self._count = max(1, _BLOCK_NUMBERS // len(sizes))

    def draw(self, stream: np.random.Generator) -> tuple[Array, Callable[[int], Array]]:
        """Losses of a block, and parameters of one of its networks."""
        shape = self._count, len(self._sizes)
        along = stream.standard_normal(shape)
        across = np.sqrt(2 * stream.standard_gamma((len(self._aims) - 1) / 2, shape))
        squares = (self._sizes * along - self._lengths) ** 2 + (self._sizes * across) ** 2
        losses = (squares.sum(axis=1) + self._rest) / (2 * self._examples)
        seed = int(stream.integers(2**63))

        def parameters(i: int) -> Array:
            rest = np.random.default_rng((seed, i))
            unit = self._aims / np.where(self._lengths > 0, self._lengths, 1)
            unit[0, self._lengths == 0] = 1
            other = rest.standard_normal(unit.shape)
            other -= unit * np.sum(unit * other, axis=0)
            if len(unit) > 1:
                other /= np.linalg.norm(other, axis=0)
            seen = self._scale * (along[i] * unit + across[i] * other)
            unseen = self._scale * rest.standard_normal((len(unit), len(self._frame)))
            weight = seen @ self._frame.T + unseen - (unseen @ self._frame) @ self._frame.T
            return np.asarray(weight.reshape(-1))

        return losses, parameters


class _Chains:
    """Gaussian networks by their triangular factors, a block at a time, in the same arrays."""

    def __init__(self, objective: Objective, scale: float) -> None:
        self.network, self.data = objective.network, objective.data
        self._frame, self._first = np.linalg.qr(to_numpy(self.data.inputs).astype(np.float64))
        p, k = self._first.shape
        targets = to_numpy(self.data.targets).astype(np.float64)
        self._basis, sizes, _ = np.linalg.svd(targets)
        aims = int(np.sum(sizes > np.finfo(np.float64).eps * max(targets.shape) * sizes[0]))
        others = len(targets) - aims
        # the other outputs have a triangular factor if there are enough of them
        self._aims = aims if others >= p else len(targets)
        self._targets = self._basis[:, : self._aims].T @ targets
        self._scales = [scale / math.sqrt(columns) for _, columns in self.network.shapes]
        count = max(1, _BLOCK_NUMBERS // (p * k))
        # below the diagonals of triangles they stay 0
        self._factor = np.zeros((count, p, p))
        self._last = np.zeros((count, self._aims + (p if others >= p else 0), p))
        self._normal = np.empty((count, p * (p - 1) // 2))
        self._gamma = np.empty((p, count))
        self._aimed = np.empty((count, self._aims, p))
        self._seen = np.empty((2, count, p, k))
        self._outputs = np.empty((*self._last.shape[:2], k))

    def draw(self, stream: np.random.Generator) -> tuple[Array, Callable[[int], Array]]:
        """Losses of a block, and parameters of one of its networks, which draws it once more."""
        before = stream.bit_generator.state
        losses = self._losses(stream)
        seed = int(stream.integers(2**63))

        def parameters(i: int) -> Array:
            factors: list[Array] = []
            again = copy.deepcopy(stream)
            again.bit_generator.state = before
            self._losses(again, lambda factor: factors.append(factor[i].copy()))
            return self._parameters(factors, np.random.default_rng((seed, i)))

        return losses, parameters

    def _losses(
        self, stream: np.random.Generator, note: Callable[[Array], None] = lambda _factor: None
    ) -> Array:
        """Losses of a block; the factors of every layer are noted."""
        seen: Array = self._first
        for layer, rows in enumerate(self.network.widths[1:-1]):
            self._triangles(rows, stream, self._factor)
            self._factor *= self._scales[layer]
            note(self._factor)
            seen = _products(self._factor, seen, self._seen[layer % 2])
        aims = self._aims
        stream.standard_normal(out=self._aimed)
        self._last[:, :aims] = self._aimed
        if self._last.shape[1] > aims:
            self._triangles(self.network.widths[-1] - aims, stream, self._last[:, aims:])
        self._last *= self._scales[-1]
        note(self._last)
        outputs = _products(self._last, seen, self._outputs)
        outputs[:, :aims] -= self._targets
        flat = outputs.reshape(len(outputs), -1)
        losses: Array = np.einsum("bi,bi->b", flat, flat)
        losses += self.data.rest
        losses /= 2 * self.data.examples
        return losses

    def _triangles(self, rows: int, stream: np.random.Generator, out: Array) -> None:
        """Write triangular factors of Gaussian matrices with p columns and that many rows."""
        p = out.shape[-1]
        stream.standard_normal(out=self._normal)
        start = 0
        for i, gamma in enumerate(self._gamma):
            stream.standard_gamma((rows - i) / 2, out=gamma)
            stop = start + p - 1 - i
            out[:, i, i + 1 :] = self._normal[:, start:stop]
            start = stop
        self._gamma *= 2
        np.sqrt(self._gamma, out=self._gamma)
        np.einsum("bii->bi", out)[:] = self._gamma.T

    def _parameters(self, factors: list[Array], stream: np.random.Generator) -> Array:
        """Parameters of a network; what the data do not see of it is drawn."""
        p, aims = len(self._first), self._aims
        frame = self._frame
        weights: list[Array] = []
        for factor, scale, (rows, columns) in zip(
            factors, self._scales, self.network.shapes, strict=True
        ):
            if len(weights) < self.network.depth - 1:
                onto = orthonormal(1, rows, p, stream)[0]
            elif rows > aims:
                others = self._basis[:, aims:] @ orthonormal(1, rows - aims, p, stream)[0]
                onto = np.column_stack([self._basis[:, :aims], others])
            else:
                onto = self._basis
            unseen = stream.standard_normal((rows, columns)) * scale
            weights.append(onto @ factor @ frame.T + unseen - (unseen @ frame) @ frame.T)
            frame = onto
        parameters: Array = self.network.parameters([w[np.newaxis] for w in weights])[0]
        return parameters


def _products(left: Array, right: Array, out: Array) -> Array:
    """Write products of matrices, those on the right one or many; returns out."""
    if right.ndim == 2:
        np.matmul(left.reshape(-1, left.shape[-1]), right, out=out.reshape(-1, right.shape[-1]))
    else:
        np.matmul(left, right, out=out)
    return out
