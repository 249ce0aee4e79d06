"""Tables 1 to 3 of the paper as data: test accuracies in percent, and gains as they are printed.

arXiv:2103.10427.  They are its authors' measurements, single ones without errors, and nothing here
computes them again; `DISAGREEMENTS` is where tables and text contradict each other or themselves.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "DISAGREEMENTS",
    "TABLE_1",
    "TABLE_2",
    "TABLE_3",
    "Architecture",
    "Disagreement",
    "Expansion",
    "Regularizer",
]


class Expansion(NamedTuple):
    """A row of Table 1: a CNN of 4 convolutions and 2 linear layers, over-parameterised.

    Examples
    --------
    >>> from rmt_rank.paper.tables import TABLE_1
    >>> TABLE_1[0].factor, TABLE_1[0].cifar10
    (1, 86.9)
    """

    factor: int  # linear layers instead of one
    linear: bool  # True if linear layers are expanded
    convolutions: bool
    cifar10: float
    cifar10_gain: float | None  # None for the baseline
    cifar100: float
    cifar100_gain: float | None


class Architecture(NamedTuple):
    """A row of Table 2: ImageNet, every layer expanded to two.

    Examples
    --------
    >>> from rmt_rank.paper.tables import TABLE_2
    >>> TABLE_2[0].name, TABLE_2[0].gain
    ('AlexNet', 1.8)
    """

    name: str
    original: float
    expanded: float
    gain: float


class Regularizer(NamedTuple):
    """A row of Table 3: the CNN of Table 1 with explicit regularisers.

    Examples
    --------
    >>> from rmt_rank.paper.tables import TABLE_3
    >>> TABLE_3[0].name, TABLE_3[0].cifar10
    ('none', 86.9)
    """

    name: str
    cifar10: float
    cifar10_gain: float | None
    cifar100: float
    cifar100_gain: float | None


class Disagreement(NamedTuple):
    """A place where the paper contradicts itself.

    Examples
    --------
    >>> from rmt_rank.paper.tables import DISAGREEMENTS
    >>> DISAGREEMENTS[0].where
    'Section 4.1 on Table 1'
    """

    where: str
    said: str
    found: str


TABLE_1 = (
    Expansion(1, False, False, 86.9, None, 57.0, None),
    Expansion(2, True, False, 87.1, 0.2, 58.4, 1.4),
    Expansion(2, False, True, 87.8, 0.9, 61.0, 4.0),
    Expansion(2, True, True, 89.1, 2.2, 61.2, 4.2),
    Expansion(4, True, False, 87.3, 0.4, 59.7, 2.7),
    Expansion(4, False, True, 89.1, 2.2, 61.3, 4.3),
    Expansion(4, True, True, 89.0, 2.1, 63.5, 6.5),
    Expansion(8, True, False, 85.9, -1.0, 58.8, 1.8),
    Expansion(8, False, True, 88.5, 1.6, 61.6, 4.6),
    Expansion(8, True, True, 88.0, 1.1, 61.5, 4.5),
)

TABLE_2 = (
    Architecture("AlexNet", 57.3, 59.1, 1.8),
    Architecture("ResNet10", 62.8, 63.7, 0.9),
    Architecture("ResNet18", 67.3, 67.7, 0.4),
)

TABLE_3 = (
    Regularizer("none", 86.9, None, 57.0, None),
    Regularizer("low-rank initialisation", 86.8, -0.1, 57.2, 0.2),
    Regularizer("l2 norm", 87.2, 0.3, 57.0, 0.0),
    Regularizer("l1 norm", 87.4, 0.5, 60.0, 3.0),
    Regularizer("nuclear norm", 87.0, 0.1, 58.1, 1.1),
    Regularizer("effective rank", 86.9, 0.0, 57.2, 0.2),
    Regularizer("stable rank", 87.6, 0.9, 58.3, 1.3),
    Regularizer("squared Frobenius norm", 87.0, 0.1, 59.2, 2.2),
    Regularizer("expansion 2", 89.1, 2.2, 61.2, 4.2),
    Regularizer("expansion 2 and l2", 89.6, 2.7, 61.1, 4.1),
    Regularizer("expansion 2 and l1", 89.7, 2.8, 63.3, 6.3),
)

DISAGREEMENTS = (
    Disagreement(
        "Section 4.1 on Table 1",
        "expansion 4 gains 6.3 on CIFAR100 and 2.8 on CIFAR10",
        "Table 1 has 6.5 and at most 2.2; 6.3 and 2.8 are Table 3's expansion 2 with l1",
    ),
    Disagreement(
        "Section 4.1 on Table 1",
        "an expansion factor of 4 is the sweet spot",
        "on CIFAR10 the factor 2 is as good: 89.1 at factors 2 and 4",
    ),
    Disagreement(
        "Section 4.1 on Table 1",
        "expansion improves consistently",
        "expanding the linear layers to 8 loses 1.0 on CIFAR10",
    ),
    Disagreement(
        "Table 3, stable rank, CIFAR10",
        "a gain of 0.9",
        "87.6 - 86.9 = 0.7",
    ),
    Disagreement(
        "Section 4.1 on Table 3",
        "norms with expansion improve further",
        "expansion 2 with l2 has 61.1 on CIFAR100, without it 61.2",
    ),
    Disagreement(
        "Table 2's caption and Section 4.1",
        "from ResNet34 on there is no noticeable improvement (the caption)",
        "from ResNet34 on expanded models are worse than the original (the text)",
    ),
)
