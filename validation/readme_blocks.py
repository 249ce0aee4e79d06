"""Run the examples of the README in the environment that runs this script.

CI runs it where nothing but the package and its dependencies is installed.  Every example must
print what the README shows, without a warning.
"""

import doctest
import sys
import warnings
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def main() -> int:
    warnings.simplefilter("error")
    failed, tried = doctest.testfile(str(README), module_relative=False)
    print(f"{tried} examples of README.md, {failed} failed")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
