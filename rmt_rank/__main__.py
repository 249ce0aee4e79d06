"""Entry point of `rmt-rank` and `python -m rmt_rank`: one subcommand a task."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code."""
    import rmt_rank

    parser = argparse.ArgumentParser(prog="rmt-rank", description=rmt_rank.__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"rmt_rank {rmt_rank.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("verify", help="check the paper's claims and print the evidence")
    known, rest = parser.parse_known_args(arguments)
    assert known.command == "verify"
    from rmt_rank.verify.command import main as verify

    return verify(rest, prog="rmt-rank verify")


if __name__ == "__main__":
    sys.exit(main())
