"""Compare exact results at finite width with one another, in finite_width_exact.md.

python validation/reports/finite_width_exact.py; about two minutes on one core, with numba.
"""

import math
from pathlib import Path

import numpy as np

from rmt_rank import estimate, expected_effective_rank, sample_singular_values
from rmt_rank.exact.finite_width import complex_kernel as exact
from rmt_rank.theory import fuss_catalan_moment
from rmt_rank.theory.finite_width.complex_covariance import (
    complex_covariance,
    nuclear_norm_log_variance,
)
from rmt_rank.theory.finite_width.complex_moments import (
    annealed_effective_rank,
    complex_moment_correction,
    complex_power_sum,
)
from rmt_rank.theory.finite_width.corrections import finite_width_correction
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank


def two_implementations():
    yield "## Two implementations"
    yield ""
    yield "Largest relative difference between float64 and the kernel in mpmath, 25 digits: of the"
    yield "mean of s^z for z = -0.4, 0.3, 0.5, 1, 1.5, 2, 2.7, 3, 4, its derivative in z, and the"
    yield "covariances for (z, w) = (1/2, 1/2), (1/4, 3/4), (1/2, 1), (7/8, 3/4), (1, 1)."
    yield ""
    yield "| widths | mean | derivative | covariance |"
    yield "|--|--:|--:|--:|"
    for widths in [(1, 3, 2), (2, 2), (5,) * 5, (8, 8), (6, 9, 6, 30), (16,) * 9, (24,) * 3]:
        worst = [0.0, 0.0, 0.0]
        for z in (-0.4, 0.3, 0.5, 1, 1.5, 2, 2.7, 3, 4):
            found = complex_power_sum(widths, z)
            value = float(exact.complex_power_sum(widths, z, digits=25))
            slope = float(exact.complex_power_sum_slope(widths, z, digits=25))
            worst[0] = max(worst[0], abs(found.value / value - 1))
            worst[1] = max(worst[1], abs(found.slope / slope - 1))
        for z, w in [(0.5, 0.5), (0.25, 0.75), (0.5, 1), (0.875, 0.75), (1, 1)]:
            value = float(exact.complex_covariance(widths, z, w, digits=25))
            worst[2] = max(worst[2], abs(complex_covariance(widths, z, w) / value - 1))
        cells = " | ".join(f"{error:.1e}" for error in worst)
        yield f"| {widths} | {cells} |"


def simulated_covariances():
    yield "## Covariances and Monte Carlo"
    yield ""
    yield "Of means of s^z and s^w, complex entries, 40000 products; z-score: difference over the"
    yield "standard error."
    yield ""
    yield "| N | L | z | w | exact | Monte Carlo | z-score |"
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    samples = 40_000
    for N, L in [(2, 3), (4, 2), (8, 3), (16, 4)]:
        s = sample_singular_values(N, L, samples, field="complex", rng=17) ** 2
        for z, w in [(0.5, 0.5), (0.5, 1), (0.25, 0.75)]:
            x, y = (s**v for v in (z, w))
            x, y = (v.mean(axis=1) - v.mean() for v in (x, y))
            found, error = np.mean(x * y), np.std(x * y) / math.sqrt(samples)
            value = complex_covariance((N,) * (L + 1), z, w)
            yield (
                f"| {N} | {L} | {z} | {w} | {value:.6e} | {found:.6e} "
                f"| {(found - value) / error:.1f} |"
            )


def log_variances():
    yield "## Variance of the logarithm of the nuclear norm, times N^2"
    yield ""
    yield "| field | N | L | limit | exact variance/mean^2 | Monte Carlo | s.e. |"
    yield "|--|--:|--:|--:|--:|--:|--:|"
    for field in ("complex", "real"):
        for N, L, samples in [(8, 2, 40_000), (32, 2, 10_000), (32, 4, 10_000), (96, 4, 2_000)]:
            limit, delta = nuclear_norm_log_variance(N, L, field)
            values = sample_singular_values(N, L, samples, field=field, rng=23)
            variance = np.log(values.sum(axis=1)).var(ddof=1) * N**2
            middle = "" if delta is None else f"{delta * N**2:.5f}"
            yield (
                f"| {field} | {N} | {L} | {limit * N**2:.5f} | {middle} | {variance:.4f} "
                f"| {variance * math.sqrt(2 / samples):.4f} |"
            )


