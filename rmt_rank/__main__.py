"""Entry point of `rmt-rank` and `python -m rmt_rank`: one subcommand per task."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

__all__ = ["main", "run"]

# not taken from the package's docstring, because `python -OO` removes docstrings
_DESCRIPTION = "How low-rank is a deep linear network, and why."


def main() -> int:
    """Run the command line of the process; the entry point of `rmt-rank`."""
    from rmt_rank._lib.entry import guarded

    return guarded(run)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code."""
    import rmt_rank
    from rmt_rank._lib.text import Parser

    parser = Parser(prog="rmt-rank", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"rmt_rank {rmt_rank.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    # each command parses what follows its name
    commands.add_parser("experiment", help="run the paper's experiments, and ours", add_help=False)
    commands.add_parser("figure", help="make the paper's figures again", add_help=False)
    commands.add_parser(
        "inspect", help="compare the rank of a model's layers with chance", add_help=False
    )
    commands.add_parser("measure", help="measure the rank of matrices in files", add_help=False)
    commands.add_parser("study", help="run a study of random products", add_help=False)
    commands.add_parser("verify", help="check the paper's claims", add_help=False)
    known, rest = parser.parse_known_args(arguments)
    if known.command is None:
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        parser.print_help()
        return 0
    try:
        command: Callable[..., int] = importlib.import_module(
            f"rmt_rank.commands.{known.command}"
        ).main
    except ImportError as error:
        parser.error(str(error))
    return command(rest, prog=f"rmt-rank {known.command}")


if __name__ == "__main__":
    sys.exit(main())
