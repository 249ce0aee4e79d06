"""Share of its width that a random linear network uses, over widths and depths.

The map also shows where the limit of infinite width, and the corrected limit, are good to a
percent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rmt_rank.paper.experiments.experiment import (
    Arrays,
    Cell,
    Experiment,
    by_size,
    columns,
    over,
)
from rmt_rank.paper.experiments.findings import Finding, Verdict, decided
from rmt_rank.simulation.means.expected import by_limit, corrected, expected_effective_rank
from rmt_rank.theory.finite_width.corrections import LARGEST_DEPTH_PER_WIDTH

__all__ = ["EXPERIMENT", "run", "verdict"]

# Mean ranks are compared at this many standard errors, up to a depth of this many widths: beyond,
# rare products carry the mean, and Monte Carlo's errors are too small.
_ERRORS, _DEEPEST = 5, 4
# Relative error that counts as good, and the smallest width at which formulas are judged.
_GOOD, _WIDE = 0.01, 16

_settings = by_size(
    widths=([2, 4, 8], [2, 4, 8, 16, 32, 64, 128], [2, 4, 8, 16, 32, 64, 128, 256]),
    depths=([1, 2, 4], [1, 2, 4, 8, 16, 32, 64], [1, 2, 4, 8, 16, 32, 64, 128]),
    # half a percent, against contours at one
    target_error=(0.02, 0.02, 0.005),
)


def _compute(settings: Mapping[str, Any], cell: Cell, seed: np.random.SeedSequence) -> Arrays:
    width, depth = cell["width"], cell["depth"]
    found = expected_effective_rank(width, depth, target_error=settings["target_error"], rng=seed)
    arrays = {
        "rank": found.value,
        "error": found.error,
        "share": found.exponentiated / width,
        "simulated": found.method == "monte-carlo",
    }
    # the formulas are evaluated outside their regime on purpose
    for method, formula in (("limit", by_limit), ("corrected", corrected)):
        form = formula(width, depth).value
        # relative error of the effective rank; far outside its regime it may be arbitrarily large
        arrays[f"{method}_rank"] = form
        arrays[f"{method}_error"] = abs(math.expm1(min(form - found.value, 99.0)))
    return {name: ((), np.array(value)) for name, value in arrays.items()}


# --- what it says -----------------------------------------------------------------------------


def _judge(dataset: Any) -> list[Finding]:
    return [_falls(dataset), *(_holds(dataset, method) for method in ("limit", "corrected"))]


def _falls(dataset: Any) -> Finding:
    """Verdict on the mean rank falling from each depth to the next, at every width."""
    ranks = dataset.transpose("width", "depth")
    known = (dataset.depth <= _DEEPEST * dataset.width).transpose("width", "depth").values[:, 1:]
    steps = np.diff(ranks["rank"].values, axis=1)[known]
    error = ranks.error.values
    sure = _ERRORS * np.hypot(error[:, 1:], error[:, :-1])[known]
    verdict = decided((steps < -sure).all(), (steps > sure).any())
    unsure = int((np.abs(steps) <= sure).sum())
    text = (
        f"{steps.size} steps in depth, up to depth {_DEEPEST} width: the rank changes by "
        f"{steps.min():+.2g} to {steps.max():+.2g} nats; {unsure} of them by less than {_ERRORS} "
        "errors"
    )
    return Finding(
        "Deeper networks of finite width have lower effective rank.", "Section 2.2", verdict, text
    )


def _holds(dataset: Any, method: str) -> Finding:
    """Verdict on a formula being good to a percent where depth is at most width/4."""
    inside = (dataset.depth <= LARGEST_DEPTH_PER_WIDTH * dataset.width) & (dataset.width >= _WIDE)
    # where the corrected limit is its own reference there is nothing to compare
    known = (inside & (dataset.simulated == 1)) if method == "corrected" else inside
    error = dataset[f"{method}_error"].where(known)
    noise = dataset.error.where(known)
    cells = int(error.notnull().sum())
    sentence = {
        "limit": "The limit of infinite width gives the effective rank to 1 %",
        "corrected": "With corrections for the width it is good to 1 %",
    }[method]
    sentence += f" where depth <= width/4, from width {_WIDE}."
    if cells == 0:
        return Finding(sentence, "ours", Verdict.UNDECIDED, "no cell that another method knows")
    good = (error + _ERRORS * noise < _GOOD).where(known, True).all()
    bad = (error - _ERRORS * noise > _GOOD).where(known, False).any()
    verdict = decided(bool(good), bool(bad))
    worst = error.stack(cell=("width", "depth")).dropna("cell")
    place = worst.isel(cell=int(worst.argmax("cell")))
    text = (
        f"{cells} cells: relative error at most {float(place):.2g}, at width {int(place.width)}, "
        f"depth {int(place.depth)}"
    )
    return Finding(sentence, "ours", verdict, text)


EXPERIMENT = Experiment(
    name="depth-width-map",
    title="Effective rank over width, at widths and depths, and where formulas hold",
    reference="not in the paper",
    settings=_settings,
    cells=over(width="widths", depth="depths"),
    compute=_compute,
    judge=_judge,
    shown=columns("rank error simulated share limit_error corrected_error"),
)

run, verdict = EXPERIMENT.run, EXPERIMENT.judge
