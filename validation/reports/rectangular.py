"""Unequal widths: the limit against simulation, into rectangular.md, and the picture.

python validation/reports/rectangular.py; about two minutes on one core.
"""

import math
from pathlib import Path

from matplotlib.figure import Figure

from rmt_rank import sample_singular_values
from rmt_rank.metrics import spectrum
from rmt_rank.paper.figures.rectangular import unequal_widths as rectangular
from rmt_rank.paper.figures.style import style
from rmt_rank.theory.finite_width.complex_moments import complex_power_sum
from rmt_rank.theory.rectangular.law import rectangular_effective_rank, rectangular_law

HERE = Path(__file__).parent
# over the smallest width
SHAPES = [(1, 2), (1, 1.5, 3), (2, 1, 3, 2), (1, 3, 1, 3), (4, 2, 1.5, 1, 1.5, 2, 4)]
SAMPLES = {16: 6000, 32: 3000, 64: 1000, 128: 400}
NETWORKS = {
    "constant": [1] * 9,
    "four times as wide inside": [1] + [4] * 7 + [1],
    "bottleneck of 1/4": [1, 1, 1, 1, 0.25, 1, 1, 1, 1],
    "halved twice": [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25],
}


def cell(shape, field, N):
    """Mean entropy less log N, and mean number below the law's median less N/2; with errors."""
    size, widths = SAMPLES[N], [round(N * ratio) for ratio in shape]
    sigma = sample_singular_values(widths, size=size, field=field, rng=17)
    below = (sigma < rectangular_law(shape).ppf(0.5)).sum(axis=1) - N / 2
    entropy = spectrum.effective_rank(sigma) - math.log(N)
    return [
        (values.mean(), values.std(ddof=1) / math.sqrt(size)) for values in (entropy, below)
    ], widths


def tables():
    rows, extrapolated = [], []
    for shape in SHAPES:
        limit = rectangular_effective_rank(shape)
        name = " : ".join(f"{ratio:g}" for ratio in shape)
        for field, power in (("complex", 2), ("real", 1)):
            found = {}
            for N in SAMPLES:
                ((value, error), (count, count_error)), widths = cell(shape, field, N)
                found[N] = value, error
                annealed = ""
                if field == "complex":
                    moment = complex_power_sum(widths, 0.5)
                    annealed = f"{moment.log - 0.5 * moment.log_slope - limit:.1e}"
                rows.append(
                    f"| {name} | {field} | {N} | {value:.6f} | {error:.1e} | {value - limit:.2e} "
                    f"| {(value - limit) * N**power:.3f} | {annealed} | {count:.3f} "
                    f"| {count_error:.3f} |"
                )
            # (r b - a)/(r - 1), r = 2^power, leaves the next power of 1/N
            (a, a_error), (b, b_error) = found[64], found[128]
            r = 2**power
            value, error = (r * b - a) / (r - 1), math.hypot(r * b_error, a_error) / (r - 1)
            extrapolated.append((name, field, value, error, limit, (value - limit) / error))
    return rows, extrapolated


def main():
    rows, extrapolated = tables()
    lines = [
        "# Unequal widths: the limit against simulation",
        "",
        "Made by `python validation/reports/rectangular.py`. The widths are N times the shape, the "
        "entries have variance 1/N. S is the entropy of the normalised singular values, s.e. its "
        "standard error; misfit is the mean of S - log N less the limit, in nats, of the order "
        "1/N for real entries and 1/N^2 for complex ones, up to powers of log N where two widths "
        "are the smallest: the next column is the misfit times that power of N. *annealed* is the "
        "part of the misfit that is known exactly for complex entries, from `complex_power_sum`; "
        "what is left are the fluctuations of the trace. The last two columns are the mean number "
        "of singular values below the median of the law, less N/2, which stays bounded, and its "
        "standard error.",
        "",
        "| shape | field | N | S - log N | s.e. | misfit | scaled | annealed | below median "
        "| s.e. |",
        "|--|--|--:|--:|--:|--:|--:|--:|--:|--:|",
        *rows,
        "",
        "N = 64 and 128 extrapolated to infinity, by 1/N for real entries and 1/N^2 for complex "
        "ones; z is the difference over the standard error. What is left out are the next powers.",
        "",
        "| shape | field | extrapolated | s.e. | limit | z |",
        "|--|--|--:|--:|--:|--:|",
    ]
    for name, field, value, error, limit, z in extrapolated:
        lines.append(f"| {name} | {field} | {value:.6f} | {error:.1e} | {limit:.6f} | {z:.1f} |")
    worst = max(abs(row[-1]) for row in extrapolated)
    lines += ["", f"Largest abs(z) of {len(extrapolated)}: {worst:.1f}."]
    (HERE / "rectangular.md").write_text("\n".join(lines) + "\n")
    print(lines[-1])
    with style():
        figure = Figure(figsize=rectangular.SIZE)
        rectangular.draw(NETWORKS, figure)
        figure.savefig(HERE.parents[1] / "docs" / "_static" / "rectangular.png")


if __name__ == "__main__":
    main()
