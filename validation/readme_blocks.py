"""Run the Python blocks of the README, line by line, in the environment that runs this script.

CI runs it where nothing but the package and its dependencies is installed.  A line whose comment
names an extra, as in ``# pip install '.[study]'``, is left out; everything else must run without a
warning.
"""

import re
import sys
import warnings
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
EXTRA = re.compile(r"#.*pip install '\.\[")


def blocks(text: str) -> list[str]:
    """Python blocks of a Markdown text, without the lines that name an extra."""
    found = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return ["\n".join(x for x in block.splitlines() if not EXTRA.search(x)) for block in found]


def main() -> int:
    warnings.simplefilter("error")
    names: dict[str, object] = {}  # the blocks run in order, as one session
    found = blocks(README.read_text(encoding="utf-8"))
    for number, block in enumerate(found, 1):
        print(f"block {number} of {len(found)}", flush=True)
        exec(compile(block, f"README.md, block {number}", "exec"), names)
    print(f"{len(found)} blocks of README.md ran without a warning")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
