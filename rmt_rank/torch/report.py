"""Reports of what was expanded into products, and of what was collapsed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CollapseReport", "Collapsed", "Expanded", "OverparamReport"]


@dataclass(frozen=True)
class Expanded:
    """A weight that is a product now.

    Attributes
    ----------
    name : str
        Path of the weight in the model.
    factors : tuple of tuple of int
        Shapes of the factors, the first of which acts first.
    before, after : int
        Numbers of parameters of the weight, and of its factors and norms.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import overparameterize
    >>> report = overparameterize(torch.nn.Linear(4, 3), depth=2)
    >>> report.layers[0].factors
    ((4, 4), (3, 4))
    """

    name: str
    factors: tuple[tuple[int, ...], ...]
    before: int
    after: int


@dataclass(frozen=True)
class OverparamReport:
    """Result of `overparameterize`.

    Attributes
    ----------
    layers : tuple of Expanded
        Weights that are products now.
    skipped : dict of str to str
        Paths of the others, each with the reason.
    before, after : int
        Numbers of parameters of the model.
    init : str
        Initial values of the factors; "law" means that weights were drawn anew.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import overparameterize
    >>> report = overparameterize(torch.nn.Linear(4, 3), depth=2)
    >>> report.before, report.after
    (15, 31)
    """

    layers: tuple[Expanded, ...]
    skipped: dict[str, str]
    before: int
    after: int
    init: str

    def __str__(self) -> str:
        lines = [
            f"{each.name}: {' then '.join('x'.join(map(str, s)) for s in each.factors)}, "
            f"{each.before:,} -> {each.after:,} parameters"
            for each in self.layers
        ]
        lines += [f"{name}: skipped, {reason}" for name, reason in self.skipped.items()]
        if not self.layers:
            return "\n".join([*lines, f"model: {self.before:,} parameters, nothing changed"])
        kept = "drawn anew" if self.init == "law" else "kept"
        lines.append(f"model: {self.before:,} -> {self.after:,} parameters, weights {kept}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Collapsed:
    """A weight that is plain again.

    Attributes
    ----------
    name : str
        Path of the weight in the model.
    error : float
        Largest difference from the weight that the layer used, relative to its largest entry.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import collapse, overparameterize
    >>> layer = torch.nn.Linear(4, 3)
    >>> _ = overparameterize(layer, depth=2)
    >>> collapse(layer).layers[0].name
    'weight'
    """

    name: str
    error: float


@dataclass(frozen=True)
class CollapseReport:
    """Result of `collapse`.

    Attributes
    ----------
    layers : tuple of Collapsed
        Weights that are plain again.
    before, after : int
        Numbers of parameters of the model.

    Examples
    --------
    >>> import torch
    >>> from rmt_rank.torch import collapse, overparameterize
    >>> layer = torch.nn.Linear(4, 3)
    >>> _ = overparameterize(layer, depth=2)
    >>> report = collapse(layer)
    >>> report.before, report.after, report.error < 1e-6
    (31, 15, True)
    """

    layers: tuple[Collapsed, ...]
    before: int
    after: int

    @property
    def error(self) -> float:
        """Largest error of all layers; 0 if there are none."""
        return max((each.error for each in self.layers), default=0.0)

    def __str__(self) -> str:
        lines = [f"{each.name}: relative error {each.error:.1e}" for each in self.layers]
        lines.append(f"model: {self.before:,} -> {self.after:,} parameters")
        return "\n".join(lines)
