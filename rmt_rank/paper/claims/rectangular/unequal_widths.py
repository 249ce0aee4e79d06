"""Unequal widths: the limit law, by two implementations and on random matrices."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rmt_rank import exact
from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics import spectrum
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.simulation.products.sampling import sample_singular_values
from rmt_rank.theory.rectangular.law import rectangular_effective_rank, rectangular_law

__all__ = ["CLAIM"]

# Bottlenecks, expansions, and a width twice the smallest.
_SHAPES = ((2, 1, 3), (4, 8, 4, 8), (1, 2))


def _check(context: Context) -> Iterator[Evidence]:
    digits = 20
    ranks = [
        abs(float(rectangular_effective_rank(s) / exact.rectangular_effective_rank(s)) - 1)
        for s in _SHAPES
    ]
    shapes = ", ".join(" : ".join(map(str, shape)) for shape in _SHAPES)
    yield at_most(
        "effective rank in float64 against contour integrals",
        max(ranks),
        1e-12,
        f"largest relative distance at widths {shapes}",
    )
    errors = []
    for shape in _SHAPES:
        law = rectangular_law(shape)
        x = float(law.ppf(0.3))
        slow = exact.rectangular_law(x, shape, digits=digits)
        fast = (law.pdf(x), law.cdf(x), law.sf(x))
        errors += [abs(float(a / b) - 1) for a, b in zip(fast, slow, strict=True)]
    yield at_most(
        "density and distribution function against polynomial roots",
        max(errors),
        1e-11,
        f"largest relative distance at the quantile 0.3, widths {shapes}",
    )
    ratio = 0.5
    edges = rectangular_law((1, 1 / ratio)).support()
    known = 1 / math.sqrt(ratio) - 1, 1 / math.sqrt(ratio) + 1
    yield at_most(
        "one factor: the edges of Marchenko and Pastur",
        max(abs(a - b) for a, b in zip(edges, known, strict=True)),
        1e-14,
        "sqrt(n/N) - 1 and sqrt(n/N) + 1 at n/N = 2",
    )
    yield _simulation(context)


def _simulation(context: Context) -> Evidence:
    shape, sides, samples = (2, 1, 3, 2), (16, 32), 3000
    limit = rectangular_effective_rank(shape)
    values, errors = [], []
    for N in sides:
        seed = np.random.SeedSequence(context.seed, spawn_key=(N, 9))
        sigma = sample_singular_values(
            [N * n for n in shape], size=samples, field="complex", rng=seed, xp=context.xp
        )
        entropy = spectrum.effective_rank(to_numpy(sigma)) - math.log(N)
        values.append(float(entropy.mean()))
        errors.append(float(entropy.std(ddof=1)) / math.sqrt(samples))
    # misfits of complex entries fall like N^-2: what is left at N = 32 is a third of the change
    left = abs(values[1] - values[0]) / 3
    return at_most(
        "three unequal factors, complex: mean rank less log N against the limit",
        abs(values[1] - limit),
        left + errors_allowed(samples) * math.hypot(errors[1], errors[0] / 3),
        f"widths {' : '.join(map(str, shape))} times 32, {samples} products; bound: a third of the "
        f"change from 16, for an error of order 1/N^2, and sampling error; false alarm "
        f"{FALSE_ALARM:g}",
    )


CLAIM = Claim(
    name="limits.rectangular",
    statement="Networks of unequal widths have the limit law of their S-transform.",
    assumptions="widths -> infinity at fixed proportions; real or complex entries; every further "
    "layer lowers the rank for powers 1 to 2, by residual.monotone",
    reference="Burda, Jarosz, Livan, Nowak and Swiech, arXiv:1007.3594; beyond the paper",
    status="proved",
    refuted_by="a digit in which the implementations differ, or a mean rank off the limit",
    check=_check,
    argued="docs/rectangular.md, Formulas",
)
