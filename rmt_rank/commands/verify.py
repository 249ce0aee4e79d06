"""The command line of `verify`: parse, refuse bad input, run the claims, report."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from rmt_rank import __version__
from rmt_rank._lib.array import BACKENDS, backend_of, makes_random_numbers, namespace
from rmt_rank._lib.errors import BackendUnavailableError
from rmt_rank._lib.output import Output, refuse_same
from rmt_rank._lib.paths import path_option
from rmt_rank._lib.random import FIELDS
from rmt_rank._lib.text import Parser, shown
from rmt_rank._lib.validation import integer, real
from rmt_rank._lib.work import processes
from rmt_rank.commands.backend import add_backend, chosen_backend
from rmt_rank.commands.run import DONE, FAILED, INTERRUPTED, USAGE, add_options
from rmt_rank.commands.verify_output import figure_formats, write_csv, write_figure, write_json
from rmt_rank.commands.verify_report import Report
from rmt_rank.paper.claims import CLAIMS, Claim, Context, Evidence, broken, select
from rmt_rank.simulation.means.chain_statistics import ChainStatistics
from rmt_rank.simulation.products.blocks import require_room
from rmt_rank.simulation.products.chain import LARGEST_SIZE, new_chain

__all__ = ["main"]


_DEPTHS = "1,2,3,4,8"
_WIDTHS = "32,64,256"
# More claims than this are checked by as many processes as there are processors, which start in
# some three seconds; a group of claims takes less than a minute.
_MANY = 20
# Claims that draw matrices with the array library of --backend, by the beginning of their names.
_DRAWING = (
    *("theorem1.finite-width", "theorem1.errata.statement", "limits.", "singular-values."),
    *("finite-width.", "nonlinear-init."),
)


def main(arguments: Sequence[str] | None = None, prog: str = "python -m rmt_rank.verify") -> int:
    """Run `verify` and return its exit code, which the end of --help explains."""
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if not options.claims and not options.list:
        parser.error("name a claim, for example theorem1; --list shows them all")
    try:
        claims = select(options.claims or ["all"])
        if options.list:
            Report(quiet=False).list(claims)
            return DONE
        backend = chosen_backend(options, prog, hint=any(map(_draws, claims)))
        context = Context(
            depths=_numbers("--depths", options.depths),
            widths=[int(width) for width in _numbers("--widths", options.widths, whole=True)],
            samples=_at_least("--samples", options.samples, 2, LARGEST_SIZE),
            field=options.field,
            digits=_within("--digits", options.digits, 10, 200),
            seed=integer("--seed", options.seed, at_least=0),
            xp=namespace(backend),
        )
        options.jobs = _jobs(options, claims, context)
        if options.figure is not None or any(map(_samples, claims)):
            _require_feasible(context)
        outputs = [
            Output("--csv", options.csv),
            Output("--json", options.json),
            Output("--figure", options.figure, figure_formats()),
        ]
        refuse_same(*outputs)
    except (ValueError, TypeError, OSError, BackendUnavailableError) as error:
        parser.error(str(error))
    return _run(claims, context, outputs, options)


def _run(
    claims: list[Claim], context: Context, outputs: list[Output], options: argparse.Namespace
) -> int:
    # if the evidence goes to standard output, failures are reported on standard error
    standard = any(output.standard for output in outputs)
    report = Report(quiet=options.quiet or standard, file=sys.stderr if standard else None)
    context.progress = report.progress
    previous = signal.getsignal(signal.SIGINT)
    try:
        return _report(claims, context, outputs, options, report)
    finally:
        # only if it changed: it changes only in the main thread, which alone may set it
        if signal.getsignal(signal.SIGINT) is not previous:
            signal.signal(signal.SIGINT, previous)


def _report(
    claims: list[Claim],
    context: Context,
    outputs: list[Output],
    options: argparse.Namespace,
    report: Report,
) -> int:
    interrupted, died = False, False
    with report:
        try:
            with processes(options.jobs, len(claims)) as executor:
                report.header(claims, context, backend_of(context.xp))
                waiting = _submit(executor, claims, context)
                for claim, lines in zip(claims, waiting, strict=True):
                    report.start(claim)
                    for line in lines:
                        report.add(line)
                    report.finish(context)
        except KeyboardInterrupt:
            interrupted = True
            # the results so far are written in no time, and a second Ctrl-C would lose them
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            report.finish(context)
        except BrokenProcessPool:
            interrupted = died = True
            print(f"{options.prog}: a worker died", file=sys.stderr)
        report.summary(interrupted=interrupted)
    to_csv, to_json, to_figure = outputs
    try:
        if to_csv.path is not None:
            write_csv(to_csv, report)
        if to_json.path is not None:
            write_json(to_json, report, context, complete=not interrupted)
        if to_figure.path is not None:
            write_figure(to_figure, claims, context, draw_more=not interrupted)
    except OSError as error:
        if any(output.standard for output in outputs):
            raise
        print(f"{options.prog}: could not write: {shown(error)}", file=sys.stderr)
        return USAGE
    if interrupted and not died:
        return INTERRUPTED
    return FAILED if died or report.failures() else DONE


# Fields of a context that are plain values, and can be sent to another process.
_SETTINGS = ("depths", "widths", "samples", "field", "digits", "seed")


class _Checked(NamedTuple):
    """Findings of a worker: the lines of a claim, and the Monte Carlo that they are about."""

    lines: list[Evidence]
    chains: dict[tuple[int, tuple[int, ...]], ChainStatistics]


def _submit(
    executor: Executor | None, claims: list[Claim], context: Context
) -> Iterator[Iterator[Evidence]]:
    """Yield the lines of each claim, as they are found, or whole from a worker.

    Claims that draw matrices on a device are checked in this process, so that one computes there.
    """
    if executor is None:
        for claim in claims:
            yield _lines(claim, context)
        return
    settings = {name: getattr(context, name) for name in _SETTINGS}
    here = makes_random_numbers(context.xp)
    backend = "numpy" if here else backend_of(context.xp)
    futures = [
        None if here and _draws(claim) else executor.submit(_check, claim.name, settings, backend)
        for claim in claims
    ]
    for done, (claim, future) in enumerate(zip(claims, futures, strict=True)):
        context.progress("claims", done, len(claims))
        if future is None:
            yield _lines(claim, context)
            continue
        found = future.result()
        context.chains.update(found.chains)
        yield iter(found.lines)
    context.progress("claims", len(claims), len(claims))


def _check(name: str, settings: dict[str, Any], backend: str) -> _Checked:
    """Check a claim in a worker, which reports no progress."""
    context = Context(**settings, xp=namespace(backend))
    (claim,) = (claim for claim in CLAIMS if claim.name == name)
    return _Checked(list(_lines(claim, context)), context.chains)


def _lines(claim: Claim, context: Context) -> Iterator[Evidence]:
    try:
        yield from claim.check(context)
    except Exception as error:  # one broken check must not lose the others
        yield broken(error)


def _jobs(options: argparse.Namespace, claims: list[Claim], context: Context) -> int:
    """Number of processes: as given, or the processors for many claims, or beside a device."""
    if options.jobs is not None:
        return integer("--jobs", options.jobs, at_least=1)
    many = len(claims) > _MANY and backend_of(context.xp) == "numpy"
    if many or (makes_random_numbers(context.xp) and len(claims) > 1):
        return os.cpu_count() or 1
    return 1


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Check claims of the paper and print the evidence.",
        epilog="--csv has a line per check, --json also the settings and the Monte Carlo results. "
        "Exit codes: 0: all hold; 1: something does not; 2: wrong usage; 130: interrupted.",
    )
    parser.set_defaults(prog=prog)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="claim or group, e.g. theorem1")
    parser.add_argument("--list", action="store_true", help="list these claims, or all, and exit")
    parser.add_argument(
        "--depths", default=_DEPTHS, metavar="L,...", help=f"depths to check ({_DEPTHS})"
    )
    parser.add_argument(
        "--widths", default=_WIDTHS, metavar="N,...", help=f"Monte Carlo widths ({_WIDTHS})"
    )
    parser.add_argument(
        "--samples", metavar="n", help="chains per width (2048 at width 32, fewer above)"
    )
    parser.add_argument("--field", choices=FIELDS, default="real", help="entries of the matrices")
    parser.add_argument("--digits", default="30", metavar="d", help="digits of quadrature (30)")
    add_backend(parser, BACKENDS)
    add_options(parser, "--csv", "--json", "--quiet", "--seed")
    add_options(
        parser,
        "--jobs",
        default=None,
        help=f"number of processes (1; one per processor for more than {_MANY} claims or cupy)",
    )
    parser.add_argument(
        "--figure",
        type=path_option,
        metavar="PATH",
        help="draw the figure of theorem1 or of singular-values",
    )
    parser.add_argument("--version", action="version", version=f"rmt_rank {__version__}")
    return parser


def _draws(claim: Claim) -> bool:
    """Return whether the claim draws matrices with the array library of --backend."""
    return claim.name.startswith(_DRAWING)


def _samples(claim: Claim) -> bool:
    """Return whether the claim samples products of the widths of --widths."""
    return claim.name.startswith(("theorem1.finite-width", "limits."))


def _require_feasible(context: Context) -> None:
    """ValueError if the products of a width cannot be sampled."""
    for width in context.widths if context.whole_depths() else ():
        depth, samples = context.whole_depths()[-1], context.samples_at(width)
        try:
            chain = new_chain(width, depth, samples, field=context.field)
            require_room(chain, samples, xp=context.xp, depths=len(context.whole_depths()))
        except ValueError as error:
            raise ValueError(f"--widths and --depths must allow Monte Carlo: {error}") from error


def _numbers(name: str, text: str, *, whole: bool = False) -> list[float]:
    """Numbers of a comma-separated list, sorted, without repetition."""
    kind = "integers >= 1" if whole else "numbers > 0"
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{name} must be {kind} separated by commas, got {text!r}") from None
    for value in values:
        if whole and (value < 1 or not value.is_integer()):
            raise ValueError(f"{name} must be {kind} separated by commas, got {value:g}")
        real(name, value, above=0)
    return sorted(set(values))


def _at_least(name: str, text: str | None, least: int, most: int | None = None) -> int | None:
    if text is None:
        return None
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{name} must be an integer >= {least}, got {text!r}") from None
    return integer(name, value, at_least=least, at_most=most)


def _within(name: str, text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{name} must be an integer, got {text!r}") from None
    if not least <= value <= most:
        raise ValueError(f"{name} must be an integer from {least} to {most}, got {value}")
    return value
