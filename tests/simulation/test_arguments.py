"""Any argument of the simulation layer gives the right answer or a short refusal."""

import copy
import math
import pickle
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import rmt_rank as rr
from rmt_rank.paper.experiments.experiment import run_experiment
from rmt_rank.paper.experiments.nonlinear.phases import EXPERIMENT
from rmt_rank.simulation.means.chain_statistics import simulate_chain
from rmt_rank.simulation.means.expected import RegimeWarning
from rmt_rank.simulation.means.target import TargetWarning
from rmt_rank.simulation.products.chain import LARGEST_DEPTH
from rmt_rank.simulation.products.random_features import sample_gram_effective_ranks

HOSTILE = [
    *(10**400, -(10**400), 10**5000, 2**64, 2**63, 2**40, 2**33, -1, 0),
    *(1e300, 1e-300, 5e-324, math.nan, math.inf, -math.inf, True, None, 3.0),
    *("abc", "a\0b", b"a", b"", [], {}, {1: 2}, {3}, object(), 1j, int, len),
    *(Decimal("NaN"), Decimal(3), Fraction(3, 2), np.int8(3), np.float32(2.5), np.longdouble(3)),
    *(np.array(3), np.array([3]), np.zeros((2, 2)), [[1, 2], [3]], [10**400, 2], [1, math.nan]),
    *([None], [2**33], [10**9, 10**9], range(1, 4), np.ma.masked_array([1, 2], [0, 1])),
    *(np.datetime64("2020"), [1, -1], (i for i in range(3))),
]
SIMULATED = {"width": 3, "depth": 2, "rng": 0}
# function, good arguments, and the names of those that are replaced in turn
CALLS = [
    (rr.estimate, {"which": "effective_rank", "samples": 40} | SIMULATED, None),
    (rr.estimate, {"which": "effective_rank", "target_error": 0.1} | SIMULATED, "target_error"),
    (rr.estimate, {"which": "spectral_measure", "samples": 40, "bins": [0, 1]} | SIMULATED, "bins"),
    (rr.estimate, {"which": "log_singular_values", "samples": 40} | SIMULATED, "method"),
    (rr.expected_effective_rank, {"target_error": 0.1} | SIMULATED, None),
    (rr.expected_effective_rank, {"method": "limit"} | SIMULATED, None),
    (rr.expected_effective_rank, {"method": "corrected", "field": "complex"} | SIMULATED, None),
    (rr.sample_singular_values, {"size": 5} | SIMULATED, None),
    (
        rr.sample_singular_values,
        {"size": 5, "method": "dense", "return_log": True} | SIMULATED,
        None,
    ),
    (rr.sample_residual_limit, {"width": 3, "time": 1.0, "size": 5, "rng": 0}, None),
    (
        rr.sample_residual_singular_values,
        {"width": 3, "depths": [1, 2], "size": 5, "scale": 0.5, "rng": 0},
        None,
    ),
    (simulate_chain, {"width": 3, "depths": [1, 2], "samples": 40, "rng": 0}, None),
    (
        sample_gram_effective_ranks,
        {"inputs": (6, 3), "depths": [1, 2], "activation": "tanh", "size": 3, "rng": 0},
        None,
    ),
    (
        rr.expected_gram_effective_rank,
        {"width": 16, "depth": 1, "samples": 32, "method": "limit"},
        None,
    ),
    (rr.study.Study, {"widths": [3], "depths": [1], "samples": 40}, None),
]
# these are checked by other layers, or accept everything
ELSEWHERE = {"activation"}


def variations():
    for number, (function, good, only) in enumerate(CALLS):
        names = function.__init__.__code__.co_varnames if function is rr.study.Study else None
        code = getattr(function, "__code__", None)
        names = names or code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        for name in names:
            if name not in ELSEWHERE | {"self"} and only in (None, name):
                yield pytest.param(function, good, name, id=f"{number}-{function.__name__}-{name}")


@pytest.mark.parametrize(("function", "good", "name"), list(variations()))
def test_any_argument_is_right_or_refused_by_name(function, good, name):
    for value in HOSTILE:
        if name == "progress" and callable(value):  # it is called, and its exceptions pass through
            continue
        arguments = good | {name: value}
        if name == "target_error" and "samples" in arguments and function is rr.estimate:
            del arguments["samples"]
        with warnings.catch_warnings():
            for allowed in (TargetWarning, RegimeWarning):
                warnings.simplefilter("ignore", allowed)
            try:
                function(**arguments)
            except (ValueError, TypeError) as error:
                message = str(error)
                known = name in message or (name == "which" and "statistic" in message)
                assert known or name in ("statistics", "widths"), (value, message)
                assert len(message) < 600


