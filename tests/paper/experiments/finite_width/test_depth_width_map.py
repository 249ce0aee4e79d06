"""`depth-width-map`: a tiny run, and verdicts on made numbers."""

import math

import numpy as np
import pytest

from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.finite_width import depth_width_map
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

xarray = pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("depth-width-map")


def test_a_tiny_run(tiny):
    exact = tiny.sel(width=2, depth=1)
    # validation/reports/depth_width_map.csv: known exactly
    assert float(exact["rank"]) == pytest.approx(0.470329, abs=1e-6)
    assert float(exact.error) == 0
    assert float(exact.share) == pytest.approx(math.exp(float(exact["rank"])) / 2, rel=1e-12)
    for depth in tiny.depth.values.tolist():
        limit = math.log(8) + float(differential_effective_rank(depth))
        here = tiny.sel(width=8, depth=depth)
        assert float(here.limit_rank) == pytest.approx(limit, rel=1e-12)
        error = abs(math.exp(limit - float(here["rank"])) - 1)
        assert float(here.limit_error) == pytest.approx(error, rel=1e-9)
    # the target of this size, and a Monte Carlo error estimated from blocks
    assert float(tiny.error.max()) < 2 * 0.02
    assert tiny.simulated.attrs["flag"] == 1


@pytest.fixture
def made(tiny):
    """Wide enough to judge formulas: all simulated, error 1e-3, formulas good to 1e-4."""
    dataset = tiny.assign_coords(width=[16, 32, 64])
    zero = dataset["rank"] * 0
    return dataset.assign(
        rank=zero + 2 - 0.1 * dataset.depth,
        error=zero + 1e-3,
        simulated=zero == 0,
        limit_error=zero + 1e-4,
        corrected_error=zero + 1e-4,
    )


def of(dataset, begin):
    (found,) = {f.verdict for f in depth_width_map.verdict(dataset) if f.sentence.startswith(begin)}
    return found


@pytest.mark.parametrize(
    ("by", "expected"),
    # five errors of a difference are 0.007 nats, beside a step of -0.1
    [
        (0, Verdict.SUPPORTED),
        (0.092, Verdict.SUPPORTED),
        (0.1, Verdict.UNDECIDED),
        (0.108, Verdict.NOT_SUPPORTED),
    ],
)
def test_falls(made, by, expected):
    made["rank"].loc[{"width": 32, "depth": 2}] += by
    assert of(made, "Deeper networks") is expected


def test_depths_far_beyond_the_width_are_left_out(made):
    made["rank"].loc[{"width": 16, "depth": 4}] += 1
    assert of(made.assign_coords(depth=[1, 2, 64]), "Deeper networks") is Verdict.NOT_SUPPORTED
    assert of(made.assign_coords(depth=[1, 2, 65]), "Deeper networks") is Verdict.SUPPORTED


@pytest.mark.parametrize("name", ["limit", "corrected"])
@pytest.mark.parametrize(
    ("error", "expected"),
    [(0.004, Verdict.SUPPORTED), (0.01, Verdict.UNDECIDED), (0.016, Verdict.NOT_SUPPORTED)],
)
def test_formulas(made, name, error, expected):
    begin = {"limit": "The limit", "corrected": "With corrections"}
    made[f"{name}_error"].loc[{"width": 16, "depth": 4}] = error
    assert of(made, begin[name]) is expected
    other = "corrected" if name == "limit" else "limit"
    assert of(made, begin[other]) is Verdict.SUPPORTED
    # deeper than width/4, or narrow: no claim
    made = made.assign_coords(depth=[1, 2, 5])
    assert of(made, begin[name]) is Verdict.SUPPORTED
    made = made.assign_coords(depth=[1, 2, 4], width=[8, 32, 64])
    assert of(made, begin[name]) is Verdict.SUPPORTED


def test_a_formula_is_not_compared_with_itself(made):
    made["simulated"] = made.simulated & False
    assert of(made, "With corrections") is Verdict.UNDECIDED
    assert of(made, "The limit") is Verdict.SUPPORTED


def test_far_outside_its_regime(tiny):
    assert np.isfinite(tiny.limit_error).all()
