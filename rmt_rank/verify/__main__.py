"""Entry point of `python -m rmt_rank.verify`."""

import sys

from rmt_rank._output import guarded


def main() -> int:
    """Import and run the command."""
    from rmt_rank.verify.command import main as verify

    return verify()


if __name__ == "__main__":
    sys.exit(guarded(main))
