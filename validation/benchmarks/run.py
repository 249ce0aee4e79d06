"""Run benchmarks and write their tables: ratios to named rivals, each from one run.

    make benchmark

holds BLAS to one thread and runs them all on the installed package; `run.py NAME...` runs some.
Each table, NAME.md, is written beside this file and printed.
"""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("law", "metrics", "engine", "training", "init_pdf", "inspection")

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))  # beside this file, also with python -P
    for name in sys.argv[1:] or NAMES:
        text = importlib.import_module(name).table()
        (HERE / f"{name}.md").write_text(text)
        print(text)
