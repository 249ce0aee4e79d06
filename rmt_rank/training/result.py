"""Result of a training run: final networks and recorded values, which can be saved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rmt_rank._lib.activations import activation
from rmt_rank._lib.archive import described, pack, parsed, unpack
from rmt_rank._lib.atomic import clear_parts, write
from rmt_rank._lib.optional import optional
from rmt_rank._lib.validation import integer, shown
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.training.ledger import Status
from rmt_rank.training.stored_result import checked_arrays, checked_settings, checked_state

__all__ = ["TrainingResult"]

Array = npt.NDArray[Any]

# Kind of the file, as named in its seal.
_KIND = "training result"


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Networks at the end of a run, and their history; made by `rmt_rank.networks.train`.

    Two results are equal if they hold the same numbers, where nan equals nan.

    Attributes
    ----------
    network : LinearNetwork or NonlinearNetwork
        Shape of the networks.
    settings : dict
        Settings of the training.
    arrays : dict of str to (dimensions, ndarray)
        Content of `dataset`.
    state : list of ndarray, shape (networks, size)
        Parameters, then what the optimizer remembers, in the order of learning_rate, seed.

    Examples
    --------
    >>> import rmt_rank as rr
    >>> problem = rr.networks.least_squares_problem(16, task_rank=2, examples=6, rng=0)
    >>> result = rr.networks.train(problem, 2, learning_rate=0.1, seeds=3, rng=1)
    >>> [weight.shape for weight in result.weights]  # learning rates, seeds, matrix
    [(1, 3, 16, 16), (1, 3, 16, 16)]
    """

    network: LinearNetwork | NonlinearNetwork
    settings: dict[str, Any]
    arrays: Mapping[str, tuple[tuple[str, ...], Array]]
    state: list[Array]

    def __post_init__(self) -> None:
        if not isinstance(self.network, LinearNetwork | NonlinearNetwork):
            raise TypeError(
                f"network must be a LinearNetwork or a NonlinearNetwork, got {shown(self.network)}"
            )
        for name, kind in (("settings", dict), ("arrays", Mapping), ("state", list)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(
                    f"{name} must be a {kind.__name__}, got {shown(getattr(self, name))}"
                )

        if not all(isinstance(array, np.ndarray) for array in self.state):
            raise TypeError(f"state must be a list of arrays, got {shown(self.state)}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrainingResult):
            return NotImplemented
        return (
            self.network == other.network
            and self.settings == other.settings
            and list(self.arrays) == list(other.arrays)
            and len(self.state) == len(other.state)
            and all(
                mine[0] == theirs[0] and np.array_equal(mine[1], theirs[1], equal_nan=True)
                for mine, theirs in zip(self.arrays.values(), other.arrays.values(), strict=True)
            )
            and all(
                np.array_equal(mine, theirs, equal_nan=True)
                for mine, theirs in zip(self.state, other.state, strict=True)
            )
        )

    def __repr__(self) -> str:
        status = self.arrays["status"][1]
        counts = Counter(Status(value).name for value in status.flat)
        rates, seeds = status.shape
        ends = ", ".join(f"{count} {name}" for name, count in counts.items())
        return (
            f"TrainingResult({self.network}, {self.settings['optimizer']}, learning rates x seeds: "
            f"{rates} x {seeds}, {ends})"
        )

    @property
    def dataset(self) -> Any:
        """All numbers as an xarray Dataset (the extra `study`).

        Dimensions are learning_rate, seed, step (where it was recorded) and value (singular values,
        in descending order).  `final_...` is where a network stopped, whenever that was; entries of
        the history after it are nan.  `status` holds the values of `Status`.
        """
        xarray = optional("a dataset", "xarray", "study")
        coordinates = ("learning_rate", "seed", "step")
        return xarray.Dataset(
            {k: v for k, v in self.arrays.items() if k not in coordinates},
            coords={k: self.arrays[k] for k in coordinates},
            attrs={k: v if isinstance(v, str) else json.dumps(v) for k, v in self.settings.items()},
        )

    @property
    def weights(self) -> list[Array]:
        """Final weights W_1, W_2, ..., each of shape (learning rates, seeds, rows, columns)."""
        shape = self.arrays["status"][1].shape
        return [w.reshape(*shape, *w.shape[1:]) for w in self.network.weights(self.state[0])]

    @property
    def parameters(self) -> Array:
        """Final weights as the network's methods want them, (learning rates, seeds, size)."""
        return self.state[0].reshape(*self.arrays["status"][1].shape, -1)

    @property
    def initial_weights(self) -> list[Array]:
        """The same where training began."""
        shape = self.arrays["status"][1].shape
        initial = self.arrays["initial_parameters"][1].reshape(len(self.state[0]), -1)
        return [w.reshape(*shape, *w.shape[1:]) for w in self.network.weights(initial)]

    @property
    def interrupted(self) -> bool:
        """True if some networks were still running."""
        return bool(np.any(self.arrays["status"][1] == Status.RUNNING))

    def save(self, path: str | Path) -> None:
        """Write everything to one .npz file, whole or not at all.

        Raises
        ------
        ValueError
            If the network's activation is none that its name leads back to.
        """
        content: dict[str, Any] = {name: values for name, (_, values) in self.arrays.items()}
        content |= {f"state_{i}": array for i, array in enumerate(self.state)}
        header = {
            "network": _header(self.network),
            "settings": self.settings,
            "dimensions": {name: list(dimensions) for name, (dimensions, _) in self.arrays.items()},
            "state": len(self.state),
        }
        path = Path(path)
        clear_parts(path.parent)
        write(path, pack(_KIND, {"header": np.array(json.dumps(header)), **content}))

    @classmethod
    def load(cls, path: str | Path) -> TrainingResult:
        """Read a result that `save` wrote.

        Raises
        ------
        OSError
            If there is no such file, or the system cannot read it.
        ValueError
            If the file is truncated or damaged, was written by another version, or has content that
            no run can have: a state that is nan, a status that does not exist.
        """
        path = Path(path)
        content = unpack(path, _KIND)
        with described(path, _KIND):
            header = parsed(str(content.pop("header")))
            network = _network(header["network"])
            settings = checked_settings(header["settings"], network)
            count = integer("state", header["state"], at_least=1)
            state = [content.pop(f"state_{i}") for i in range(min(count, len(content)))]
            arrays = checked_arrays(header["dimensions"], content, network)
            checked_state(state, arrays["status"][1], network, settings["optimizer"])
        return cls(network, settings, arrays, state)


def _header(network: LinearNetwork | NonlinearNetwork) -> Any:
    """Description of a network in a file."""
    if isinstance(network, LinearNetwork):
        return [list(network.widths), network.skip, network.batch_norm]
    name = network.activation.name
    try:
        known = activation(name) == network.activation
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"activation must be one with a name of its own to be saved, got {name!r}")
    return [list(network.widths), name, network.expansion, network.criterion]


def _network(header: Any) -> LinearNetwork | NonlinearNetwork:
    widths, *rest = header
    if len(rest) == 3:
        name, expansion, criterion = rest
        if not isinstance(name, str):
            raise TypeError(f"activation must be a name, got {name!r}")
        return NonlinearNetwork(widths, name, expansion, criterion=criterion)
    skip, batch_norm = rest
    if not isinstance(batch_norm, bool):
        raise TypeError(f"batch_norm must be true or false, got {batch_norm!r}")
    return LinearNetwork(widths, skip, batch_norm)
