"""The expected effective rank of the Gram matrix of a network at initialisation, by formulas.

The limit is that of `rmt_rank.theory.nonlinear.conjugate_kernel`.  Errors were measured by Monte
Carlo.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from rmt_rank._lib import activations as _activations
from rmt_rank._lib.activations import ACTIVATIONS, Activation, is_named
from rmt_rank._lib.validation import shown
from rmt_rank.simulation.means.result import Estimate
from rmt_rank.theory.finite_width.corrections import finite_width_correction
from rmt_rank.theory.nonlinear.conjugate_kernel import conjugate_kernel
from rmt_rank.theory.nonlinear.gram_corrections import cosine_correction

__all__ = [
    "IDENTITY",
    "UNMEASURED",
    "GramCase",
    "best_formula",
    "by_formula",
    "gram_rank_by_formula",
]

IDENTITY = ACTIVATIONS["identity"]

# Depth over width, and samples over width, at which the errors of the formulas were measured.
LARGEST_DEPTH_PER_WIDTH = 0.1
FEWEST_SAMPLES_PER_WIDTH = 0.5

UNMEASURED = "the error of the limit form was measured for activations with a name only"
IMPOSSIBLE = "a value that is not between 0 and log min(samples, width)"
_OUTSIDE = "it is not known to hold for depth > width/10 or samples < width/2"


class GramCase(NamedTuple):
    """Validated arguments of `expected_gram_effective_rank`.

    Attributes
    ----------
    widths : tuple of int
        n_0, ..., n_L: features of the inputs, and widths of the layers.
    """

    widths: tuple[int, ...]
    samples: int
    activation: Activation
    kernel: str
    weight_variance: float

    @property
    def width(self) -> int:
        """The smallest width n."""
        return min(self.widths)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.widths) - 1

    @property
    def place(self) -> str:
        """The widths and the depth, in words."""
        widths = f"width {self.width}" if self.equal else f"widths {shown(self.widths)}"
        return f"{widths}, depth {self.depth}"

    @property
    def equal(self) -> bool:
        """True if all widths are equal."""
        return self.width == max(self.widths)

    @property
    def in_regime(self) -> bool:
        """True where the formulas are known to hold."""
        return (
            self.depth <= LARGEST_DEPTH_PER_WIDTH * self.width
            and self.samples >= FEWEST_SAMPLES_PER_WIDTH * max(self.widths)
        )

    @property
    def measured(self) -> bool:
        """True if errors of the formulas are known for the activation."""
        return self.depth == 0 or is_named(self.activation)

    @property
    def entries(self) -> int:
        """Numbers in the largest array of a network."""
        n = max(self.widths)
        return max(self.samples * n, n * n)


def gram_rank_by_formula(
    width: int, depth: int, samples: int, activation: str, *, weight_variance: float
) -> Estimate:
    """Result of `expected_gram_effective_rank` by the best formula, even outside its regime."""
    found = _activations.activation(activation)
    case = GramCase((width,) * (depth + 1), samples, found, "cosine", weight_variance)
    return by_formula(case, best_formula(case), "it was asked for")


def best_formula(case: GramCase) -> str:
    """Name of the formula with the smallest error."""
    return "corrected" if case.activation is IDENTITY and case.equal else "limit"


def by_formula(case: GramCase, method: str, why: str) -> Estimate:
    """Result of a formula, even outside its regime."""
    n, L = case.width, case.depth
    _, q, found, kernel, variance = case
    features, *layers = (each / n for each in case.widths)
    (limit,) = conjugate_kernel(
        q / n,
        [L],
        found,
        weight_variance=variance,
        features_per_width=features,
        widths=layers if layers and not case.equal else None,
    )
    value, status = limit.effective_rank(n), limit.status
    # At unequal widths these are errors at the smallest.  Measured: within 0.8 of them, for two to
    # four widths from 32 to 128, six activations, and samples from 1/2 to 8 of the largest width.
    if L == 0:  # Gaussian inputs, the kernel of any activation
        error = 0.5 / q + 0.5 / n
    elif found is IDENTITY:
        correction, left = _correction(n, L, q, kernel)
        error = left + abs(correction)
        if method == "corrected":
            value, error = value + correction, left
            status = "conjectured" if L > 1 else "verified"
    elif found.odd:
        # Error of the identity, of which normalised rows are the larger part.  Measured: at most
        # 0.7 of it, widths 32 to 128, either kernel.
        error = cosine_correction(n, L) + 1 / n**2
    else:
        # The outlier fluctuates, and takes log(q) with it.  Measured: up to (1 + L/2) log(n)/n for
        # ReLU, (1 + L) log(n)/n for GELU, and much less for the cosine kernel beyond depth 2.
        error = (1 + L) * math.log(n) / n + 1 / n**2
    if not case.measured:
        error, why = math.inf, f"{why}; {UNMEASURED}"
    elif not 0 <= value <= math.log(min(q, n)):
        error, why = math.inf, f"{why}; it gives {IMPOSSIBLE}"
    if not case.in_regime:
        why = f"{why}; {_OUTSIDE}"
    return Estimate(value, error, "estimate", method, status, why)


def _correction(n: int, L: int, q: int, kernel: str) -> tuple[float, float]:
    """Terms of order 1/n of a linear network, and an estimate of what they leave out.

    Measured at widths 32 to 128 and q/n from 1/2 to 32: the cosine kernel is below its terms by 1
    to 1.9 (L/n)^2, and by up to 0.1/q more at small q/n; the linear kernel, whose (L/n)^2 is kept,
    is below by up to 0.3/q.
    """
    own = finite_width_correction(n, L, "real", power=2)
    if kernel == "linear":
        return own.value, 0.3 * own.remainder + 0.4 / q + 1 / n**2
    value = own.value - own.remainder + cosine_correction(n, L)
    return value, 2 * (L / n) ** 2 + 0.2 / q + 1 / n**2
