"""Verdicts: trends of data made to have them, or not, and what too few runs allow to say."""

import itertools

import numpy as np
import pytest
from scipy import stats

from rmt_rank.paper.experiments.findings import Finding, Verdict, decided, in_all, listed
from rmt_rank.paper.experiments.judges import (
    SIGNIFICANCE,
    judge_converged,
    judge_over,
    judge_shift,
    judge_trend,
    trend,
)

FALLING = np.array([[3.0, 2.0, 1.0, 0.5]] * 5)


def test_page_by_counting():
    # all orders of three levels in each of two blocks are as likely: L = sum of level times rank
    scores = [sum(i * r for i, r in enumerate(p, 1)) for p in itertools.permutations((1, 2, 3))]
    totals = [a + b for a in scores for b in scores]
    blocks = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0]])
    observed = 14 + 13
    share = np.mean([total >= observed for total in totals])
    assert trend(blocks).rises == pytest.approx(share, abs=1e-12)
    assert trend(-blocks).falls == pytest.approx(share, abs=1e-12)


def test_trend_of_what_falls():
    found = trend(FALLING)
    assert (found.blocks, found.levels, found.change) == (5, 4, -2.5)
    # one order of 24 in each of 5 blocks
    assert found.falls == pytest.approx(24.0**-5)
    assert found.rises == pytest.approx(1)


def test_incomplete_blocks_are_left_out():
    values = FALLING.copy()
    values[0, 2] = np.nan
    assert trend(values).blocks == 4
    assert np.isnan(trend(np.full((2, 4), np.nan)).falls)
    two_levels = trend(FALLING[:, :2])
    assert np.isnan(two_levels.falls)
    assert two_levels.change == -1


def test_false_alarms_are_as_rare_as_they_should_be():
    # 400 cases without a trend, each called supported with probability at most SIGNIFICANCE:
    # more than 14 happen with probability 2e-5
    assert stats.binom.sf(14, 400, SIGNIFICANCE) < 2.1e-5
    rng = np.random.default_rng(0)
    cases = (judge_trend("", "", rng.normal(size=(6, 4)), falls=True) for _ in range(400))
    assert sum(case.verdict is Verdict.SUPPORTED for case in cases) <= 14


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (FALLING, Verdict.SUPPORTED),
        (-FALLING, Verdict.NOT_SUPPORTED),
        (np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]] * 3), Verdict.UNDECIDED),
    ],
)
def test_judge_trend(values, verdict):
    assert judge_trend("", "", values, falls=True).verdict is verdict


def test_too_few_that_converged_decide_nothing():
    found = judge_trend("s", "r", FALLING, falls=True, complete=0.89)
    assert found.verdict is Verdict.UNDECIDED
    assert "89% of the runs converged" in found.statistic
    assert judge_trend("s", "r", FALLING, falls=True, complete=0.9).verdict is Verdict.SUPPORTED


def test_comparisons_raise_the_bar():
    values = FALLING[:2]  # p = 24^-2 = 0.0017
    assert judge_trend("", "", values, falls=True).verdict is Verdict.SUPPORTED
    assert judge_trend("", "", values, falls=True, comparisons=6).verdict is Verdict.UNDECIDED


def test_depths_that_did_not_converge_are_left_out_and_named():
    values = np.c_[FALLING, np.full(5, 100.0)]
    converged = np.ones((5, 5), dtype=bool)
    converged[:2, 4] = False
    found = judge_converged("", "", values, converged, [1, 2, 4, 8, 16], falls=True)
    assert found.verdict is Verdict.SUPPORTED
    assert "4 levels" in found.statistic
    assert "left out, as too few runs converged: 16 (60%)" in found.statistic
    # it would be against it if they counted
    assert judge_trend("", "", values, falls=True).verdict is not Verdict.SUPPORTED


def test_single_runs_that_did_not_converge_do_not_count():
    values = np.tile(FALLING, (4, 1))
    values[0] = values[0, ::-1]
    converged = np.ones(values.shape, dtype=bool)
    converged[0, 1] = False
    found = judge_converged("", "", values, converged, [1, 2, 4, 8], falls=True)
    assert "19 blocks" in found.statistic
    assert "95% of the runs converged" in found.statistic


