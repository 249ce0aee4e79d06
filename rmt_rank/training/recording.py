"""Recorded values of networks: losses, singular values, and the measures of rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.array import namespace_of, svdvals, to_numpy
from rmt_rank.metrics import spectrum
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, ReducedData

__all__ = ["THRESHOLDS", "History", "Observer", "joined", "measures", "with_measures"]

Array = npt.NDArray[Any]
# by name, with their dimensions
Arrays = dict[str, tuple[tuple[str, ...], Array]]

# thresholds of the threshold ranks in the paper's figures
THRESHOLDS = (0.001, 0.005, 0.01)


# Numbers in the parameters that wait on a device to be measured: 64 MB in double precision.
_WAITING_NUMBERS = 2**23


class Observer:
    """Measures networks on a problem.

    Parameters
    ----------
    network, problem, data, test
        The data are those of the problem as the network needs them, arrays of the library that
        trains; the held-out ones become that.
    layers : bool
        Whether to look at every layer, too.
    """

    def __init__(
        self,
        network: LinearNetwork | NonlinearNetwork,
        problem: LeastSquaresProblem,
        data: ReducedData,
        test: ReducedData | None,
        layers: bool,
    ) -> None:
        xp, dtype = namespace_of(data.inputs), data.inputs.dtype
        self.network, self.data, self.layers = network, data, layers
        self.test = None if test is None else test.to(xp, dtype)
        # the Gram matrix is that of held-out examples, as functions they were not fitted to
        examples = problem.inputs if problem.test_inputs is None else problem.test_inputs
        self.examples = xp.asarray(examples, dtype=dtype)

    def __call__(self, parameters: Any) -> dict[str, Array]:
        """Numbers of each network, (b, ...), nan for those that are not finite."""
        xp = namespace_of(parameters)
        matrices, features = self._seen(parameters)
        lengths = xp.sqrt(xp.sum(features * features, axis=-1, keepdims=True))
        # decompositions are not asked about what has overflown
        flat = [xp.reshape(each, (each.shape[0], -1)) for each in (*matrices.values(), lengths)]
        finite = xp.all(xp.isfinite(xp.concat(flat, axis=1)), axis=1)[:, None, None]
        unit = features / xp.where(lengths > 0, lengths, xp.ones_like(lengths))
        unit = xp.where(finite, unit, xp.zeros_like(unit))
        found = {"loss": self.network.loss(parameters, self.data)}
        for name, matrix in matrices.items():
            found[name] = svdvals(xp, xp.where(finite, matrix, xp.zeros_like(matrix)))
        # eigenvalues of the cosine kernel; those beyond the number of features are 0
        found["gram_values"] = svdvals(xp, unit) ** 2
        if self.test is not None:
            found["test_loss"] = self.network.test_loss(parameters, self.data, self.test)
        if isinstance(self.network, NonlinearNetwork) and self.network.criterion == "cross-entropy":
            found["accuracy"] = self.network.accuracy(parameters, self.data)
            if self.test is not None:
                found["test_accuracy"] = self.network.accuracy(parameters, self.test)
        mask = to_numpy(finite)[:, 0, 0]
        host = {name: to_numpy(values).astype(np.float64) for name, values in found.items()}
        for values in host.values():
            values[~mask] = np.nan
        return host

    def _seen(self, parameters: Any) -> tuple[dict[str, Any], Any]:
        """Matrices whose singular values are recorded, by name, and features (b, samples, n).

        Features are outputs of linear networks, and the last hidden activations of others.
        """
        if isinstance(self.network, NonlinearNetwork):
            features = self.network.features(parameters, self.examples)
            weights = self.network.effective_weights(parameters) if self.layers else []
            matrices = {}
        else:
            xp = namespace_of(parameters)
            weight, bias = self.network.effective(parameters, self.data)
            features = self.examples @ xp.matrix_transpose(weight)
            if bias is not None:
                features = features + bias[:, None, :]
            weights = self.network.weights(parameters) if self.layers else []
            matrices = {"singular_values": weight}
        return matrices | _by_layer(weights), features


class History:
    """Recorded numbers of all networks, (networks, steps, ...), nan where one was not recorded.

    Arrays on the host are measured at once.  Those of other libraries, which may be on a device,
    wait there until they are many: a measurement is many operations, each of which takes as long
    for a few networks as for many, and the host waits for their results.

    Parameters
    ----------
    observer : Observer
        Measures parameters.
    networks, steps : int
        Numbers of all networks, and of steps that are recorded.
    """

    def __init__(self, observer: Observer, networks: int, steps: int) -> None:
        self._observer, self._shape = observer, (networks, steps)
        self._waiting: list[tuple[Any, Array, int]] = []
        self._numbers = 0
        self.arrays: dict[str, Array] = {}

    def note(self, batch: Array, parameters: Any, members: Array, place: int) -> None:
        """Record some members of a batch of networks at a place in the schedule."""
        host = type(parameters) is np.ndarray
        # the optimizer changes its arrays in place
        kept = parameters if host else parameters * 1
        self._waiting.append((kept, batch[members], place))
        self._numbers += kept.shape[0] * kept.shape[1]
        if host or self._numbers >= _WAITING_NUMBERS:
            self.measure()

    def measure(self) -> None:
        """Measure what waits."""
        if not self._waiting:
            return
        first = self._waiting[0][0]
        parameters = first
        if len(self._waiting) > 1:
            parameters = namespace_of(first).concat([each for each, _, _ in self._waiting])
        with np.errstate(over="ignore", invalid="ignore"):
            found, start = self._observer(parameters), 0
        for each, networks, place in self._waiting:
            stop = start + each.shape[0]
            for name, values in found.items():
                if name not in self.arrays:
                    self.arrays[name] = np.full((*self._shape, *values.shape[1:]), np.nan)
                self.arrays[name][networks, place] = values[start:stop]
            start = stop
        self._waiting, self._numbers = [], 0


def _by_layer(weights: list[Any]) -> dict[str, Any]:
    return {f"layer_{i}_singular_values": w for i, w in enumerate(weights, 1)}


def measures(singular_values: Array) -> Arrays:
    """Every measure of rank, (...), of singular values (..., k), with the dimensions they add."""
    s = singular_values
    return {
        "effective_rank": ((), spectrum.effective_rank(s)),
        "stable_rank": ((), spectrum.stable_rank(s)),
        "participation_ratio": ((), spectrum.participation_ratio(s)),
        "nuclear_norm": ((), spectrum.nuclear_norm(s)),
        "condition_number": ((), spectrum.condition_number(s)),
        "threshold_rank": (
            ("threshold",),
            np.stack([spectrum.threshold_rank(s, tau) for tau in THRESHOLDS], axis=-1),
        ),
    }


def with_measures(found: dict[str, Array], batch: tuple[str, ...]) -> Arrays:
    """Recorded arrays with their dimensions, and the measures of their spectra."""
    arrays: Arrays = {}
    for name, values in found.items():
        last = (_AXES.get(name, name.removesuffix("_singular_values") + "_value"),)
        arrays[name] = (batch + last[: values.ndim - len(batch)], values)
    if "gram_values" in found:
        arrays["gram_effective_rank"] = (batch, spectrum.effective_rank(found["gram_values"]))
    if "singular_values" in found:
        ranks = measures(found["singular_values"])
        arrays |= {name: (batch + last, values) for name, (last, values) in ranks.items()}
    return arrays


# Layers may differ in their number of singular values, and have axes of their own.
_AXES = {
    "singular_values": "value",
    "gram_values": "gram_value",
    "initial_parameters": "parameter",
}


def joined(first: Mapping[str, tuple[tuple[str, ...], Array]], second: Arrays) -> Arrays:
    """The joined history of a run and the run that resumed it; all else is the second's."""
    old = first["step"][1][first["step"][1] <= first["taken"][1].max()]
    new = second["step"][1]
    steps = np.union1d(old, new)
    result = second | {"step": (("step",), steps)}
    for name in sorted((first.keys() | second.keys()) - {"step"}):
        dimensions, like = second[name] if name in second else first[name]
        if "step" not in dimensions:
            continue
        axis = dimensions.index("step")
        both = np.full((len(steps), *np.moveaxis(like, axis, 0).shape[1:]), np.nan)
        for part, at in ((first, old), (second, new)):
            if name in part:
                values = np.moveaxis(part[name][1], axis, 0)[: len(at)]
                places = np.searchsorted(steps, at)
                # networks that had stopped were not measured again
                both[places] = np.where(np.isnan(values), both[places], values)
        result[name] = (dimensions, np.moveaxis(both, 0, axis))
    return result
