"""The depth-width map: cells by expected_effective_rank into depth_width_map.csv, and the picture.

python validation/reports/depth_width_map.py; about five minutes on one core, with numba.
"""

import math
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rmt_rank import expected_effective_rank
from rmt_rank.figures import depth_width
from rmt_rank.figures.style import style
from rmt_rank.simulation.expected import RegimeWarning

HERE = Path(__file__).parent
WIDTHS = [2**k for k in range(1, 9)]
DEPTHS = [2**k for k in range(8)]
TARGET = 5e-3  # nats: 0.5 % of the effective rank, against contours at 1 %


def cells():
    for depth in DEPTHS:
        for width in WIDTHS:
            truth = expected_effective_rank(width, depth, target_error=TARGET, rng=depth)
            forms = [
                expected_effective_rank(width, depth, method=method).value
                for method in ("limit", "corrected")
            ]
            yield width, depth, truth, forms


def main():
    warnings.simplefilter("ignore", RegimeWarning)
    lines = ["width,depth,entropy,error,method,limit,corrected"]
    shape = (len(DEPTHS), len(WIDTHS))
    share, limit, corrected = (np.empty(shape) for _ in range(3))
    for place, (width, depth, truth, forms) in zip(np.ndindex(shape), cells(), strict=True):
        lines.append(
            f"{width},{depth},{truth.value:.6f},{truth.error:.2g},{truth.method},"
            + ",".join(f"{form:.6f}" for form in forms)
        )
        share[place] = truth.exponentiated / width
        limit[place], corrected[place] = (
            abs(math.expm1(min(form - truth.value, 99.0))) for form in forms
        )
    (HERE / "depth_width_map.csv").write_text("\n".join(lines) + "\n")
    with style():
        figure = Figure(figsize=depth_width.SIZE)
        depth_width.draw(WIDTHS, DEPTHS, share, limit, corrected, figure)
        figure.savefig(HERE.parents[1] / "docs" / "_static" / "depth_width_map.png")


if __name__ == "__main__":
    main()
