"""Entry point of `python -m rmt_rank.verify`, which is `rmt-rank verify`."""

import sys

from rmt_rank._lib.entry import guarded

__all__ = ["main"]


def main() -> int:
    """Import and run the command."""
    from rmt_rank.commands.verify import main as command

    return command()


if __name__ == "__main__":
    sys.exit(guarded(main))
