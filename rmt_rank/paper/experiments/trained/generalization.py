r"""Section 4: cases where depth helps on unseen data, and cases where it hurts.

The error is that of the whole distribution, not of a sample: for standard normal inputs it is
|W_e - W*|_F^2, here in units of |W*|_F^2.

At zero training error W_e = W* P + A (I - P), see `rmt_rank.networks.identities`, where A is the
product of W_d ... W_2 at the end with W_1 at the start.  Gradient descent depends on W_1 P alone,
and a Gaussian W_1 (I - P) is symmetric and independent of it, so that the mean error is

    E |W_e - W*|^2 = |W* (I - P)|^2 + E |A (I - P)|^2 :

no depth is better than the solution of least norm on average, and depth can only help by making the
remainder of the initial weights smaller.  The run that starts from the other sign of W_1 (I - P) is
as likely, and trains alike; depths are compared by the mean of both, the two terms above, which is
far less noisy than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from rmt_rank.networks.identities import effective_weight
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
    shared_seed,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, in_all
from rmt_rank.paper.experiments.judges import ENOUGH, SIGNIFICANCE, judge_over, judge_shift
from rmt_rank.paper.experiments.trained.rates import at_best_rate
from rmt_rank.training.ledger import Status
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.train import train

__all__ = ["EXPERIMENT", "run", "verdict"]

Array = npt.NDArray[np.float64]

# A difference counts as 0 if it is known to be below this share of the number that it corrects.
_NEGLIGIBLE = 0.1

_settings = by_size(
    tolerance=1e-3,
    rates=[0.5, 0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002],
    dtype="float32",
    width=(6, 32, 32),
    task_ranks=([1, 5], [2, 24], [2, 8, 24]),
    examples=([3], [16], [8, 16, 24]),
    scales=([1.0], [0.5, 1.0], [0.5, 1.0]),
    depths=([1, 2, 3], [1, 2, 4], [1, 2, 4, 8]),
    repeats=(6, 12, 12),
    steps=(2000, 3000, 12000),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    rank, examples = cell["task_rank"], cell["examples"]
    problems = [
        least_squares_problem(
            settings["width"],
            rank,
            examples,
            rng=shared_seed(seed, task_rank=rank, examples=examples, repeat=repeat),
        )
        for repeat in range(settings["repeats"])
    ]
    results = [
        train(
            problem,
            cell["depth"],
            learning_rate=settings["rates"],
            steps=settings["steps"],
            tolerance=settings["tolerance"],
            scale=cell["scale"],
            dtype=settings["dtype"],
            record=[],
            rng=stream,
            unconverged="ignore",
        )
        for problem, stream in zip(problems, seed.spawn(len(problems)), strict=True)
    ]
    return at_best_rate(problems, results, _row)


def _row(
    problem: LeastSquaresProblem, result: TrainingResult, place: int, here: Mapping[str, Any]
) -> dict[str, Any]:
    """Test errors of the network at one of the learning rates."""
    if problem.task is None:
        raise ValueError("problem must have a task")
    weight = np.full(problem.task.shape, np.nan)
    if here["status"] != Status.DIVERGED:
        weight = effective_weight([each[place, 0] for each in result.weights])
    outside = np.eye(problem.features) - problem.projector
    unit = np.sum(problem.task**2)
    least = np.sum((problem.minimum_norm_weight - problem.task) ** 2) / unit
    left_over = np.sum((weight @ outside) ** 2) / unit
    return {
        "test_error": np.sum((weight - problem.task) ** 2) / unit,
        "minimal_test_error": least,
        # what is left of the initial weights outside the data
        "left_over": left_over,
        "mean_test_error": least + left_over,
    }


# --- what it says -----------------------------------------------------------------------------


def _by_case(part: Any) -> dict[str, Any]:
    """The parts of one task rank."""
    return {
        f"scale {scale:g}, {examples} examples": part.sel(scale=scale, examples=examples)
        for scale in part.scale.values.tolist()
        for examples in part.examples.values.tolist()
    }


def _judge(dataset: Any) -> list[Finding]:
    ranks = dataset.task_rank.values.tolist()
    by_rank = {rank: _by_case(dataset.sel(task_rank=rank)) for rank in ranks}
    findings = [_over_depth(rank, by_rank[rank], rank < ranks[-1]) for rank in ranks]
    for other, words, reference in (
        ("one layer", "one", "Section 4, Appendix C"),
        (
            "least norm",
            "the least-norm solution W* P",
            "ours: on average impossible, see the module",
        ),
    ):
        for rank in ranks:
            sentence = f"At task rank {rank} more layers generalise better than {words}."
            findings.append(_paired(sentence, reference, by_rank[rank], other))
    findings.append(_mean_error(dataset))
    if dataset.scale.size > 1:
        findings += [_small_scale(rank, dataset.sel(task_rank=rank)) for rank in ranks]
    return findings


def _over_depth(rank: int, cases: Mapping[str, Any], low: bool) -> Finding:
    """The paper's claim, as a trend over depth."""
    judged, details = {}, []
    for name, part in cases.items():
        judged[name] = judge_over(
            "", "", part, "mean_test_error", falls=low, comparisons=len(cases)
        )
        medians = part.mean_test_error.where(part.converged == 1).median("repeat").values
        pairs = zip(part.depth.values, medians, strict=True)
        shown = ", ".join(f"{d}: {m:.3f}" for d, m in pairs if np.isfinite(m))
        least = float(part.minimal_test_error.median())
        details.append(f"{name}: medians by depth {shown}, least norm {least:.3f}")
    found = in_all(
        f"At task rank {rank} deeper networks generalise {'better' if low else 'worse'}.",
        "Section 4, Appendix C",
        judged,
    )
    return found.saying(f" (Page's test) | {'; '.join(details)}")


