"""Cells of experiments are stored, resumed, refused in other runs, and the same anywhere."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from rmt_rank._lib.archive import pack
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.paper.experiments import EXPERIMENTS, find
from rmt_rank.paper.experiments.experiment import (
    Experiment,
    run_experiment,
    shared_seed,
)
from rmt_rank.paper.experiments.trained.rates import best_rate
from rmt_rank.training.ledger import Status
from rmt_rank.training.recording import Observer
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

COMPUTED = []


def compute(settings, cell, seed):
    COMPUTED.append(cell)
    values = np.random.default_rng(seed).normal(size=settings["draws"])
    common = np.random.default_rng(shared_seed(seed, task=cell["task"])).normal()
    return {"values": (("seed",), values), "common": ((), np.array(common))}


TOY = Experiment(
    name="toy",
    title="A toy",
    reference="none",
    settings=lambda size: {"draws": {"tiny": 2, "quick": 3, "full": 4}[size]},
    cells=lambda _: [{"task": t, "depth": d} for t in ("b", "a") for d in (2, 1)],
    compute=compute,
    judge=lambda _: [],
)


@pytest.fixture(autouse=True)
def _forget():
    COMPUTED.clear()


def numbers(dataset):
    return dataset.drop_vars("seconds")


def test_together():
    told = []
    dataset = run_experiment(TOY, "tiny", seed=3, progress=lambda *both: told.append(both))
    assert dict(dataset.sizes) == {"task": 2, "depth": 2, "seed": 2}
    assert dataset.task.values.tolist() == ["b", "a"]
    assert dataset.depth.values.tolist() == [2, 1]
    assert told == [(i, 4) for i in range(5)]
    attributes = dataset.attrs
    assert (attributes["experiment"], attributes["size"], attributes["seed"]) == ("toy", "tiny", 3)
    assert attributes["settings"] == '{"draws": 2}'
    assert "NumPy" in attributes["versions"]
    assert (dataset.seconds >= 0).all()


def test_seeds_beyond_32_bits(tmp_path):
    for seed in (2**31 - 1, 2**31, 10**26):
        dataset = run_experiment(TOY, "tiny", seed=seed, folder=tmp_path / str(seed))
        again = run_experiment(TOY, "tiny", seed=seed, folder=tmp_path / str(seed))
        assert again.identical(dataset)
        loaded = xarray.load_dataset(dataset.to_netcdf(engine="scipy"), engine="scipy")
        assert int(loaded.attrs["seed"]) == seed
    assert len(COMPUTED) == 12


def test_seeds():
    dataset = run_experiment(TOY, "tiny")
    assert len(np.unique(dataset["values"])) == 8  # a stream for each cell
    assert (dataset.common.sel(depth=1) == dataset.common.sel(depth=2)).all()
    assert dataset.common.sel(task="a", depth=1) != dataset.common.sel(task="b", depth=1)
    other = run_experiment(TOY, "tiny", seed=1)
    for name in ("values", "common"):
        assert not np.isin(other[name], dataset[name]).any()
    with pytest.raises(TypeError, match="seed must be that of a cell"):
        shared_seed(np.random.SeedSequence(1), task="a")


def test_a_run_resumes(tmp_path):
    folder = tmp_path / "run"
    whole = run_experiment(TOY, "tiny", folder=folder)
    (folder / "task-a_depth-1.npz").unlink()
    COMPUTED.clear()
    told = []
    again = run_experiment(TOY, "tiny", folder=folder, progress=lambda *both: told.append(both))
    assert COMPUTED == [{"task": "a", "depth": 1}]
    assert told == [(3, 4), (4, 4)]
    assert numbers(again).identical(numbers(whole))


def test_another_run_is_refused(tmp_path):
    run_experiment(TOY, "tiny", folder=tmp_path / "run")
    for size, seed in (("quick", 0), ("tiny", 1)):
        with pytest.raises(ValueError, match="holds another run"):
            run_experiment(TOY, size, folder=tmp_path / "run", seed=seed)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").touch()
    for taken, words in (
        (
            "letters",
            "is not the folder of an experiment: it holds 'dear.txt'; choose another folder",
        ),
        ("letters/dear.txt", "exists and is not a folder; choose another"),
    ):
        with pytest.raises(ValueError, match=words):
            run_experiment(TOY, "tiny", folder=tmp_path / taken)


def test_damaged_files_are_named(tmp_path):
    run_experiment(TOY, "tiny", folder=tmp_path)
    run_experiment(TOY, "tiny", folder=tmp_path.with_name("other"), seed=1)
    path = tmp_path / "task-a_depth-2.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(
        ValueError,
        match=r"task-a_depth-2.npz cannot be read as a cell of an experiment: .*; remove it",
    ):
        run_experiment(TOY, "tiny", folder=tmp_path)
    path.write_bytes((tmp_path.with_name("other") / path.name).read_bytes())
    with pytest.raises(
        ValueError, match=r"task-a_depth-2.npz .* it belongs to another run or cell; remove it"
    ):
        run_experiment(TOY, "tiny", folder=tmp_path)
    # cells of two runs, of which it is not known which one was declared
    (tmp_path / "experiment.json").write_text("{")
    with pytest.raises(
        ValueError, match=r"experiment.json .* has no seal .*; remove it, or choose another folder"
    ):
        run_experiment(TOY, "tiny", folder=tmp_path)


@pytest.mark.parametrize("damage", [None, "", "{"])
def test_a_lost_declaration_is_restored(tmp_path, damage):
    whole = run_experiment(TOY, "tiny", folder=tmp_path)
    path = tmp_path / "experiment.json"
    content = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    with pytest.raises(ValueError, match="choose another folder"):
        run_experiment(TOY, "tiny", folder=tmp_path, seed=1)
    COMPUTED.clear()
    with pytest.warns(UserWarning, match=r"experiment\.json was missing or damaged, and was writ"):
        again = run_experiment(TOY, "tiny", folder=tmp_path)
    assert not COMPUTED
    assert path.read_bytes() == content
    assert numbers(again).identical(numbers(whole))


def test_cells_are_not_swapped(tmp_path):
    run_experiment(TOY, "tiny", folder=tmp_path)
    path = tmp_path / "task-a_depth-2.npz"
    path.write_bytes((tmp_path / "task-a_depth-1.npz").read_bytes())
    with pytest.raises(
        ValueError, match=r"task-a_depth-2.npz .* it belongs to another run or cell"
    ):
        run_experiment(TOY, "tiny", folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"_values": None}, "it holds the arrays"),
        ({"_more": np.array(1)}, "it holds the arrays"),
        ({"_values": np.zeros((2, 2))}, r"its values must have the dimensions \['seed'\]"),
        ({"_seconds": np.array(np.nan)}, "its seconds must be finite"),
        ({"_seconds": np.array(-1.0)}, "its seconds must be >= 0"),
        ({"_seconds": np.array("1")}, "its seconds must have"),
        ({"dimensions": np.array("[" * 100_000)}, "it is nested too deeply"),
        ({"dimensions": np.array("[]")}, "it holds a list, not an object"),
        ({"dimensions": np.array('{"seconds": []}')}, "it holds the arrays"),
        (
            {"dimensions": np.array('{"seconds": [], "common": 1, "values": ["seed"]}')},
            "the dimensions of its common must be words, got 1",
        ),
        ({"cell": None}, "cell"),
        ({"run": np.array(1)}, "it belongs to another run or cell"),
    ],
)
def test_cells_that_cannot_be(tmp_path, change, words):
    """Wrong content is refused even if its digest is right."""
    run_experiment(TOY, "tiny", folder=tmp_path)
    path = tmp_path / "task-a_depth-2.npz"
    with np.load(path) as archive:
        content = dict(archive) | change
    kept = {name: array for name, array in content.items() if array is not None}
    path.write_bytes(pack("cell of an experiment", kept))
    with pytest.raises(ValueError, match=rf"task-a_depth-2\.npz cannot .*: .*{words}.*; remove it"):
        run_experiment(TOY, "tiny", folder=tmp_path)


def test_an_executor_gives_the_same_numbers():
    with ThreadPoolExecutor(2) as executor:
        dataset = run_experiment(TOY, "tiny", executor=executor)
    assert numbers(dataset).identical(numbers(run_experiment(TOY, "tiny")))


def test_interrupted(tmp_path, monkeypatch):
    def ctrl_c(observer, parameters):
        raise KeyboardInterrupt

    def interrupted(settings, cell, seed):
        if cell == {"task": "a", "depth": 2}:
            # outside an experiment, a training run would warn, and keep its partial result
            problem = least_squares_problem(4, task_rank=1, examples=3, rng=0)
            with monkeypatch.context() as patch:
                patch.setattr(Observer, "__call__", ctrl_c)
                train(problem, 1, learning_rate=0.1, rng=0)
        return compute(settings, cell, seed)

    broken = Experiment(**{**vars(TOY), "compute": interrupted})
    with pytest.raises(KeyboardInterrupt):
        run_experiment(broken, "tiny", folder=tmp_path)
    assert len(COMPUTED) == 2
    again = run_experiment(TOY, "tiny", folder=tmp_path)
    assert len(COMPUTED) == 4
    assert numbers(again).identical(numbers(run_experiment(TOY, "tiny")))


def test_not_every_combination_is_a_cell():
    def flagged(settings, cell, seed):
        return compute(settings, cell, seed) | {"fine": ((), np.array(True))}

    parts = {"cells": lambda _: TOY.cells({})[:3], "compute": flagged}
    dataset = run_experiment(Experiment(**{**vars(TOY), **parts}), "tiny")
    assert dataset["values"].sel(task="a", depth=1).isnull().all()
    assert dataset["values"].notnull().sum() == 6
    assert dataset.fine.attrs == {"flag": 1}
    assert "flag" not in dataset.common.attrs


def test_errors():
    with pytest.raises(ValueError, match="size must be one of 'tiny', 'quick', 'full', got 'huge'"):
        run_experiment(TOY, "huge")
    with pytest.raises(ValueError, match="seed must be an integer >= 0, got -1"):
        run_experiment(TOY, "tiny", seed=-1)
    assert not COMPUTED


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("convergence", "task_rank-2_problem-0_depth-2"),
        ("converged-rank", "width-8_task_share-0.125_depth-1_scale-0.1_optimizer-adam_problem-0"),
        ("generalization", "task_rank-5_examples-3_scale-1.0_depth-3"),
        ("least-squares-ablation", "task_rank-2_depth-3_repeat-0"),
        ("optimizers", "optimizer-cma_es_task_rank-1_depth-2"),
        ("parameterization", "initialisation-marginals_depth-2_repeat-1"),
        ("rank-measures", "depth-3_repeat-1"),
        ("residual", "network-residual-small_depth-3_repeat-1"),
    ],
)
def test_resuming_gives_the_same_numbers(name, cell, tiny_runs, tmp_path):
    folder = tiny_runs.folder(name, tmp_path / "run")
    (folder / f"{cell}.npz").unlink()
    again = find(name).run("tiny", folder=folder)
    assert numbers(again).identical(numbers(tiny_runs(name)))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_other_sizes_are_refused(name):
    with pytest.raises(ValueError, match="size must be one of"):
        find(name).run("huge")


def test_best_rate():
    problem = least_squares_problem(6, 2, 3, rng=0)
    rates = [100.0, 0.1, 0.05, 1e-5]
    results = [
        train(problem, 2, learning_rate=rates, seeds=2, steps=500, tolerance=1e-3, rng=seed)
        for seed in range(2)
    ]
    status = results[0].arrays["status"][1]
    expected = [Status.DIVERGED, Status.CONVERGED, Status.CONVERGED, Status.BUDGET]
    assert (status == np.array(expected)[:, np.newaxis]).all()
    best = best_rate(results)
    assert (best.place, best.rate, best.at_edge) == (1, 0.1, False)
    # where none converge, the lowest loss; a rate that diverged is never chosen
    none = [
        train(problem, 2, learning_rate=[100.0, 1e-4, 1e-3], seeds=2, steps=20, rng=0, record=1)
    ]
    assert best_rate(none).rate == 1e-3
    one = [train(problem, 2, learning_rate=[0.1], steps=20, rng=0, record=1)]
    assert not best_rate(one).at_edge


def test_more_that_converge_are_better_than_fewer_steps():
    problem = least_squares_problem(6, 2, 3, rng=0)
    result = train(problem, 2, learning_rate=[0.2, 0.1], seeds=4, steps=500, rng=0, record=1)
    dimensions = ("learning_rate", "seed")
    status = np.full((2, 4), Status.CONVERGED)
    status[0, 0] = Status.DIVERGED
    arrays = dict(result.arrays) | {
        "status": (dimensions, status),
        "taken": (dimensions, np.array([[10] * 4, [400] * 4])),
    }
    assert best_rate([replace(result, arrays=arrays)]).rate == 0.1
