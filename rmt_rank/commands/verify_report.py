"""Printed report of `verify`: tables on a terminal, plain aligned text elsewhere."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import TextIO

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from rmt_rank import __version__
from rmt_rank._lib.text import shown
from rmt_rank.paper.claims import Claim, Context, Evidence, Verdict
from rmt_rank.simulation.means.chain_statistics import ChainStatistics
from rmt_rank.theory.finite_width.corrections import (
    LARGEST_DEPTH_PER_WIDTH,
    finite_width_correction,
)
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["Report"]

_STYLES = {
    Verdict.HOLDS: "green",
    Verdict.REFUTED: "magenta",
    Verdict.FAILS: "bold red",
    Verdict.ERROR: "bold red",
    Verdict.NOT_CHECKED: "yellow",
}
# Text that goes to a file or a pipe has no terminal to tell its width.
_PLAIN_WIDTH = 100
_NARROW = 60
_NARROWEST = 40
# Names and statuses of claims take 50 columns: below this width statements stand under them.
_LIST_IN_COLUMNS = 100


class Report:
    """Collect evidence and print it claim by claim; a context manager for the progress bar.

    Parameters
    ----------
    quiet : bool
        Print the summary line only, and the lines that fail.
    file : TextIO, optional
        Where to print; standard output by default.
    """

    def __init__(self, *, quiet: bool, file: TextIO | None = None) -> None:
        self.quiet = quiet
        out = file or sys.stdout or io.StringIO()  # sys.stdout is None if it was closed
        self.terminal = out.isatty()
        self.console = Console(
            file=out,
            width=None if self.terminal else _PLAIN_WIDTH,
            no_color=None if self.terminal else True,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=False,
        )
        self.evidence: list[tuple[Claim, list[Evidence]]] = []
        self._unprinted = False
        # one console for tables and bar where both go to the same terminal
        screen = self.console if self.terminal else Console(file=sys.stderr)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
            disable=quiet or not screen.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Report:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # rich before 14.3 prints an empty line at the end of a bar, also of one that is disabled
        if not self._progress.disable:
            self._progress.stop()

    # --- progress ---------------------------------------------------------------------------

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far a Monte Carlo run is."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, visible=done < total)

    # --- sections ---------------------------------------------------------------------------

    def header(self, claims: list[Claim], context: Context, backend: str) -> None:
        """Say what is about to be checked, with which settings."""
        self._print(
            Text.assemble(
                ("rmt_rank ", "bold"),
                (__version__, "bold"),
                f"  {len(claims)} claim{'s' * (len(claims) != 1)}; "
                f"depths {_listed(context.depths)}; "
                f"widths {_listed(context.widths)} ({context.field}, {backend}); "
                f"{context.digits} digits; seed {context.seed}",
            )
        )

    def start(self, claim: Claim) -> None:
        """Begin a claim; its table is printed by `finish`."""
        self.evidence.append((claim, []))
        self._unprinted = True

    def add(self, line: Evidence) -> None:
        """Add a line to the latest claim."""
        self.evidence[-1][1].append(line)

    def finish(self, context: Context) -> None:
        """Print the latest claim, unless it is already printed."""
        if not self._unprinted:
            return
        self._unprinted = False
        claim, lines = self.evidence[-1]
        self._print("")
        self._print(Text.assemble((claim.name, "bold"), f"  [{claim.status}]"))
        self._print(Padding(claim.statement, (0, 0, 0, 2)))
        if claim.instead:
            self._print(Padding(f"Instead: {claim.instead}", (0, 0, 0, 2)))
        self._print(self._lines(lines))
        if claim.name.endswith("finite-width") and context.own_chains():
            self._print(self._monte_carlo(context))
        for line in lines:
            # failures are printed in quiet mode, too: nobody should have to run it again
            failed = line.verdict in (Verdict.FAILS, Verdict.ERROR)
            if failed or (line.verdict is Verdict.NOT_CHECKED and not self.quiet):
                text = Text.assemble(
                    (line.verdict.value, _STYLES[line.verdict]),
                    f"  {claim.name}: {line.check}\n{_lines_shown(line.how)}",
                )
                self._print(Padding(text, (0, 0, 0, 2)), always=True)

    def _lines(self, lines: list[Evidence]) -> Table | Group:
        """Evidence as a table; as paragraphs where the terminal is too narrow for one."""
        if self.console.width < _NARROW:
            return Group(
                *(
                    Padding(
                        Text.assemble(
                            f"{line.check}: {_number(line.measured)} {line.relation} "
                            f"{_number(line.bound)} ",
                            (line.verdict.value, _STYLES[line.verdict]),
                        ),
                        (0, 0, 0, 2),
                    )
                    for line in lines
                )
            )
        table = self._table()
        table.add_column("check", ratio=1)
        table.add_column("measured", justify="right", no_wrap=True, min_width=9)
        table.add_column("bound", justify="right", no_wrap=True, min_width=10)
        table.add_column("verdict", no_wrap=True, min_width=11)
        for line in lines:
            table.add_row(
                line.check,
                line.relation if line.relation in ("proof", "sample") else _number(line.measured),
                "" if line.bound is None else f"{line.relation} {_number(line.bound)}",
                Text(line.verdict.value, style=_STYLES[line.verdict]),
            )
        return table

    def summary(self, *, interrupted: bool) -> None:
        """Print one line that says it all."""
        totals = self.totals()
        parts = [_counted(v, totals[v.value]) for v in Verdict if totals[v.value]]
        verdict = Verdict.FAILS if self.failures() else Verdict.HOLDS
        count = sum(totals.values())
        text = f"{count} check{'s' * (count != 1)}: {'; '.join(parts) or 'none'}"
        if interrupted:
            verdict = Verdict.NOT_CHECKED
            text += "; interrupted, the rest was not checked"
        self._print("")
        self._print(Text(text, style=_STYLES[verdict]), always=True)

    def list(self, claims: Iterable[Claim]) -> None:
        """Print the claims that there are."""

        def argued(claim: Claim) -> Text:
            return Text.assemble(claim.statement, "\n", (claim.argued, "dim"))

        if self.console.width < _LIST_IN_COLUMNS:
            for claim in claims:
                self._print(Text.assemble((claim.name, "bold"), f"  [{claim.status}]"))
                self._print(Padding(argued(claim), (0, 0, 0, 2)))
            return
        table = self._table()
        table.add_column("claim", no_wrap=True)
        table.add_column("status", no_wrap=True)
        table.add_column("statement, and where it is argued", ratio=1)
        for claim in claims:
            table.add_row(claim.name, claim.status, argued(claim))
        self._print(table)

    # --- counts -----------------------------------------------------------------------------

    def count(self, verdict: Verdict) -> int:
        """Number of lines with a verdict."""
        return sum(line.verdict is verdict for _, lines in self.evidence for line in lines)

    def failures(self) -> int:
        """Number of lines that fail, or broke."""
        return self.count(Verdict.FAILS) + self.count(Verdict.ERROR)

    def totals(self) -> dict[str, int]:
        """Number of lines with each verdict."""
        return {verdict.value: self.count(verdict) for verdict in Verdict}

    # --- pieces -----------------------------------------------------------------------------

    def _print(self, what: object, *, always: bool = False) -> None:
        if self.quiet and not always:
            return
        if self.terminal:
            self.console.print(what)
            return
        with self.console.capture() as capture:
            self.console.print(what)
        # without the blanks that pad tables; flushed, so that a pipe shows progress
        text = "\n".join(line.rstrip() for line in capture.get().split("\n"))
        print(text, end="", flush=True, file=self.console.file)

    def _table(self, *, expand: bool = True) -> Table:
        return Table(
            box=box.SIMPLE_HEAD if self.terminal else None,
            expand=expand,
            pad_edge=self.console.width >= _NARROW,
            padding=(0, 1),
            header_style="dim",
        )

    def _monte_carlo(self, context: Context) -> Group:
        names = ["width", "depth", "chains", "mean (s.e.)", "log N + rho", "corrected"]
        if self.console.width < _NARROW:
            names = ["width", "depth", "mean (s.e.)", "corrected"]
        if self.console.width < _NARROWEST:
            names.remove("corrected")
        table = self._table(expand=False)
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
        for chain in context.own_chains():
            for depth, mean, error in zip(chain.depths, chain.rank, chain.rank_error, strict=True):
                limit = math.log(chain.width) + float(differential_effective_rank(depth))
                inside = depth <= LARGEST_DEPTH_PER_WIDTH * chain.width
                cells = {
                    "width": str(chain.width),
                    "depth": str(depth),
                    "chains": str(chain.samples),
                    "mean (s.e.)": f"{mean:.4f}({1e4 * error:.0f})",
                    "log N + rho": f"{limit:.4f}",
                    "corrected": f"{limit + _correction(chain, depth):.4f}" if inside else "-",
                }
                table.add_row(*(cells[name] for name in names))
        return Group(
            Padding(
                "Monte Carlo: mean effective rank in nats, standard error of the last digits in "
                "brackets; its limit; the limit with the finite-width correction (conjectured "
                "for real entries at depth >= 2).",
                (0, 0, 0, 2),
            ),
            table,
        )


def _correction(chain: ChainStatistics, depth: int) -> float:
    return finite_width_correction(chain.width, depth, chain.field).value


def _counted(verdict: Verdict, count: int) -> str:
    if verdict is Verdict.HOLDS:
        return f"{count} hold{'s' * (count == 1)}"
    if verdict is Verdict.REFUTED:
        return f"{count} statement{'s' * (count != 1)} refuted, as expected"
    return f"{count} {verdict.value}"


def _number(value: float | None) -> str:
    return "" if value is None else format(value, ".3g")


def _lines_shown(text: str) -> str:
    """Escape a text line by line, such as the message of any exception."""
    return "\n".join(map(shown, text.split("\n")))


def _listed(values: Iterable[float]) -> str:
    return ",".join(format(value, "g") for value in values)
