"""Variance reduction and errors of control variates, into control_variates.md.

python validation/reports/control_variates.py; about five minutes on one core, with numba.
"""

from pathlib import Path

import numpy as np

from rmt_rank import estimate

SAMPLES = 8192
CELLS = [(32, 8), (32, 2), (16, 16), (8, 1)]
# (field, width, depth): products much deeper than wide last
HONEST = [
    ("real", 32, 8),
    ("real", 16, 8),
    ("real", 8, 2),
    ("real", 8, 1),
    ("complex", 8, 4),
    ("complex", 16, 4),
    ("real", 2, 20),
]
REPETITIONS = 200
FEW = 600


def reductions():
    for field in ("real", "complex"):
        for width, depth in CELLS:
            found = estimate("effective_rank", width, depth, samples=SAMPLES, rng=1, field=field)
            yield (
                f"| {field} | {width} | {depth} | {len(found.controls)} | {found.value:.6f} "
                f"| {found.error:.1e} | {found.variance_reduction:.3g} |"
            )


def deviations():
    for field, width, depth in HONEST:
        options = {"field": field}
        many = 400_000 if width < 16 else 60_000
        truth = estimate("effective_rank", width, depth, samples=many, rng=99, **options)
        cells = []
        for control_variates in (True, False):
            runs = [
                estimate(
                    "effective_rank",
                    width,
                    depth,
                    samples=FEW,
                    rng=seed,
                    control_variates=control_variates,
                    **options,
                )
                for seed in range(REPETITIONS)
            ]
            gap = np.array([run.value - truth.value for run in runs])
            # the error of the truth is the same in all
            z = gap / np.hypot([run.error for run in runs], truth.error)
            cells.append(f"{np.sqrt(np.mean(z**2)):.2f}")
        yield f"| {field} | {width} | {depth} | {' | '.join(cells)} |"


def main():
    lines = [
        "# Control variates",
        "",
        "Made by `python validation/reports/control_variates.py`.",
        "",
        f"## Variance, with {SAMPLES} samples",
        "",
        "| field | width | depth | controls | mean effective rank | s.e. | variance divided by |",
        "|--|--:|--:|--:|--:|--:|--:|",
        *reductions(),
        "",
        f"## Errors: rms of (value - truth)/error, {REPETITIONS} runs of {FEW} samples",
        "",
        f"1 for honest errors, with a standard error of {1 / np.sqrt(2 * REPETITIONS):.2f}.",
        "",
        "| field | width | depth | with control variates | without |",
        "|--|--:|--:|--:|--:|",
        *deviations(),
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
