"""Gram matrices of activations, width comparable to the number of inputs: theory and networks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from rmt_rank._lib.array import to_numpy
from rmt_rank.exact.nonlinear import conjugate_kernel as slow
from rmt_rank.paper.claims.claim import Claim, Context, Evidence, at_most, below
from rmt_rank.paper.claims.sampling_error import FALSE_ALARM, errors_allowed
from rmt_rank.simulation.means.expected_gram import expected_gram_effective_rank
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks
from rmt_rank.theory.nonlinear.conjugate_kernel import conjugate_kernel
from rmt_rank.theory.nonlinear.gram_corrections import cosine_correction

__all__ = ["CLAIMS"]

_ARGUED = "docs/networks.md, Width comparable to the number of inputs"
_RATIO, _DEPTHS = 8, (1, 2, 4)
_CELLS = ((48, 200), (96, 48))  # widths, networks


def _linear(context: Context) -> Iterator[Evidence]:
    depths, errors = (0, 1, 2, 8, 32), []
    for ratio in (1, 1.5, _RATIO):
        kernels = conjugate_kernel(ratio, depths, "identity")
        known = [slow.linear_kernel_entropy(ratio, L, digits=context.digits) for L in depths]
        errors += [abs(float(a.entropy - b)) for a, b in zip(kernels, known, strict=True)]
    yield at_most(
        "the recursion against the S-transform",
        max(errors),
        1e-11,
        "largest distance in nats at depths 0 to 32 and 1 to 8 inputs per width; bound: ten times "
        "what the quadrature promises",
    )
    harmonic = [sum(1 / k for k in range(1, L + 2)) for L in depths]
    closed = [1 - H - 1 / (_RATIO * (L + 2)) for L, H in zip(depths, harmonic, strict=True)]
    yield at_most(
        "1 - H_(L+1) - n/(q (L+2))",
        max(abs(k.entropy - c) for k, c in zip(kernels, closed, strict=True)),
        1e-11,
        f"the same depths, {_RATIO} inputs per width",
    )


def _odd(context: Context) -> Iterator[Evidence]:
    errors = []
    for name, variance, L in (("tanh", 1, 2), ("sine", 2, 1)):
        (fast,) = conjugate_kernel(_RATIO, [L], name, weight_variance=variance)
        known = slow.conjugate_kernel_entropy(_RATIO, L, name, weight_variance=variance, digits=12)
        errors.append(abs(float(fast.entropy - known)))
    yield at_most(
        "real recursion against the density on the complex curve",
        max(errors),
        1e-11,
        "largest distance in nats: tanh at depth 2, sine of weight variance 2 at depth 1",
    )
    yield from _simulated(context, "tanh")


def _uncentred(context: Context) -> Iterator[Evidence]:
    for name in ("relu", "gelu"):
        yield from _simulated(context, name)


def _simulated(context: Context, name: str) -> Iterator[Evidence]:
    for n, networks in _CELLS:
        seed = np.random.SeedSequence(context.seed, spawn_key=(n, 71))
        shape = (_RATIO * n, n)
        ranks = to_numpy(
            sample_gram_effective_ranks(shape, _DEPTHS, name, networks, rng=seed, xp=context.xp)
        )
        errors = errors_allowed(networks, len(_DEPTHS))
        errors *= ranks.std(axis=0, ddof=1) / math.sqrt(networks)
        formulas = [
            expected_gram_effective_rank(n, L, shape[0], name, method="limit") for L in _DEPTHS
        ]
        lines = [
            (abs(float(mean) - f.value), f.error + float(error), L)
            for mean, error, f, L in zip(ranks.mean(axis=0), errors, formulas, _DEPTHS, strict=True)
        ]
        worst = max(lines, key=lambda line: line[0] / line[1])
        yield at_most(
            f"{name}, width {n}: mean effective rank of networks against the limit",
            worst[0],
            worst[1],
            f"cosine kernel, {shape[0]} inputs, {networks} networks, worst at depth {worst[2]} of "
            f"{_DEPTHS}; bound: the estimated finite-width error and sampling; false alarm "
            f"{FALSE_ALARM:g}",
        )


def _cosine(context: Context) -> Iterator[Evidence]:
    n, networks, L = 64, 100, 4
    ranks = {}
    for kernel in ("cosine", "linear"):  # effective ranks of the same networks
        seed = np.random.SeedSequence(context.seed, spawn_key=(n, 72))
        drawn = sample_gram_effective_ranks(
            (_RATIO * n, n), [L], "identity", networks, kernel=kernel, rng=seed, xp=context.xp
        )
        ranks[kernel] = to_numpy(drawn)[:, 0]
    gap = ranks["cosine"] - ranks["linear"]
    allowed = errors_allowed(networks) * float(gap.std(ddof=1)) / math.sqrt(networks)
    yield below(
        f"width {n}, depth {L}: the linear kernel's rank is lower",
        -float(gap.mean()) + allowed,
        0.0,
        f"upper confidence limit over {networks} linear networks, {_RATIO * n} inputs; false alarm "
        f"{FALSE_ALARM:g}",
    )
    yield at_most(
        "by (2/n) (p'(2) - p(2) p'(1))",
        abs(float(gap.mean()) - cosine_correction(n, L)),
        3 * (L / n) ** 2 + 0.5 / (_RATIO * n) + allowed,
        "the same networks; bound: terms of order (L/n)^2 and 1/q as measured at widths 32 to 128, "
        "and sampling",
    )


CLAIMS = [
    Claim(
        name="nonlinear-init.linear-gram",
        statement="For deep linear networks the recursion gives a closed form.",
        assumptions="width, inputs and their features -> infinity in proportion, q >= n",
        reference="S-transforms of Gaussian factors; beyond the paper",
        status="proved",
        refuted_by="a depth or a ratio at which they differ",
        check=_linear,
        argued=_ARGUED,
    ),
    Claim(
        name="nonlinear-init.conjugate-kernel",
        statement="The effective rank of the Gram matrix of an odd activation has the limit of Fan "
        "and Wang's recursion.",
        assumptions="no biases; Gaussian inputs; depth <= width/10",
        reference="Fan and Wang, arXiv:2005.11879, for the law; Observation 1 of the paper",
        status="verified",
        refuted_by="a digit in which the implementations differ, or networks off the limit",
        check=_odd,
        argued=_ARGUED,
    ),
    Claim(
        name="nonlinear-init.uncentred",
        statement="With an outlier and random conditional covariances the recursion holds for any "
        "activation.",
        assumptions="as before, for activations with a mean, such as ReLU and GELU; no proof",
        reference="beyond the paper",
        status="conjectured",
        refuted_by="networks off the limit by more than (1+L) log(n)/n and sampling",
        check=_uncentred,
        argued=_ARGUED,
    ),
    Claim(
        name="nonlinear-init.cosine",
        statement="At finite width the cosine kernel has a higher effective rank than the linear "
        "one, by a term of order L/n.",
        assumptions="linear networks, many more inputs than the width; first order in 1/n",
        reference="beyond the paper; its figures use the cosine kernel",
        status="verified",
        refuted_by="a gap that is not there, or of another size",
        check=_cosine,
        argued=_ARGUED,
    ),
]
