"""Results compare by their numbers, and survive copying and pickling."""

import copy
import pickle

import numpy as np
import pytest

import rmt_rank as rr

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

PROBLEM = rr.networks.least_squares_problem(4, 1, 2, rng=0, test_examples=3)


def result(rng=0, **options):
    return rr.networks.train(PROBLEM, 2, steps=3, seeds=2, rng=rng, **options)


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_equal(copied):
    # including nan of networks that diverged
    one = result(learning_rate=[0.05, 1e3])
    assert np.isnan(one.arrays["final_effective_rank"][1]).any()
    assert copied(one) == one
    assert not (copied(one) != one)  # noqa: SIM202 - this tests !=


def test_other_numbers_or_settings_are_not_equal():
    one = result()
    assert one == result()
    assert one != result(rng=1)
    assert one != result(tolerance=0)
    assert one != 3
    assert one != "text"
    other = copy.deepcopy(one)
    other.state[0][0, 0] += 1
    assert one != other


def test_results_can_be_changed_and_have_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(result())


def test_every_dataclass_of_a_public_layer_compares_without_an_error():
    for make in (
        result,
        lambda: PROBLEM,
        lambda: rr.limit_measures([1, 2]),
        lambda: rr.networks.learning_rate_search(PROBLEM, 1, [0.01, 0.02], seeds=1, steps=2),
        lambda: rr.rectangular_law([1, 2, 3]),
        lambda: rr.free_product_law([rr.ResidualFactor(0.5)]),
        lambda: rr.networks.NonlinearNetwork((2, 2), "tanh"),
        lambda: rr.nonlinear.Activation("x", np.sinh, kinks=[0, 1]),
    ):
        one = make()
        assert isinstance(one == copy.deepcopy(one), bool)
        assert isinstance(one == make(), bool)
        assert one == one
