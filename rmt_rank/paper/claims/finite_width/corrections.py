"""The mean effective rank at finite width and depth: formulas against simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rmt_rank import exact
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below, refutation
from rmt_rank.paper.claims.sampling_error import errors_allowed
from rmt_rank.simulation.means.estimate import estimate
from rmt_rank.simulation.means.expected import expected_effective_rank
from rmt_rank.simulation.means.result import Estimate
from rmt_rank.theory.finite_width.complex_covariance import complex_covariance
from rmt_rank.theory.finite_width.complex_moments import complex_power_sum
from rmt_rank.theory.finite_width.corrections import finite_width_correction
from rmt_rank.theory.finite_width.lyapunov import (
    effective_rank_decay_rate,
    lyapunov_exponents,
    lyapunov_variances,
)
from rmt_rank.theory.finite_width.trace_moments import trace_moments
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

__all__ = ["CLAIMS"]

# Width and depth, with depth <= width/4, and widths for rates at a fixed depth.  The misfits of the
# real cells are more than 50 standard errors of their samples.
_CELLS = {"complex": ((8, 2), (16, 4), (32, 2)), "real": ((16, 1), (32, 4), (48, 8))}
_CELL_SAMPLES = {"complex": (4000, 4000, 4000), "real": (12_000, 4000, 3000)}
_RATE_WIDTHS = {"complex": (8, 16, 32), "real": (8, 16, 32, 48)}


def _mean(context: Context, field: str, width: int, depth: int, samples: int) -> Estimate:
    seed = np.random.SeedSequence(context.seed, spawn_key=(width, depth, len(field)))
    return estimate(
        "effective_rank", width, depth, field=field, samples=samples, rng=seed, xp=context.xp
    )


def _corrected(context: Context, field: str) -> Iterator[Evidence]:
    for (width, depth), samples in zip(_CELLS[field], _CELL_SAMPLES[field], strict=True):
        allowed = errors_allowed(samples, len(_CELLS[field]))
        found = _mean(context, field, width, depth, samples)
        limit = math.log(width) + float(differential_effective_rank(depth))
        correction = finite_width_correction(width, depth, field)
        bare = abs(found.value - limit)
        better = abs(found.value - limit - correction.value)
        error = found.error
        yield below(
            f"width {width}, depth {depth}: misfit, corrected over bare",
            (better + allowed * error) / max(bare - allowed * error, 1e-300),
            1,
            f"misfits {better:.2g} and {bare:.2g} nat, s.e. {error:.1g}, {samples} samples; with "
            f"{allowed:.1f} standard errors against the correction",
        )


def _rate(context: Context, field: str, depth: int, order: int) -> Evidence:
    # both the misfit and its standard error are of the order 1/N, so that all widths weigh alike
    samples = 4000 if field == "complex" else 5000
    widths = _RATE_WIDTHS[field]
    limit = float(differential_effective_rank(depth))
    found = [_mean(context, field, width, depth, samples) for width in widths]
    misfit = np.array([f.value - math.log(N) - limit for f, N in zip(found, widths, strict=True)])
    spread = np.array([f.error for f in found]) / np.abs(misfit)
    # weighted least squares of log |misfit| on log N
    x = np.log(widths)
    weights = spread**-2
    centred = x - np.average(x, weights=weights)
    exponent = float(np.sum(weights * centred * np.log(np.abs(misfit))))
    exponent /= float(np.sum(weights * centred**2))
    error = 1 / math.sqrt(float(np.sum(weights * centred**2)))
    return at_most(
        f"depth {depth}: exponent of the misfit of the limit, distance from -{order}",
        abs(exponent + order),
        0.25 + errors_allowed(samples) * error,
        f"{exponent:.3f}({error:.3f}) by weighted regression over widths "
        f"{', '.join(map(str, widths))}; bound: half-way to the next half-integer order that "
        "edges can bring, and sampling error",
    )


def _exact_moments(context: Context) -> Iterator[Evidence]:
    cases = ((5, 5, 5, 5), (3, 8, 5), (12, 12, 12))
    orders = (0.3, 0.5, 1, 2.5)
    means = [
        abs(complex_power_sum(n, z).value / float(exact.complex_power_sum(n, z, digits=20)) - 1)
        for n in cases
        for z in orders
    ]
    yield at_most(
        "E sum s^z: one sum in float64 against the kernel's double sum",
        max(means),
        1e-13,
        f"largest relative distance at widths {cases} and orders {orders}; rounding of log Gamma",
    )
    covariances = [
        abs(complex_covariance(n, z, w) / float(exact.complex_covariance(n, z, w, digits=20)) - 1)
        for n in cases[:2]
        for z, w in ((0.5, 0.5), (0.25, 1))
    ]
    yield at_most(
        "covariances of two power sums: Cauchy's form against the kernel's sums",
        max(covariances),
        1e-13,
        "largest relative distance",
    )
    polynomial = exact.expected_characteristic_polynomial((4, 4, 4))
    traces = trace_moments((4, 4, 4), 2, "complex")
    # e_2 = (p_1^2 - p_2)/2
    second = (traces[1, 1] * 16 - traces[2,] * 4) / 2
    yield at_most(
        "E det(x - W^H W): second coefficient against Wick's theorem",
        abs(float(polynomial[2]) / second - 1),
        1e-14,
        "width 4, depth 2, Newton's identity; rounding",
    )


def _complex(context: Context) -> Iterator[Evidence]:
    yield from _corrected(context, "complex")
    yield _rate(context, "complex", 2, 2)


def _real(context: Context) -> Iterator[Evidence]:
    yield from _corrected(context, "real")
    yield _rate(context, "real", 1, 1)


def _lyapunov(context: Context) -> Iterator[Evidence]:
    width, depth, samples = 4, 400, 400
    seed = np.random.SeedSequence(context.seed, spawn_key=(width, depth))
    found = estimate(
        "log_singular_values",
        width,
        depth,
        field=context.field,
        samples=samples,
        rng=seed,
    )
    exponents = lyapunov_exponents(width, context.field)
    errors = np.sqrt(lyapunov_variances(width, context.field) * depth / samples)
    yield at_most(
        f"width {width}, depth {depth}: mean log singular values per layer",
        float(
            np.max(np.abs(np.asarray(found.value) - depth * exponents) - 5 / width) / errors.max()
        ),
        errors_allowed(samples, width),
        "largest distance from depth times the exponents, less 5/width for the first layers, "
        "before the values separate, in standard errors",
    )


def _independent(context: Context) -> Iterator[Evidence]:
    width, depth, samples = 8, 32, 8000
    field = context.field
    found = _mean(context, field, width, depth, samples)
    rng = np.random.default_rng(np.random.SeedSequence(context.seed, spawn_key=(7,)))
    logs = depth * lyapunov_exponents(width, field) + np.sqrt(
        depth * lyapunov_variances(width, field)
    ) * rng.standard_normal((samples, width))
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    p = weights / weights.sum(axis=1, keepdims=True)
    entropy = -np.sum(p * np.log(np.maximum(p, 1e-300)), axis=1)
    gap = float(entropy.mean()) - found.value
    error = math.hypot(float(entropy.std()) / math.sqrt(samples), found.error)
    yield refutation(
        f"width {width}, depth {depth}: independent logs over the mean rank, less 1",
        gap / found.value,
        errors_allowed(samples) * error / found.value,
        f"{entropy.mean():.4f} against {found.value:.4f} nat; bound: sampling error of both",
    )


def _decay(context: Context) -> Iterator[Evidence]:
    values = [expected_effective_rank(2, L, field="complex", method="exact") for L in (1000, 1001)]
    slope = math.log(values[0].value / values[1].value)
    yield at_most(
        "complex, width 2: slope of log E S from depth 1000 to 1001, known exactly",
        abs(slope / effective_rank_decay_rate(2, "complex") - 1),
        1.5e-4,
        "relative distance from log(4/pi); the mean's factor 1 + 1.17 L^(-1/2) moves the slope by "
        "0.58 L^(-3/2), that is by 7.6e-5 of it; bound: twice that",
    )
    width, depths, samples = 4, (24, 48), 20_000
    for field in ("complex", "real"):
        means = [_mean(context, field, width, depth, samples) for depth in depths]
        layers = depths[1] - depths[0]
        slope = math.log(means[0].value / means[1].value) / layers
        error = math.hypot(*(m.error / m.value for m in means)) / layers
        rate = effective_rank_decay_rate(width, field)
        if field == "complex":
            yield at_most(
                f"complex, width {width}: slope of log E S from depth {depths[0]} to {depths[1]}",
                abs(slope / rate - 1),
                0.25 + errors_allowed(samples) * error / rate,
                f"relative distance of {slope:.4f}({error:.4f}) from {rate:.4f}; 1/4 is half-way "
                "to the rate for real entries",
            )
        else:
            power = 1.5 * math.log(depths[1] / depths[0]) / layers
            yield at_most(
                f"real, width {width}: the rate is between the slopes with L^(-3/2) and without",
                max(slope - power - rate, rate - slope),
                errors_allowed(samples) * error,
                f"rate {rate:.4f}, slopes {slope - power:.4f} and {slope:.4f}: no sharp test",
            )


_ARGUED = "docs/finite-width.md, The corrections"
_DEEP = "docs/finite-width.md, Limits of the Lyapunov exponents"

CLAIMS = (
    Claim(
        name="finite-width.exact-moments",
        statement="Complex products: means and covariances of sum s^z are known, single sums.",
        assumptions="any widths and depth; the telescoping from double to single sums is verified",
        reference="Akemann, Ipsen and Kieburg, doi:10.1103/PhysRevE.88.052118",
        status="verified",
        refuted_by="a digit in which the single sums and the kernel differ",
        check=_exact_moments,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.complex",
        statement="E S = log N + rho(L) + A_L/N^2 + ... for complex entries.",
        assumptions="depth <= width/4; the annealed part is exact, the fluctuation is proved",
        reference="Akemann, Ipsen and Kieburg, doi:10.1103/PhysRevE.88.052118",
        status="verified",
        refuted_by="a cell where the correction does not bring the limit nearer, or another rate",
        check=_complex,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.real",
        statement="E S = log N + rho(L) + R_L/N + ... for real entries.",
        assumptions="depth <= width/4; depth 1 is classical, depth >= 2 a conjecture",
        reference="theory/finite_width/corrections.py",
        status="conjectured",
        refuted_by="a cell where the correction does not bring the limit nearer, or another rate",
        check=_real,
        argued=_ARGUED,
    ),
    Claim(
        name="finite-width.lyapunov",
        statement="Log singular values of deep products grow by known exponents per layer.",
        assumptions="depth >> width",
        reference="Newman, doi:10.1007/BF01464284; Kargin, Ann. Appl. Probab. 20, 2010; "
        "Forrester, doi:10.1007/s10955-013-0735-7",
        status="known",
        refuted_by="a mean logarithm off by more than sampling error and the first layers",
        check=_lyapunov,
        argued=_DEEP,
    ),
    Claim(
        name="finite-width.independent-logs",
        statement="Independent normal log singular values give the mean rank of deep products.",
        assumptions="means and variances those of the exponents",
        reference="a common heuristic",
        status="refuted",
        refuted_by="the line marked refuted",
        check=_independent,
        argued=_DEEP,
        instead="they overestimate it, since singular values repel; sample the products.",
    ),
    Claim(
        name="finite-width.decay",
        statement="The mean rank decays like exp(-lambda L), real entries L^(-3/2) times that.",
        assumptions="depth >> width; lambda of theory/finite_width/lyapunov.py, about 1/(4N), "
        "real 1/(8N)",
        reference="our own; proved are the rate (decay-rate) and, at width 2, the power of L",
        status="conjectured",
        refuted_by="a slope far from the rate",
        check=_decay,
        argued="docs/finite-width.md, Three regimes",
    ),
)
