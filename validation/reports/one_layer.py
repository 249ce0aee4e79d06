"""The mean effective rank of one rectangular matrix against Monte Carlo, into one_layer.md.

python validation/reports/one_layer.py; about two minutes on one core.
"""

import math
from pathlib import Path

from rmt_rank import estimate, expected_effective_rank

SHAPES = [(8, 4), (9, 8), (16, 8), (64, 8), (512, 8), (17, 16), (24, 16), (32, 16)]
SHAPES += [(33, 32), (48, 32), (65, 64), (96, 64)]
SAMPLES = 20_000


def rows():
    for field in ("real", "complex"):
        for power in (1, 2):
            for shape in SHAPES:
                options = {"field": field, "power": power}
                found = estimate("effective_rank", shape, samples=SAMPLES, rng=1, **options)
                limit, corrected = (
                    expected_effective_rank(shape, method=method, **options)
                    for method in ("limit", "corrected")
                )
                yield field, power, shape, found, limit, corrected


def main():
    lines = [
        "# One rectangular matrix: the corrected limit against Monte Carlo",
        "",
        f"Made by `python validation/reports/one_layer.py`; {SAMPLES} matrices a row. N is the "
        "smaller side, n the larger. The stated error is (1 + log(N)/2)/(n N), an estimate of what "
        "the correction leaves out.",
        "",
        "| field | power | shape | Monte Carlo - limit | its error | Monte Carlo - corrected "
        "| times n N | stated error |",
        "|--|--|--|--|--|--|--|--|",
    ]
    worst = {"real": 0.0, "complex": 0.0}
    beyond = 0
    for field, power, (n, N), found, limit, corrected in rows():
        misfit = found.value - corrected.value
        worst[field] = max(worst[field], abs(misfit) * n * N)
        beyond += abs(misfit) > corrected.error + 5 * found.error
        lines.append(
            f"| {field} | {power} | {n} x {N} | {found.value - limit.value:.2e} "
            f"| {found.error:.1e} | {misfit:.2e} | {misfit * n * N:.3f} | {corrected.error:.1e} |"
        )
    lines += [
        "",
        f"Largest misfit times n N: {worst['real']:.2f} for real entries, {worst['complex']:.2f} "
        f"for complex ones; the stated error is {1 + 0.5 * math.log(4):.2f}/(n N) and more. "
        f"Misfits beyond it, by more than 5 standard errors: {beyond}.",
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
