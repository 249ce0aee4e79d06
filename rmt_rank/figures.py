"""Entry point of `python -m rmt_rank.figures`, which is `rmt-rank figure`."""

import sys

from rmt_rank._lib.entry import guarded

__all__ = ["main"]


def main() -> int:
    """Import and run the command."""
    from rmt_rank.commands.figure import main as command

    return command(prog="python -m rmt_rank.figures")


if __name__ == "__main__":
    sys.exit(guarded(main))
