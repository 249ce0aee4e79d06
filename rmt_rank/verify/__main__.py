"""Entry point of `python -m rmt_rank.verify`."""

import sys

from rmt_rank.verify.command import main

if __name__ == "__main__":
    sys.exit(main())
