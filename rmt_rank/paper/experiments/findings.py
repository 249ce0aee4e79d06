"""Verdicts on sentences of the paper, and the numbers behind them."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Finding", "Verdict", "decided", "in_all", "listed"]


class Verdict(enum.Enum):
    """Verdict of the numbers on a sentence.

    Examples
    --------
    >>> from rmt_rank.paper.experiments.findings import Verdict
    >>> [each.name for each in Verdict]
    ['SUPPORTED', 'IN_PART', 'NOT_SUPPORTED', 'UNDECIDED']
    """

    SUPPORTED = "supported"
    IN_PART = "supported in part"
    NOT_SUPPORTED = "not supported"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Finding:
    """A sentence of the paper, and the verdict.

    Attributes
    ----------
    sentence : str
        What is claimed, where it is looked at.
    reference : str
        Where the paper says it.
    verdict : Verdict
    statistic : str
        The numbers behind it.

    Examples
    --------
    >>> from rmt_rank.paper.experiments.findings import Finding, Verdict
    >>> finding = Finding("rank falls with depth", "Figure 2", list(Verdict)[0], "5 of 5 seeds")
    >>> finding.sentence
    'rank falls with depth'
    """

    sentence: str
    reference: str
    verdict: Verdict
    statistic: str

    def saying(self, after: str = "", *, before: str = "") -> Finding:
        """The same finding, with words before and after the numbers."""
        return replace(self, statistic=f"{before}{self.statistic}{after}")


def decided(holds: Any, fails: Any = True) -> Verdict:
    """Verdict of a condition; with a second one for failure it may be undecided."""
    if holds:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if fails else Verdict.UNDECIDED


def listed(
    levels: Iterable[object], values: Iterable[float], form: str = ".3f", *, missing: str = "nan"
) -> str:
    """Values in words, each with its level."""
    words = (missing if math.isnan(value) else format(value, form) for value in values)
    return ", ".join(f"{level}: {word}" for level, word in zip(levels, words, strict=True))


def in_all(
    sentence: str, reference: str, cases: Mapping[str, Finding], *, details: bool = False
) -> Finding:
    """One verdict from those on the same sentence in several cases.

    Supported or not if all decided cases say so, in part if they disagree; undecided ones are
    counted, and nothing is decided if they are more than half.

    Parameters
    ----------
    sentence, reference : str
        See `Finding`.
    cases : mapping of str to Finding
        By name.
    details : bool, default False
        Whether to add the numbers of each case.
    """
    groups: dict[Verdict, list[str]] = {}
    for name, finding in cases.items():
        groups.setdefault(finding.verdict, []).append(name)
    undecided = len(groups.get(Verdict.UNDECIDED, ()))
    decided = set(groups) - {Verdict.UNDECIDED}
    verdict = Verdict.UNDECIDED
    if 2 * undecided <= len(cases) and decided:
        verdict = decided.pop() if len(decided) == 1 else Verdict.IN_PART
    parts = [f"{found.value}: {'; '.join(names)}" for found, names in groups.items()]
    if details:
        parts.append("; ".join(f"{name}: {each.statistic}" for name, each in cases.items()))
    return Finding(sentence, reference, verdict, " | ".join(parts))
