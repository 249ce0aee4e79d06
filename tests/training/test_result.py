"""Results of training: dataset, saving and loading."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from rmt_rank._lib.archive import pack
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.nonlinear import NonlinearNetwork
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.training.ledger import Status
from rmt_rank.training.optimizers import OPTIMIZERS
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

PROBLEM = least_squares_problem(6, 2, 4, rng=0)


@pytest.fixture(scope="module")
def result():
    network = LinearNetwork((6, 9, 8, 6))
    return train(
        PROBLEM,
        network,
        optimizer="adam",
        learning_rate=[0.01, 0.02],
        seeds=3,
        steps=30,
        layers=True,
        rng=1,
    )


def test_dataset(result):
    data = result.dataset
    assert data.loss.dims == ("learning_rate", "seed", "step")
    assert data.singular_values.dims == ("learning_rate", "seed", "step", "value")
    # layers have different numbers of singular values
    assert [data[f"layer_{i}_singular_values"].shape[-1] for i in (1, 2, 3)] == [6, 8, 6]
    assert data.final_effective_rank.shape == (2, 3)
    assert (
        float(data.loss.sel(learning_rate=0.02, seed=1, step=0)) == data.initial_loss.values[1, 1]
    )
    assert data.threshold_rank.sel(threshold=0.01).dims == ("learning_rate", "seed", "step")
    assert data.attrs["optimizer"] == "adam"
    # descending
    assert (np.diff(data.final_singular_values.values) <= 0).all()


def test_dataset_is_one_that_xarray_can_write(result, tmp_path):
    result.dataset.to_netcdf(tmp_path / "run.nc", engine="scipy")


def test_weights(result):
    shapes = [(2, 3, 9, 6), (2, 3, 8, 9), (2, 3, 6, 8)]
    assert [w.shape for w in result.weights] == shapes
    assert [w.shape for w in result.initial_weights] == shapes
    # the same seed begins in the same place at every rate
    for w in result.initial_weights:
        np.testing.assert_array_equal(w[0], w[1])


def test_parameters(result):
    assert result.parameters.shape == (2, 3, result.network.size)
    for mine, theirs in zip(result.network.weights(result.parameters), result.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_repr_counts_ends(result):
    assert repr(result) == (
        "TrainingResult(LinearNetwork(widths=(6, 9, 8, 6), skip=0, batch_norm=False), adam, "
        "learning rates x seeds: 2 x 3, 6 BUDGET)"
    )


def test_pickled(result):
    again = pickle.loads(pickle.dumps(result))
    assert (again.network, again.settings) == (result.network, result.settings)
    assert again.arrays.keys() == result.arrays.keys()
    np.testing.assert_array_equal(again.parameters, result.parameters)


def test_save_and_load(result, tmp_path):
    path = tmp_path / "run.npz"
    result.save(path)
    again = TrainingResult.load(path)
    assert again.network == result.network
    assert again.settings == result.settings
    assert again.arrays.keys() == result.arrays.keys()
    for name, (dimensions, values) in result.arrays.items():
        assert again.arrays[name][0] == dimensions
        np.testing.assert_array_equal(again.arrays[name][1], values)
        assert again.arrays[name][1].dtype == values.dtype
    for mine, theirs in zip(again.state, result.state, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    options = {"optimizer": "adam", "learning_rate": [0.01, 0.02], "seeds": 3, "rng": 1}
    went_on = train(PROBLEM, again.network, steps=10, start=again, **options)
    expected = train(PROBLEM, again.network, steps=10, start=result, **options)
    np.testing.assert_array_equal(went_on.state[0], expected.state[0])


@pytest.mark.parametrize("part", [0, 1, 0.1, 0.5, 0.99, 0.9999])
def test_a_truncated_file(result, tmp_path, part):
    path = tmp_path / "run.npz"
    result.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: part if part == 1 else int(part * len(content))])
    with pytest.raises(
        ValueError, match=r"run\.npz cannot be read as a training result: it (is|has no seal)"
    ):
        TrainingResult.load(path)


def test_a_flipped_bit(result, tmp_path):
    path = tmp_path / "run.npz"
    result.save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"run\.npz cannot be read as a training result: it (is|has no seal)"
    ):
        TrainingResult.load(path)


def test_other_files(tmp_path):
    path = tmp_path / "other.npz"
    for write in (
        lambda: np.savez(path, x=np.ones(3)),
        lambda: path.write_text("text"),
        lambda: np.savetxt(path, np.ones(3)),
    ):
        write()
        with pytest.raises(
            ValueError, match=r"other\.npz cannot be read as a training result: it has no seal"
        ):
            TrainingResult.load(path)
    with pytest.raises(FileNotFoundError):
        TrainingResult.load(tmp_path / "none.npz")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", [3, NonlinearNetwork((6, 7, 6), "tanh", 2)])
@pytest.mark.parametrize("rate", [0.01, 1e3])  # the second rate diverges
def test_results_of_every_kind_come_back(optimizer, network, rate, tmp_path):
    rates = {} if optimizer in ("lbfgs", "random_search") else {"learning_rate": [rate]}
    options = {"optimizer": optimizer, "seeds": 2, "steps": 12, "record": 2, "rng": 0} | rates
    result = train(PROBLEM, network, **options)
    for each in (result, train(PROBLEM, result.network, start=result, **options)):
        each.save(tmp_path / "run.npz")
        again = TrainingResult.load(tmp_path / "run.npz")
        assert (again.network, again.settings) == (each.network, each.settings)
        for mine, theirs in zip(each.state, again.state, strict=True):
            assert (mine.dtype, mine.tobytes()) == (theirs.dtype, theirs.tobytes())


def with_array(name, function):
    def change(result):
        dimensions, values = result.arrays[name]
        return replace(result, arrays=result.arrays | {name: (dimensions, function(values))})

    return change


def with_setting(**changes):
    return lambda result: replace(result, settings=result.settings | changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: replace(r, state=[each * np.nan for each in r.state]), "state_0 of networks"),
        (lambda r: replace(r, state=[r.state[0], r.state[1] * np.nan, r.state[2]]), "state_1 of n"),
        (lambda r: replace(r, state=[r.state[0], r.state[1], -r.state[2]]), "must be >= 0"),
        (lambda r: replace(r, state=[each[1:] for each in r.state]), "state_0 must have the shape"),
        (lambda r: replace(r, state=[each.astype(int) for each in r.state]), "state_0 must have"),
        (lambda r: replace(r, state=r.state[:2]), "its state must have 3 arrays, got 2"),
        (lambda r: replace(r, state=[]), "state must be an integer >= 1, got 0"),
        (with_array("status", lambda v: v * 0 + 99), "its status must be <= 4"),
        (with_array("status", lambda v: v * 0 - 1), "its status must be >= 0"),
        (with_array("threshold", lambda v: v * np.nan), "its threshold must"),
        (with_array("threshold", lambda v: -v), "its threshold must be >= 0"),
        (with_array("nuclear_norm", lambda v: -v), "its nuclear_norm must be >= 0"),
        (with_array("stable_rank", lambda v: -v), "its stable_rank must be >= 0"),
        (with_array("threshold_rank", lambda v: v - 1e6), "its threshold_rank must be >= 0"),
        (with_array("final_condition_number", lambda v: -v), "its final_condition_number must be"),
        (with_array("status", lambda v: v.astype(float)), "its status must have"),
        (with_array("taken", lambda v: v - 10**6), "its taken must be >= 0"),
        (with_array("step", lambda v: v[::-1]), "its step must increase"),
        (with_array("learning_rate", lambda v: -v), "its learning_rate must be positive"),
        (with_array("learning_rate", lambda v: v * [1, np.nan]), "its learning_rate must be pos"),
        (with_array("initial_parameters", lambda v: v * np.inf), "parameters must be finite"),
        (with_array("final_loss", lambda v: v[:1]), "its final_loss must have the shape"),
        (with_array("loss", lambda v: v[..., 1:]), "its loss must have the shape"),
        (with_array("loss", lambda v: v.astype(str)), "its loss must have"),
        (with_array("loss", lambda v: v[0]), "its loss has the dimensions"),
        (with_array("singular_values", lambda v: -v), "its singular_values must be >= 0"),
        (lambda r: replace(r, arrays={"status": r.arrays["status"]}), "it has no final_loss, "),
        (lambda r: replace(r, settings={}), "its settings have no as_depth, depth, "),
        (with_setting(optimizer="sgd"), "optimizer must be one of"),
        (with_setting(steps=-1), "steps must be an integer >= 0, got -1"),
        (with_setting(steps=float("nan")), "a value is NaN"),
        (with_setting(divergence=float("inf")), "divergence must be finite"),
        (with_setting(problem=[1.0]), "list index out of range"),
        (with_setting(depth=2), "its setting depth must be 3, got 2"),
        (lambda r: replace(r, network=LinearNetwork((6, 9, 6))), "its setting depth must be 2"),
        (lambda r: replace(r, network=LinearNetwork((6, 9, 9, 6))), "its initial_parameters must"),
    ],
)
def test_results_that_cannot_be(result, tmp_path, change, words):
    """Wrong content is refused even if its digest is right."""
    path = tmp_path / "run.npz"
    change(result).save(path)
    with pytest.raises(
        ValueError, match=rf"run\.npz cannot be read as a training result: .*{words}"
    ):
        TrainingResult.load(path)


def test_networks_that_diverged_may_have_any_state(result, tmp_path):
    path = tmp_path / "run.npz"
    dimensions, status = result.arrays["status"]
    arrays = result.arrays | {"status": (dimensions, np.full_like(status, Status.DIVERGED))}
    replace(result, arrays=arrays, state=[each * np.nan for each in result.state]).save(path)
    assert np.isnan(TrainingResult.load(path).state[0]).all()


@pytest.mark.parametrize(
    "header",
    [
        "{}",
        "[" * 100_000,
        '{"network": [[1e400]]}',
        '{"network": [[2, 2], 0, "abc"]}',
        "\U0001f600",
        "",
    ],
)
def test_headers_that_cannot_be(tmp_path, header):
    path = tmp_path / "run.npz"
    path.write_bytes(pack("training result", {"header": np.array(header)}))
    with pytest.raises(ValueError, match=r"run\.npz cannot be read as a training result: "):
        TrainingResult.load(path)
