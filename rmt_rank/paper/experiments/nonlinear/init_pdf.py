"""Figure 1: effective ranks of Gram matrices of random networks, as distributions by depth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank._lib.array import to_numpy
from rmt_rank.metrics.gram import gram_effective_rank
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    namespace_in,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, in_all
from rmt_rank.paper.experiments.judges import SIGNIFICANCE
from rmt_rank.simulation.means.gram_formulas import (
    LARGEST_DEPTH_PER_WIDTH,
    gram_rank_by_formula,
)
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks
from rmt_rank.theory.nonlinear.neural_kernel import neural_kernel_effective_rank

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

_REFERENCE = "Observation 1, Figure 1"

# Variance of weights times the width.  With sin(x) and 2 they are SIREN's hidden layers, whose
# sin(30 x) has weights of 2/(900 width); "sine(30)" has the weights of all others here.
_VARIANCE = {"identity": 1.0, "relu": 1.0, "tanh": 1.0, "gelu": 1.0, "sine": 2.0, "sine(30)": 1.0}

# Distributions that share less than this are said to overlap little.
_LITTLE = 0.5
# Distribution functions that differ by less than this are said to be the same.
_SAME = 0.1
# A mean rank that falls by less than this, in nats, is said to stay.
_SMALL = 0.01
# Number of standard errors allowed for a difference of numbers.
_ERRORS = 4
# Rounding of ranks at infinite width.
_ROUNDING = 1e-9

_settings = by_size(
    samples=(40, 256, 256),
    width=(16, 32, 32),
    depths=([1, 2, 4], [1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32]),
    activations=(["relu", "tanh"], list(_VARIANCE), list(_VARIANCE)),
    laws=["normal", "uniform"],
    networks=(200, 1024, 4096),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    xp = namespace_in(settings)
    name, depths = cell["activation"], settings["depths"]
    q, n, variance = settings["samples"], settings["width"], _VARIANCE[name]
    # the same for all
    inputs = np.random.default_rng(shared_seed(seed, inputs=q)).standard_normal((q, n))
    ranks = sample_gram_effective_ranks(
        inputs,
        depths,
        name,
        settings["networks"],
        weight_law=cell["law"],
        weight_variance=variance,
        # its error, 5e-6 at most, is below a hundredth of that of a mean over 4096 networks; with
        # sin(30 x) layers amplify rounding, and networks become others of the same law
        dtype=xp.float32,
        rng=seed,
        xp=xp,
    )
    predicted, error = _predicted(settings, name)
    infinite = neural_kernel_effective_rank(inputs, depths, name, weight_variance=variance)
    return {
        "depth": (("depth",), np.array(depths)),
        "rank": (("repeat", "depth"), to_numpy(ranks)),
        "predicted_mean": (("depth",), predicted),
        "predicted_error": (("depth",), error),
        "infinite_width": (("depth",), np.asarray(infinite)),
        "input_rank": ((), np.array(gram_effective_rank(inputs))),
    }


def _predicted(settings: Mapping[str, Any], name: str) -> tuple[Array, Array]:
    """Means in theory and their stated errors; nan where depth/width is too large for them."""
    n, q, depths = settings["width"], settings["samples"], settings["depths"]
    values, errors = np.full((2, len(depths)), math.nan)
    for i, depth in enumerate(depths):
        if depth > LARGEST_DEPTH_PER_WIDTH * n:
            continue
        found = gram_rank_by_formula(n, depth, q, name, weight_variance=_VARIANCE[name])
        values[i], errors[i] = found.value, found.error
    return values, errors


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    names = dataset.activation.values.tolist()
    tests = dataset.activation.size * dataset.law.size * (dataset.depth.size - 1)
    findings = [_falls(name, dataset.sel(activation=name), tests) for name in names]
    for sentence, reference, judged in (
        (
            f"Distributions of neighbouring depths overlap by less than {_LITTLE:g}.",
            _REFERENCE,
            _overlaps,
        ),
        ("Distributions spread out with depth.", _REFERENCE, _spreads),
        (
            f"Uniform weights give the distribution of normal ones, to {_SAME:g} in probability.",
            _REFERENCE,
            _laws,
        ),
        (
            "Theory gives the mean to its stated error where depth <= width/10 (normal weights).",
            "ours; verified for odd activations, conjectured for others and beyond one layer",
            _theory,
        ),
        (
            "Rank falls with depth at infinite width, too.",
            "ours: for odd activations it never does, which is proved",
            _infinite,
        ),
    ):
        cases = {name: judged(dataset.sel(activation=name), tests) for name in names}
        whole = in_all(sentence, reference, {n: Finding("", "", *c) for n, c in cases.items()})
        numbers = "; ".join(f"{name} {text}" for name, (_, text) in cases.items())
        findings.append(whole.saying(f". {numbers}"))
    return findings


def _neighbours(part: Any) -> Iterator[tuple[str, Array, Array]]:
    """Depths as words, and ranks at the smaller and the greater; halves, of different networks."""
    for law in part.law.values:
        ranks = part["rank"].sel(law=law).transpose("depth", "repeat").values.astype(np.float64)
        for (d, shallow), (e, deep) in itertools.pairwise(
            zip(part.depth.values, ranks, strict=True)
        ):
            yield f"{d} to {e}", shallow[::2], deep[1::2]


def _falls(name: str, part: Any, tests: int) -> Finding:
    """Verdict on each step in depth lowering the rank, in distribution."""
    level = SIGNIFICANCE / tests
    fall, rise, crossing, allowed = [], [], [], []
    for _, shallow, deep in _neighbours(part):
        fall.append(scipy.stats.mannwhitneyu(deep, shallow, alternative="less").pvalue)
        rise.append(scipy.stats.mannwhitneyu(deep, shallow, alternative="greater").pvalue)
        # p-value of the order in which no probability to exceed a rank is greater for the deeper
        crossing.append(
            scipy.stats.ks_2samp(deep, shallow, alternative="less", method="asymp").statistic
        )
        sizes = 1 / shallow.size + 1 / deep.size
        allowed.append(math.sqrt(-math.log(level) * sizes / 2))
    falls, rises = np.array(fall) < level, np.array(rise) < level
    crossed = np.array(crossing) > np.array(allowed)
    verdict = Verdict.UNDECIDED
    if falls.all() and not crossed.any():
        verdict = Verdict.SUPPORTED
    elif falls.any() and (rises.any() or crossed.any()):
        verdict = Verdict.IN_PART
    elif rises.any() or (not falls.any() and _stays(part)):
        verdict = Verdict.NOT_SUPPORTED
    initial = float(part.input_rank.mean())
    first = part["rank"].isel(depth=0)
    above = float((first > initial).mean())
    medians = " | ".join(
        f"{law}: {_listed(part['rank'].sel(law=law).median('repeat').values, '.3f')}"
        for law in part.law.values
    )
    text = (
        f"Mann-Whitney's test of neighbouring depths, {falls.size} pairs, {int(falls.sum())} fall "
        f"and {int(rises.sum())} rise, largest p = {max(fall):.2g} that it falls, level "
        f"{level:.2g}; largest crossing of distribution functions {max(crossing):.3f}, sampling "
        f"makes up to {max(allowed):.3f}; medians by depth, {medians}; the inputs have "
        f"{initial:.3f}, which {above:.0%} of the first layers exceed"
    )
    return Finding(
        f"At initialisation deeper networks have Gram matrices of lower rank ({name}).",
        _REFERENCE,
        verdict,
        text,
    )


def _stays(part: Any) -> bool:
    """Verdict on the mean falling by less than `_SMALL` from the first depth to the last."""
    ends = part["rank"].isel(depth=[0, -1]).transpose("depth", "law", "repeat").values
    fall, error = ends[0] - ends[1], math.sqrt(2 / ends.shape[-1]) * ends.std(axis=-1).max()
    return bool((fall.mean(axis=-1) + _ERRORS * error < _SMALL).all())


def _overlaps(part: Any, tests: int) -> tuple[Verdict, str]:
    """Overlap, the integral of the smaller density: 1 - max |F - G| where they cross once.

    Elsewhere that is more than the overlap.  It is looked at where one half of the networks has its
    maximum, by the other half, so that it does not make itself small.
    """
    overlap, error = [], []
    for _, shallow, deep in _neighbours(part):
        found = scipy.stats.ks_2samp(
            shallow[::2], deep[::2], alternative="two-sided", method="asymp"
        )
        at = found.statistic_location
        shares = np.array([np.mean(each[1::2] <= at) for each in (shallow, deep)])
        counts = np.array([each[1::2].size for each in (shallow, deep)])
        overlap.append(1 - abs(shares[1] - shares[0]))
        error.append(math.sqrt(np.sum(shares * (1 - shares) / counts) + np.sum(1 / counts**2)))
    far = scipy.stats.norm.isf(SIGNIFICANCE / tests)
    low, high = (np.array(overlap) + sign * far * np.array(error) for sign in (-1, 1))
    text = (
        f"{_listed(overlap, '.2f')}, errors up to {max(error):.2f} "
        f"({', '.join(words for words, _, _ in _neighbours(part.isel(law=[0])))})"
    )
    return _verdict(high < _LITTLE, low > _LITTLE), text


def _spreads(part: Any, tests: int) -> tuple[Verdict, str]:
    """Verdict on the standard deviation growing at each step."""
    far = scipy.stats.norm.isf(SIGNIFICANCE / tests)
    z = []
    for _, shallow, deep in _neighbours(part):
        moments = [(x.var(ddof=1), scipy.stats.moment(x, 4), x.size) for x in (shallow, deep)]
        # standard error of the logarithm of a variance
        squares = [(fourth / variance**2 - 1) / size for variance, fourth, size in moments]
        z.append(math.log(moments[1][0] / moments[0][0]) / math.sqrt(sum(squares)))
    deviations = part["rank"].std("repeat").mean("law").values
    return _verdict(np.array(z) > far, np.array(z) < -far), _listed(deviations, ".3f")


def _laws(part: Any, tests: int) -> tuple[Verdict, str]:
    """Kolmogorov's distance of the two laws, with Dvoretzky, Kiefer and Wolfowitz's bound."""
    if part.law.size < 2:
        return Verdict.UNDECIDED, "one law"
    ranks = part["rank"].transpose("law", "depth", "repeat").values
    distance = np.array(
        [scipy.stats.ks_2samp(a, b, method="asymp").statistic for a, b in zip(*ranks, strict=True)]
    )
    error = 2 * math.sqrt(math.log(4 * tests / SIGNIFICANCE) / (2 * ranks.shape[-1]))
    verdict = _verdict(distance + error < _SAME, distance - error > _SAME)
    return verdict, f"{_listed(distance, '.3f')} +- {error:.3f} at most"


def _theory(part: Any, _tests: int) -> tuple[Verdict, str]:
    known = part.sel(law="normal").dropna("depth", subset=["predicted_mean"])
    if known.depth.size == 0:
        return Verdict.UNDECIDED, "no depth is so small"
    misfit = (known["rank"].mean("repeat") - known.predicted_mean).values
    error = known["rank"].std("repeat", ddof=1).values / math.sqrt(known.repeat.size)
    allowed = known.predicted_error.values
    text = f"mean less theory {_listed(misfit, '+.4f')}, stated errors {_listed(allowed, '.3f')}"
    inside = np.abs(misfit) <= allowed + _ERRORS * error
    return _verdict(inside, ~inside), text


def _infinite(part: Any, _tests: int) -> tuple[Verdict, str]:
    ranks = part.infinite_width.isel(law=0).values
    change = np.diff(ranks)
    return _verdict(change < -_ROUNDING, change > -_ROUNDING), _listed(ranks, ".3f")


def _verdict(there: npt.NDArray[np.bool_], back: npt.NDArray[np.bool_]) -> Verdict:
    """Combine the evidence of all comparisons, for and against."""
    if there.all():
        return Verdict.SUPPORTED
    if back.any():
        return Verdict.IN_PART if there.any() else Verdict.NOT_SUPPORTED
    return Verdict.UNDECIDED


def _listed(values: Any, form: str) -> str:
    return ", ".join(format(value, form) for value in values)


EXPERIMENT = Experiment(
    name="init-pdf",
    title="Distribution of the rank of Gram matrices at initialisation",
    reference=_REFERENCE,
    settings=_settings,
    cells=over(activation="activations", law="laws"),
    compute=_compute,
    judge=_judge,
    shown=columns("rank predicted_mean predicted_error infinite_width input_rank"),
    backends=("numpy", "cupy"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
