"""The three regimes at width 16, into regimes.md and the picture of docs/finite-width.md.

python validation/reports/regimes.py; about a minute on one core, with numba.
"""

import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rmt_rank import estimate, expected_effective_rank
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.paper.figures.finite_width import regimes
from rmt_rank.paper.figures.style import style
from rmt_rank.simulation.means.expected import RegimeWarning
from rmt_rank.theory.finite_width.lyapunov import lyapunov_exponents, lyapunov_variances

HERE = Path(__file__).parent
WIDTH = 16
DEPTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
SAMPLES = 30_000


def by_exponents(depth, rng):
    """Mean effective rank of independent normal logarithms, and that of the typical spectrum."""
    means = depth * lyapunov_exponents(WIDTH)
    spread = np.sqrt(depth * lyapunov_variances(WIDTH))
    logs = means + spread * rng.standard_normal((SAMPLES, WIDTH))
    values = [np.exp(x - x.max(axis=-1, keepdims=True)) for x in (logs, means)]
    return [float(np.mean(effective_rank(value))) for value in values]


def main():
    warnings.simplefilter("ignore", RegimeWarning)
    rng = np.random.default_rng(0)
    found = [estimate("effective_rank", WIDTH, L, samples=SAMPLES, rng=L) for L in DEPTHS]
    formulas = {
        method: np.array([expected_effective_rank(WIDTH, L, method=method).value for L in DEPTHS])
        for method in ("limit", "corrected")
    }
    independent, typical = np.transpose([by_exponents(L, rng) for L in DEPTHS])
    formulas |= {"independent logs": independent, "typical spectrum": typical}
    mean = np.array([float(each.value) for each in found])
    error = np.array([float(each.error) for each in found])
    lines = [
        f"# The three regimes at width {WIDTH}",
        "",
        "Made by `python validation/reports/regimes.py`. Mean effective rank in nats, real "
        f"entries; Monte Carlo with {SAMPLES} samples. *Independent logs*: log singular values as "
        "independent normal numbers with the exponents' means and variances. *Typical spectrum*: "
        "the exponents alone. Where depth is far above the width the standard error is too small.",
        "",
        "| depth | depth/width | Monte Carlo | s.e. | " + " | ".join(formulas) + " |",
        "|--:" * (4 + len(formulas)) + "|",
    ]
    for i, L in enumerate(DEPTHS):
        cells = [f"{values[i]:.4f}" if abs(values[i]) < 99 else "-" for values in formulas.values()]
        numbers = [str(L), f"{L / WIDTH:.3g}", f"{mean[i]:.5f}", f"{error[i]:.1e}", *cells]
        lines.append("| " + " | ".join(numbers) + " |")
    (HERE / "regimes.md").write_text("\n".join(lines) + "\n")
    with style():
        figure = Figure(figsize=regimes.SIZE)
        regimes.draw(WIDTH, DEPTHS, mean, error, formulas, figure)
        figure.savefig(HERE.parents[1] / "docs" / "_static" / "regimes.png")


if __name__ == "__main__":
    main()