def _pairs(part: Any, depth: int, reference: str) -> Array | None:
    """Differences of the test error to another, where 90 % of both converged; otherwise None."""
    deep = part.sel(depth=depth)
    shares = [float(deep.converged.mean())]
    if reference == "one layer":
        one = part.sel(depth=1)
        shares.append(float(one.converged.mean()))
        difference = deep.mean_test_error - one.mean_test_error.where(one.converged == 1)
    else:
        difference = deep.test_error - deep.minimal_test_error
    difference = difference.where(deep.converged == 1)
    return np.asarray(difference.values) if min(shares) >= ENOUGH else None


def _paired(sentence: str, reference: str, cases: Mapping[str, Any], against: str) -> Finding:
    judged = {}
    for name, part in cases.items():
        deeper = [d for d in part.depth.values.tolist() if d > 1]
        for depth in deeper:
            pairs = _pairs(part, depth, against)
            case = f"{name}, depth {depth}"
            if pairs is None:
                judged[case] = Finding("", "", Verdict.UNDECIDED, "")
            else:
                judged[case] = judge_shift("", "", pairs, comparisons=len(cases) * len(deeper))
    return in_all(sentence, reference, judged).saying(" (Wilcoxon's test over problems)")


def _mean_error(dataset: Any) -> Finding:
    """The mean error compared with the sum of the two terms in the module's docstring."""
    rest = dataset.test_error - dataset.mean_test_error
    rest = rest.where(dataset.converged == 1).values.ravel()
    rest = rest[np.isfinite(rest)]
    sentence = "The mean test error is that of W* P plus what is left of the initial weights."
    if rest.size < 2:
        return Finding(sentence, "ours, proved", Verdict.UNDECIDED, "too few runs converged")
    mean, error = rest.mean(), rest.std(ddof=1) / np.sqrt(rest.size)
    half = float(scipy.stats.t.ppf(1 - SIGNIFICANCE / 2, rest.size - 1)) * error
    left = float(dataset.left_over.where(dataset.converged == 1).mean())
    fails = abs(mean) > half
    verdict = decided(not fails and half < _NEGLIGIBLE * left, fails)
    text = (
        f"{rest.size} converged runs: mean difference {mean:+.2g}, 99 % confidence interval of "
        f"half width {half:.2g}; mean of what is left {left:.2g}"
    )
    return Finding(sentence, "ours, proved", verdict, text)


def _small_scale(rank: int, part: Any) -> Finding:
    """Verdict on one layer with small weights having the effect of depth."""
    scales, depths = part.scale.values.tolist(), part.depth.values.tolist()
    one = part.sel(depth=1, scale=min(scales))
    cases = {}
    for examples in part.examples.values.tolist():
        for depth in (d for d in depths if d > 1):
            deep = part.sel(depth=depth, scale=max(scales), examples=examples)
            here = one.sel(examples=examples)
            both = (deep.converged == 1) & (here.converged == 1)
            if float(both.mean()) >= ENOUGH:
                cases[f"{examples} examples, depth {depth}"] = judge_shift(
                    "",
                    "",
                    (here.mean_test_error - deep.mean_test_error).where(both),
                    comparisons=part.examples.size * (len(depths) - 1),
                )
    return in_all(
        f"At task rank {rank} one layer that starts at scale {min(scales):g} generalises better "
        f"than more layers at scale {max(scales):g}.",
        "ours",
        cases,
    )


EXPERIMENT = Experiment(
    name="generalization",
    title="Test error over depth, task rank, initial scale and number of examples",
    reference="Section 4, Appendix C",
    settings=_settings,
    cells=over(task_rank="task_ranks", examples="examples", scale="scales", depth="depths"),
    compute=_compute,
    judge=_judge,
    shown=columns(
        "converged diverged test_error mean_test_error minimal_test_error left_over "
        "weight_rank loss steps learning_rate at_edge"
    ),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
