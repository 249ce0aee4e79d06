"""Results of training: dataset, saving and loading."""

import pickle

import numpy as np
import pytest

from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.training.result import TrainingResult
from rmt_rank.training.train import train

# short budgets are meant here; tests/training/test_train.py has the tests of the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._errors.ConvergenceWarning")

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