def test_less_than_three_depths_decide_nothing():
    converged = np.zeros((5, 4), dtype=bool)
    converged[:, :2] = True
    found = judge_converged("", "", FALLING, converged, [1, 2, 4, 8], falls=True)
    assert found.verdict is Verdict.UNDECIDED
    assert "4 (0%), 8 (0%)" in found.statistic
    assert found.statistic.startswith("levels that are left: 2, too few for Page's test")
    assert "median change -1" in found.statistic


def test_no_p_is_given_where_there_is_no_test():
    for values in (FALLING[:, :2], np.full((2, 4), np.nan), np.full((2, 2), np.nan)):
        found = judge_trend("", "", values, falls=True)
        assert found.verdict is Verdict.UNDECIDED
        assert "nan" not in found.statistic
        assert "p =" not in found.statistic


def test_judge_shift():
    # the sign of each of 10 pairs is a fair coin: 2^-10
    down = judge_shift("", "", -np.arange(1.0, 11))
    assert down.verdict is Verdict.SUPPORTED
    assert f"p = {2.0**-10:.2g}" in down.statistic
    assert judge_shift("", "", np.arange(1.0, 11)).verdict is Verdict.NOT_SUPPORTED
    mixed = np.arange(1.0, 11) * (-1) ** np.arange(10)
    assert judge_shift("", "", mixed).verdict is Verdict.UNDECIDED
    assert judge_shift("", "", -np.arange(1.0, 11), comparisons=20).verdict is Verdict.UNDECIDED
    for nothing in ([], [np.nan, np.nan], [0.0, 0.0]):
        assert judge_shift("", "", nothing).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("ss", Verdict.SUPPORTED),
        ("nn", Verdict.NOT_SUPPORTED),
        ("sn", Verdict.IN_PART),
        ("su", Verdict.SUPPORTED),
        ("suu", Verdict.UNDECIDED),
        ("u", Verdict.UNDECIDED),
        ("", Verdict.UNDECIDED),
    ],
)
def test_in_all(verdicts, expected):
    short = {"s": Verdict.SUPPORTED, "n": Verdict.NOT_SUPPORTED, "u": Verdict.UNDECIDED}
    cases = {f"case {i}": Finding("", "", short[v], "") for i, v in enumerate(verdicts)}
    found = in_all("sentence", "reference", cases)
    assert found.verdict is expected
    assert all(name in found.statistic for name in cases)


def test_judges_of_a_dataset_take_every_other_dimension_as_blocks():
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    rng = np.random.default_rng(0)
    rank, good = rng.normal(size=(2, 4, 3)), np.ones((2, 4, 3), bool)
    good[0, :, 1] = False  # half of the runs at one of four depths
    dims = ("problem", "depth", "seed")
    dataset = xarray.Dataset(
        {"rank": (dims, rank), "converged": (dims, good)}, coords={"depth": [1, 2, 4, 8]}
    )
    rows, flags = (np.moveaxis(each, 1, 2).reshape(6, 4) for each in (rank, good))
    assert judge_over("a", "b", dataset, "rank", falls=True, flag=None) == judge_trend(
        "a", "b", rows, falls=True
    )
    assert judge_over("a", "b", dataset, "rank", falls=False) == judge_converged(
        "a", "b", rows, flags, [1, 2, 4, 8], falls=False
    )


def test_verdicts_of_conditions():
    assert decided(True, False) is decided(True) is Verdict.SUPPORTED
    assert decided(False, True) is decided(False) is Verdict.NOT_SUPPORTED
    assert decided(False, False) is Verdict.UNDECIDED


def test_words_around_the_numbers():
    found = Finding("a", "b", Verdict.SUPPORTED, "p = 0")
    assert found.saying("; more", before="first: ").statistic == "first: p = 0; more"
    assert in_all("c", "d", {"x": found}, details=True).statistic == "supported: x | x: p = 0"
    assert listed([1, 2], [0.5, np.nan], ".1f", missing="-") == "1: 0.5, 2: -"
