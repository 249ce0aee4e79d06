"""Entry point of `python -m rmt_rank.figures`, which is `rmt-rank figure`."""

import sys

from rmt_rank._output import guarded


def main() -> int:
    """Import and run the command."""
    from rmt_rank.figure import main as figure

    return figure(prog="python -m rmt_rank.figures")


if __name__ == "__main__":
    sys.exit(guarded(main))