def expansions():
    widths = (256, 512, 1024, 2048, 4096)
    heads = " | ".join(f"N = {N}" for N in widths)
    yield "## Coefficients of 1/N^2, complex entries"
    yield ""
    yield "N^2 (E[mean s^z]/M(z) - 1) tends to b(z):"
    yield ""
    yield f"| L | z | {heads} | b(z) |"
    yield "|--:|--:|" + "--:|" * (len(widths) + 1)
    for L in (2, 4, 16):
        for z in (0.5, 0.75, 1.5, 3):
            limit = math.log(float(fuss_catalan_moment(z, L)))
            cells = " | ".join(
                f"{math.expm1(complex_power_sum((N,) * (L + 1), z).log - limit) * N**2:.6f}"
                for N in widths
            )
            yield f"| {L} | {z} | {cells} | {complex_moment_correction(z, L):.6f} |"
    yield ""
    yield "N^2 (E[S] - log N - rho), exact annealed part and second-order fluctuation, tends to"
    yield "A_L = 3 L^2/(32 (L-1)^2) + L^2 (L+2)/(16 (L+1)):"
    yield ""
    yield f"| L | {heads} | A_L |"
    yield "|--:|" + "--:|" * (len(widths) + 1)
    for L in (1, 2, 3, 4, 8, 16):
        cells = " | ".join(
            f"{finite_width_correction(N, L, 'complex').value * N**2:.5f}" for N in widths
        )
        fluctuation = L**2 * (L + 2) / (16 * (L + 1))
        last = (
            f"{3 * L**2 / (32 * (L - 1) ** 2) + fluctuation:.5f}"
            if L > 1
            else "3/256 log^2 N + ..."
        )
        yield f"| {L} | {cells} | {last} |"


def annealed_and_quenched():
    yield "## Annealed and mean effective rank, complex entries"
    yield ""
    yield "| N | L | annealed | mean (Monte Carlo) | s.e. | difference | L^2 (L+2)/(16 (L+1) N^2) |"
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    for N, L in [(16, 1), (16, 4), (16, 8), (16, 16), (16, 32), (64, 4), (64, 16)]:
        found = estimate("effective_rank", N, L, field="complex", samples=4000, rng=31)
        annealed = annealed_effective_rank((N,) * (L + 1))
        yield (
            f"| {N} | {L} | {annealed:.6f} | {found.value:.6f} | {found.error:.1e} "
            f"| {found.value - annealed:.6f} | {L**2 * (L + 2) / (16 * (L + 1) * N**2):.6f} |"
        )


def rates():
    yield "## How fast the limit is reached"
    yield ""
    yield "Slope of log|E[S] - log N - rho| over log N, by weighted least squares on Monte Carlo"
    yield "with control variates; s.e. by the errors of the points.  Expected: -2 for complex"
    yield "entries and -1 for real ones, up to what the next term adds at these widths; for"
    yield "complex entries at L = 1 it is log^2(N)/N^2.  Where chi^2 is large no single power fits."
    yield ""
    yield "| field | L | widths | slope | s.e. | chi^2 per degree |"
    yield "|--|--:|--|--:|--:|--:|"
    samples = {8: 16_000, 16: 8_000, 32: 4_000, 64: 1_500, 128: 600}
    for field in ("complex", "real"):
        for L, widths in [(1, (8, 16, 32, 64)), (2, (16, 32, 64, 128)), (4, (32, 64, 128))]:
            points = []
            for N in widths:
                found = estimate("effective_rank", N, L, field=field, samples=samples[N], rng=41)
                misfit = found.value - math.log(N) - float(differential_effective_rank(L))
                points.append((math.log(N), math.log(abs(misfit)), found.error / abs(misfit)))
            x, y, error = np.array(points).T
            weight = error**-2
            centre = weight @ x / weight.sum()
            spread = weight @ (x - centre) ** 2
            slope = weight @ ((x - centre) * y) / spread
            residual = y - weight @ y / weight.sum() - slope * (x - centre)
            chi = weight @ residual**2 / (len(x) - 2)
            yield (
                f"| {field} | {L} | {', '.join(map(str, widths))} | {slope:.3f} "
                f"| {spread**-0.5:.3f} | {chi:.1f} |"
            )


def small_cases():
    yield "## Complex products of width 2: one integral"
    yield ""
    yield "| L | power | exact | Monte Carlo | s.e. | z-score |"
    yield "|--:|--:|--:|--:|--:|--:|"
    for L in (1, 2, 3, 5, 10):
        for power in (1, 2):
            options = {"field": "complex", "power": power}
            value = expected_effective_rank(2, L, method="exact", **options).value
            found = estimate("effective_rank", 2, L, samples=40_000, rng=47, **options)
            score = (found.value - value) / found.error
            yield (
                f"| {L} | {power} | {value:.12f} | {found.value:.6f} "
                f"| {found.error:.1e} | {score:.1f} |"
            )


def main():
    lines = [
        "# Exact results at finite width",
        "",
        "Made by `python validation/reports/finite_width_exact.py`.",
    ]
    for section in (
        two_implementations,
        simulated_covariances,
        log_variances,
        expansions,
        annealed_and_quenched,
        rates,
        small_cases,
    ):
        lines += ["", *(line.rstrip() for line in section())]
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
