"""The expected effective rank at finite width: formulas against Monte Carlo, into finite_width.md.

python validation/reports/finite_width.py; about six minutes on one core, with numba.
"""

import math
import warnings
from pathlib import Path

from rmt_rank import estimate, expected_effective_rank
from rmt_rank.simulation.means.expected import RegimeWarning

WIDTHS = (8, 16, 32, 64, 128)
DEPTHS = (1, 2, 4, 8, 16, 32)
# fewer where a product takes longer
SAMPLES = {8: 20_000, 16: 12_000, 32: 6_000, 64: 1_000, 128: 300}


def rows():
    for field in ("complex", "real"):
        for power in (1, 2):
            for width in WIDTHS:
                for depth in DEPTHS:
                    options = {"field": field, "power": power}
                    found = estimate(
                        "effective_rank", width, depth, samples=SAMPLES[width], rng=11, **options
                    )
                    limit, corrected = (
                        expected_effective_rank(width, depth, method=method, **options)
                        for method in ("limit", "corrected")
                    )
                    yield field, power, width, depth, found, limit, corrected


def main():
    warnings.simplefilter("ignore", RegimeWarning)
    lines = [
        "# The expected effective rank at finite width",
        "",
        "Made by `python validation/reports/finite_width.py`. Misfit is Monte Carlo less formula, "
        "in nats; s.e. its standard error; *error* what `expected_effective_rank` says that the "
        "corrected limit leaves out; z = (|misfit| - error)/s.e., positive where it leaves out "
        "more. *wide*: depth <= width/4, where it is meant to hold.",
        "",
        "| field | power | width | depth | Monte Carlo | s.e. | misfit of the limit | corrected "
        "| error | z | wide |",
        "|--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--|",
    ]
    worst, better, seen = -math.inf, 0, 0
    for field, power, width, depth, found, limit, corrected in rows():
        misfit = found.value - corrected.value
        bare = found.value - limit.value
        z = (abs(misfit) - corrected.error) / found.error
        wide = depth <= width / 4
        if wide:
            worst = max(worst, z)
            if abs(bare) > 5 * found.error:
                seen += 1
                better += abs(misfit) < abs(bare)
        lines.append(
            f"| {field} | {power} | {width} | {depth} | {found.value:.6f} "
            f"| {found.error:.1e} | {bare:.2e} | {misfit:.2e} | {corrected.error:.1e} "
            f"| {z:.1f} | {'yes' if wide else ''} |"
        )
    lines += [
        "",
        f"Where depth <= width/4: largest z {worst:.1f}; the corrected form is nearer than the "
        f"bare limit in {better} of the {seen} cells where that is off by 5 standard errors.",
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(lines[-1])


if __name__ == "__main__":
    main()