def test_run_study_and_open_study(tmp_path):
    pytest.importorskip("xarray", reason="xarray is not installed")
    study = rr.study.Study([2], [1], 40)
    for value in [*HOSTILE, "x" * 10**5]:
        calls = [
            (lambda value: rr.study.run_study(value, tmp_path / "a"), "study"),
            (lambda value: rr.study.run_study(study, tmp_path / "b", executor=value), "executor"),
            (lambda value: rr.study.run_study(study, tmp_path / "c", progress=value), "progress"),
        ]
        if not isinstance(value, str) or "\0" in value or len(value) > 1000:
            calls.append((lambda value: rr.study.run_study(study, value), "store"))
            calls.append((rr.study.open_study, "store"))
            calls.append((rr.study.Study.from_toml, "path"))
        for function, name in calls:
            if (value is None or callable(value)) and name in ("executor", "progress"):
                continue
            with pytest.raises((ValueError, TypeError), match=f"{name} must") as refused:
                function(value)
            assert len(str(refused.value)) < 600
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["experiment", "size", "folder", "seed", "executor", "progress"])
def test_run_experiment(name):
    pytest.importorskip("xarray", reason="xarray is not installed")
    for value in HOSTILE:
        if (value is None and name in ("folder", "executor")) or isinstance(value, str):
            continue
        if (name == "seed" and type(value) in (int, np.int8) and 0 <= value < 2**128) or (
            name == "progress" and callable(value)
        ):
            continue  # which are right
        arguments = {"experiment": EXPERIMENT, "size": "tiny"} | {name: value}
        with pytest.raises((ValueError, TypeError), match=f"{name} must"):
            run_experiment(**arguments)


def test_memory_is_estimated():
    for call in (
        lambda: rr.sample_singular_values(10**6, 2, 1),
        lambda: rr.sample_singular_values([10**6, 10**6], size=1),
        lambda: rr.estimate("effective_rank", 10**6, 2, samples=2),
        lambda: rr.sample_singular_values(10, 1, 10**9),
        lambda: rr.sample_residual_limit(10**6, 1.0, 1),
        lambda: sample_gram_effective_ranks((10**6, 10**6), [1], "relu", 1),
        lambda: rr.study.run_study(rr.study.Study([10**6], [2], 40), "never-made"),
    ):
        with pytest.raises(ValueError, match="GiB of memory are needed"):
            call()


def test_jobs_that_would_never_end_are_refused():
    with pytest.raises(ValueError, match="at most 1e13 entries"):
        rr.estimate("effective_rank", 100, 10**5, samples=10**6)
    with pytest.raises(ValueError, match="at most 1000000 blocks"):
        rr.study.run_study(rr.study.Study([256], [256], 10**12), "never-made")
    with pytest.raises(ValueError, match=f"<= {LARGEST_DEPTH}"):
        rr.sample_singular_values(1, LARGEST_DEPTH + 1, 1)


@pytest.mark.parametrize(
    "returned",
    [None, "abc", [[1, 2], [3]], object(), 1j, {}, np.ma.masked_array([1.0], [1]), math.nan],
    ids=["none", "string", "ragged", "object", "complex", "dict", "masked", "nan"],
)
def test_statistics_that_return_anything_else(returned):
    def f(values):
        return returned

    with pytest.raises(ValueError, match="the statistic 'f'"):
        rr.estimate(f, 3, 2, samples=40, rng=0)


def test_a_statistic_that_raises_is_named():
    def broken(values):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        rr.estimate(broken, 3, 2, samples=40, rng=0)
    assert "in the statistic 'broken'" in caught.value.__notes__[0]


def same(first, second):
    return first == second and hash(first) == hash(second)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: rr.estimate("effective_rank", 3, 2, samples=40, rng=seed),
        lambda seed: rr.estimate("singular_values", 3, 2, samples=3, rng=seed),
        lambda seed: simulate_chain(3, [1, 2], 40, rng=seed),
        lambda seed: rr.expected_effective_rank(3, 2, target_error=0.1, rng=seed),
        lambda seed: rr.study.Study(
            [3], [1], 40, seed=seed, statistics=[{"name": "effective_rank"}]
        ),
    ],
)
def test_results_equal_their_copies(make):
    result = make(0)
    for copied in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert same(result, copied)
    assert same(result, make(0))
    assert result != make(1)
    assert result != "result"


def test_numpy_integers_are_those_of_python():
    plain = rr.study.Study([2], [1], 40, statistics=[{"name": "effective_rank", "power": 2}])
    other = rr.study.Study(
        np.array([2]), (np.int8(1),), 40, statistics=[{"name": "effective_rank", "power": 2.0}]
    )
    assert same(plain, other)
