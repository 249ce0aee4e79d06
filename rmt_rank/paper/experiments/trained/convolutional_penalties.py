"""The explicit regularisers of Table 3, added up over the weights of a network.

A weight is the matrix of outputs x (inputs * taps) of a layer, end to end if it is a product.  The
paper does not say on which matrix its regularisers are; this is the one whose rank it reports.
PyTorch is imported when a function is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["PENALTIES", "penalised"]


# A network diverged long before an entry is so large; LAPACK takes no infinite ones, and one
# network of a stack must not end the others.
_DIVERGED = 1e9


def _singular_values(matrix: Any) -> Any:
    import torch

    return torch.linalg.svdvals(torch.where(matrix.abs() < _DIVERGED, matrix, 0.0))


def _nuclear_norm(matrix: Any) -> Any:
    return _singular_values(matrix).sum()


def _effective_rank(matrix: Any) -> Any:
    """Entropy of the singular values over their sum, in nats (Definition 1)."""
    import torch

    values = _singular_values(matrix)
    # the entropy's slope is infinite at zero
    shares = (values / values.sum()).clamp_min(torch.finfo(matrix.dtype).tiny)
    return torch.special.entr(shares).sum()


def _stable_rank(matrix: Any) -> Any:
    return matrix.square().sum() / _singular_values(matrix)[0] ** 2


PENALTIES: dict[str, Callable[[Any], Any]] = {
    "l2": lambda matrix: matrix.square().sum().sqrt(),
    "l1": lambda matrix: matrix.abs().sum(),
    "nuclear": _nuclear_norm,
    "effective-rank": _effective_rank,
    "stable-rank": _stable_rank,
    "frobenius-squared": lambda matrix: matrix.square().sum(),
}


def penalised(model: Any, layers: list[Any], penalty: str | None) -> Any:
    """Return a network that computes outputs, and the regulariser of its layers' weights.

    Parameters
    ----------
    model : torch.nn.Module
        It becomes the attribute `model`.
    layers : list of torch.nn.Module
        Layers of the network with an attribute `weight`.
    penalty : str or None
        Key of `PENALTIES`; None for the regulariser 0.
    """
    import torch

    class Penalised(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Any) -> tuple[Any, Any]:
            outputs = self.model(x)
            if penalty is None:
                return outputs, outputs.new_zeros(())
            sizes = [PENALTIES[penalty](layer.weight.flatten(1)) for layer in layers]
            return outputs, torch.stack(sizes).sum()

    return Penalised()
