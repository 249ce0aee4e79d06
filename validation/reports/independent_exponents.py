"""The mean rank from independent Lyapunov exponents against simulation, independent_exponents.md.

python validation/reports/independent_exponents.py; a minute on one core, with numba.
"""

from pathlib import Path

import numpy as np

from rmt_rank import estimate
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.theory.finite_width.lyapunov import lyapunov_exponents, lyapunov_variances

CELLS = [(8, 8), (8, 32), (8, 100), (4, 100)]


def rows():
    rng = np.random.default_rng(0)
    for field in ("real", "complex"):
        for width, depth in CELLS:
            means = depth * lyapunov_exponents(width, field)
            deviations = np.sqrt(depth * lyapunov_variances(width, field))
            logs = means + deviations * rng.normal(size=(100_000, width))
            independent = effective_rank(np.exp(logs - logs.max(axis=1, keepdims=True))).mean()
            typical = effective_rank(np.exp(means - means[0]))
            found = estimate("effective_rank", width, depth, samples=40_000, rng=0, field=field)
            yield (
                f"| {field} | {width} | {depth} | {found.value:.5f} | {found.error:.1e} "
                f"| {independent / found.value:.2f} | {typical / found.value:.2g} |"
            )


def main():
    lines = [
        "# Lyapunov exponents and the mean effective rank",
        "",
        "Made by `python validation/reports/independent_exponents.py`. *Independent*: log singular "
        "values drawn as independent normal numbers with the exponents' means and variances. "
        "*Typical*: the exponents alone. Both over the mean by Monte Carlo.",
        "",
        "| field | width | depth | Monte Carlo | s.e. | independent | typical |",
        "|--|--:|--:|--:|--:|--:|--:|",
        *rows(),
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
