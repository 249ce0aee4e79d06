"""Settings that an optimizer receives in addition to the objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmt_rank.networks.network import Network

__all__ = ["Setup"]


@dataclass(frozen=True)
class Setup:
    """Settings of a batch of B networks.

    Attributes
    ----------
    learning_rate : ndarray, shape (B,)
        Learning rate of each network; nan for optimizers without one.
    streams : list of numpy.random.Generator
        A source of randomness for each network.
    network : Network
        Their shape.
    draw : callable
        Initial parameters (count, size) from a count and a stream.
    initialisation : str
        Name of the law they are drawn from.
    scale : float
        Its scale.
    """

    learning_rate: npt.NDArray[np.float64]
    streams: list[np.random.Generator]
    network: Network
    draw: Callable[[int, np.random.Generator], npt.NDArray[np.float64]]
    initialisation: str
    scale: float
