"""Claims: data with checks that return evidence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from types import ModuleType

import numpy as np

from rmt_rank.simulation.means.chain_statistics import ChainStatistics, simulate_chain

__all__ = ["EXTRA_DEPTHS", "Claim", "Context", "Evidence", "Verdict"]
__all__ += ["at_most", "below", "broken", "erratum", "not_checked", "proof", "refutation"]
__all__ += ["sampled"]


# Depths at which float64 is compared with `exact` in every run, beyond the
# switches in depth.
EXTRA_DEPTHS = (0.01, 100.0)


class Verdict(Enum):
    """Outcome of a check.

    Examples
    --------
    >>> from rmt_rank.paper.claims import Verdict
    >>> [each.name for each in Verdict]
    ['HOLDS', 'REFUTED', 'FAILS', 'ERROR', 'NOT_CHECKED']
    """

    HOLDS = "holds"
    REFUTED = "refuted"  # the printed form is wrong, as claimed
    FAILS = "FAILS"
    ERROR = "ERROR"  # the check itself broke
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Evidence:
    """One line of a report.

    Attributes
    ----------
    check : str
        What was looked at.
    measured, bound : float or None
        The number found, and its reference value; None for a proof.
    relation : {"<=", "<", ">", "proof", "sample", ""}
        What is expected between them; what stands in their place where there are none.
    how : str
        How both were obtained, and where the bound comes from.
    verdict : Verdict
        The outcome.

    Examples
    --------
    >>> from rmt_rank.paper.claims import Evidence, Verdict
    >>> line = Evidence("an identity", 1e-16, 1e-15, "<=", "30 digits", Verdict.HOLDS)
    >>> line.verdict.name
    'HOLDS'
    """

    check: str
    measured: float | None
    bound: float | None
    relation: str
    how: str
    verdict: Verdict


def at_most(check: str, measured: float, bound: float, how: str) -> Evidence:
    """Evidence that holds where measured <= bound (and fails for nan)."""
    measured, bound = float(measured), float(bound)
    verdict = Verdict.HOLDS if measured <= bound else Verdict.FAILS
    return Evidence(check, measured, bound, "<=", how, verdict)


def below(check: str, measured: float, bound: float, how: str) -> Evidence:
    """Evidence that holds where measured < bound."""
    measured, bound = float(measured), float(bound)
    verdict = Verdict.HOLDS if measured < bound else Verdict.FAILS
    return Evidence(check, measured, bound, "<", how, verdict)


def refutation(check: str, measured: float, bound: float, how: str) -> Evidence:
    """Evidence against a printed form: its discrepancy exceeds any error of computation."""
    measured, bound = float(measured), float(bound)
    verdict = Verdict.REFUTED if measured > bound else Verdict.FAILS
    return Evidence(check, measured, bound, ">", how, verdict)


def proof(check: str, holds: bool, how: str) -> Evidence:
    """Evidence without a number: a symbolic proof or a certificate."""
    return Evidence(check, None, None, "proof", how, Verdict.HOLDS if holds else Verdict.FAILS)


def sampled(check: str, holds: bool, how: str) -> Evidence:
    """Evidence without a number: an identity or a pattern checked at some points."""
    verdict = Verdict.HOLDS if holds else Verdict.FAILS
    return Evidence(check, None, None, "sample", how, verdict)


def broken(error: Exception) -> Evidence:
    """A line for a check that ended in an error: nothing is known, and something is wrong."""
    how = f"{type(error).__name__}: {error}"
    return Evidence("the check ended in an error", None, None, "", how, Verdict.ERROR)


def not_checked(check: str, why: str) -> Evidence:
    """A line for a check that was left out, with the reason."""
    return Evidence(check, None, None, "", why, Verdict.NOT_CHECKED)


@dataclass(frozen=True)
class Claim:
    """A statement with its assumptions, source and checks.

    Attributes
    ----------
    name : str
        "group.topic".
    statement : str
        What is claimed, in a sentence.
    assumptions : str
        Under which it is claimed.
    reference : str
        Where the paper, or the literature, says it.
    status : {"known", "proved", "verified", "conjectured", "refuted"}
        How sure it is; known is what the reference proves and the pages only cite.
    refuted_by : str
        What would show it to be wrong.
    check : callable
        From a `Context` to an iterator of `Evidence`.
    argued : str
        The page of docs/ with the argument, or with what there is of one, and its section.
    instead : str
        For what is refuted: the form that holds.

    Examples
    --------
    >>> from rmt_rank.paper.claims import CLAIMS
    >>> claim = CLAIMS[0]
    >>> print(claim.name, claim.status)
    theorem1.density proved
    """

    name: str
    statement: str
    assumptions: str
    reference: str
    status: str
    refuted_by: str
    check: Callable[[Context], Iterator[Evidence]]
    argued: str
    instead: str = ""


def erratum(
    name: str,
    printed: str,
    instead: str,
    reference: str,
    check: Callable[[Context], Iterator[Evidence]],
    *,
    argued: str,
) -> Claim:
    """A claim about a printed form that does not hold."""
    return Claim(
        name=name,
        statement=printed,
        assumptions="as printed in the second revision",
        reference=reference,
        status="refuted",
        refuted_by="the lines marked refuted; the lines marked holds give the form that does",
        check=check,
        argued=argued,
        instead=instead,
    )


@dataclass
class Context:
    """Settings of the checks, and the Monte Carlo chains that they share.

    Attributes
    ----------
    depths : sequence of float
        Depths to look at, increasing; Monte Carlo uses the whole ones.
    widths : sequence of int
        Widths for Monte Carlo, increasing.
    samples : int or None
        Chains per width; None chooses about equal work for each.
    field : {"real", "complex"}
        Field of the matrices.
    digits : int
        Decimal digits of the reference implementation `exact`.
    seed : int
        Seed of the random matrices.
    xp : module
        Array library of the random matrices.
    progress : callable
        Called with a description, the number of chains done and their total.
    chains : dict
        The Monte Carlo results so far, by width and depths.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_rank.paper.claims import Context
    >>> context = Context([0.5, 1, 2], [16, 32], None, "real", 30, 0, np)
    >>> context.whole_depths()
    (1, 2)
    """

    depths: Sequence[float]
    widths: Sequence[int]
    samples: int | None
    field: str
    digits: int
    seed: int
    xp: ModuleType
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    chains: dict[tuple[int, tuple[int, ...]], ChainStatistics] = dataclasses.field(
        default_factory=dict
    )

    def whole_depths(self) -> tuple[int, ...]:
        """The depths that are numbers of factors."""
        return tuple(int(depth) for depth in self.depths if depth >= 1 and depth == int(depth))

    def samples_at(self, width: int) -> int:
        """Number of chains at a width."""
        if self.samples is not None:
            return self.samples
        # 2048 at width 32 (and below), 512 at 64, 64 from 181 on: two or three seconds each
        return max(64, min(2048, math.ceil(2048 * (32 / width) ** 2)))

    def chain(self, width: int, depths: tuple[int, ...] | None = None) -> ChainStatistics:
        """Monte Carlo at a width, run once; at the integers among its depths by default."""
        depths = self.whole_depths() if depths is None else depths
        if (width, depths) not in self.chains:
            total, done = self.samples_at(width), 0
            what = f"width {width}, {total} chains"

            def progress(count: int) -> None:
                nonlocal done
                done += count
                self.progress(what, done, total)

            self.progress(what, 0, total)
            self.chains[width, depths] = simulate_chain(
                width,
                depths,
                total,
                # each width has its own stream, which does not depend on the other widths
                rng=np.random.SeedSequence(self.seed, spawn_key=(width,)),
                field=self.field,
                xp=self.xp,
                progress=progress,
            )
        return self.chains[width, depths]

    def own_chains(self) -> list[ChainStatistics]:
        """The Monte Carlo results so far at its own depths."""
        own = self.whole_depths()
        return [chain for (_, depths), chain in self.chains.items() if depths == own]
