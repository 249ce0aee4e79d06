"""The training loop: statuses, recording, resuming, interruption, bad input."""

import numpy as np
import pytest

from rmt_rank import metrics
from rmt_rank._lib.errors import ConvergenceWarning
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem
from rmt_rank.training.ledger import Status
from rmt_rank.training.recording import Observer
from rmt_rank.training.schedule import recording_schedule
from rmt_rank.training.train import train

# budgets are short on purpose; tests/training/test_train.py tests the warning
pytestmark = pytest.mark.filterwarnings("ignore::rmt_rank._lib.errors.ConvergenceWarning")

PROBLEM = least_squares_problem(8, 2, 5, rng=0)
# orthogonal inputs: every method converges soon
EASY = least_squares_problem(8, 2, 4, rng=0, inputs=np.tile(2 * np.eye(8), (33, 1)))
FIRST_ORDER = ["gradient_descent", "momentum", "nesterov", "adam"]


def values(result, name):
    return result.arrays[name][1]


def assert_same(one, two, *, history=True):
    assert one.arrays.keys() == two.arrays.keys()
    for name, (dimensions, array) in one.arrays.items():
        if history or "step" not in dimensions:
            assert dimensions == two.arrays[name][0]
            np.testing.assert_array_equal(array, two.arrays[name][1], err_msg=name)
    assert len(one.state) == len(two.state)
    for mine, theirs in zip(one.state, two.state, strict=True):
        np.testing.assert_array_equal(mine, theirs)


# --- why networks stop ----------------------------------------------------------------------------


def test_statuses_and_the_losses_behind_them():
    # rates from far too small to far too large
    result = train(
        EASY, 2, learning_rate=[1e-4, 0.1, 0.2, 5.0], seeds=3, steps=1500, tolerance=1e-7, rng=1
    )
    status, loss, taken = (values(result, n) for n in ("status", "final_loss", "taken"))
    assert (status[0] == Status.BUDGET).all()
    assert (loss[0] > 1e-7).all()
    assert (taken[0] == 1500).all()
    assert (status[1:3] == Status.CONVERGED).all()
    assert (loss[1:3] <= 1e-7).all()
    assert (taken[1:3] < 1500).all()
    assert (status[3] == Status.DIVERGED).all()
    assert np.isnan(values(result, "final_effective_rank")[3]).all()
    assert np.isfinite(values(result, "final_effective_rank")[:3]).all()


@pytest.mark.parametrize("depth", [1, 2, 8])
@pytest.mark.parametrize("rate", [0.8, 5.0, 1e3, 1e30, 1e200])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_any_divergence_is_reported_without_other_warnings(depth, rate, dtype):
    # the square of the rate overflows, too; no warning, which would be an error here
    if rate > 1e38 and dtype == "float32":
        rate = 1e38
    result = train(
        PROBLEM, depth, learning_rate=rate, seeds=2, steps=300, record=300, dtype=dtype, layers=True
    )
    if rate > 1:
        assert (values(result, "status") == Status.DIVERGED).all()
    for name in ("effective_rank", "loss", "threshold_rank", "layer_1_singular_values"):
        recorded = values(result, name)
        assert np.isfinite(recorded[:, :, 0]).all()
        assert np.isnan(recorded[:, :, -1]).all() or rate < 1


def test_an_infinite_first_loss_has_diverged():
    problem = LeastSquaresProblem([[1e200, 0.0]], [[1e200]])
    result = train(problem, 1, steps=10)
    assert values(result, "status")[0, 0] == Status.DIVERGED
    assert values(result, "taken")[0, 0] == 0


def test_stalled():
    # noise that no weight explains: L-BFGS reaches the bottom, above the tolerance
    stream = np.random.default_rng(0)
    problem = LeastSquaresProblem(stream.standard_normal((20, 4)), stream.standard_normal((20, 4)))
    result = train(problem, 2, optimizer="lbfgs", steps=5000, rng=1)
    assert values(result, "status")[0, 0] == Status.STALLED
    best = problem.loss(problem.minimum_norm_weight)
    # a line search ends where a step changes the loss by less than rounding, 1e3 eps
    assert values(result, "final_loss")[0, 0] == pytest.approx(best, rel=1e3 * 2.2e-16)


def test_no_steps():
    result = train(PROBLEM, 3, seeds=2, steps=0, rng=1)
    assert (values(result, "status") == Status.BUDGET).all()
    np.testing.assert_array_equal(result.state[0], values(result, "initial_parameters")[0])
    assert values(result, "loss").shape == (1, 2, 1)


def test_a_network_that_has_converged_at_the_start():
    result = train(LeastSquaresProblem([[1.0, 0.0]], [[0.0]]), 2, scale=0, steps=100)
    assert values(result, "status")[0, 0] == Status.CONVERGED
    assert values(result, "taken")[0, 0] == 0


# --- networks of a batch do not see each other ----------------------------------------------------


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_a_network_that_diverges_leaves_the_others_unchanged(name):
    rates = [0.02, 1e3, 0.01]
    if name == "adam":
        rates[1] = 1e30
    options = {"optimizer": name, "seeds": 2, "steps": 100, "tolerance": 0, "rng": 1}
    both = train(PROBLEM, 3, learning_rate=rates, **options)
    assert (values(both, "status")[1] == Status.DIVERGED).all()
    alone = train(PROBLEM, 3, learning_rate=[rates[0], rates[2]], **options)
    for name in ("loss", "singular_values", "final_loss"):
        np.testing.assert_array_equal(values(both, name)[[0, 2]], values(alone, name))
    np.testing.assert_array_equal(both.state[0][[0, 1, 4, 5]], alone.state[0])


@pytest.mark.parametrize("name", [*FIRST_ORDER, "cma_es"])
def test_a_list_of_rates_is_single_runs(name):
    options = {"optimizer": name, "seeds": 2, "steps": 30, "rng": 1}
    both = train(PROBLEM, 2, learning_rate=[0.01, 0.02], **options)
    for i, rate in enumerate((0.01, 0.02)):
        one = train(PROBLEM, 2, learning_rate=rate, **options)
        np.testing.assert_array_equal(values(both, "loss")[i], values(one, "loss")[0])


def test_a_seed_gives_the_same_network_for_any_number_of_seeds():
    few = train(PROBLEM, 2, seeds=1, steps=20, rng=1)
    many = train(PROBLEM, 2, seeds=3, steps=20, rng=1)
    np.testing.assert_array_equal(few.state[0][0], many.state[0][0])


# --- what is recorded -----------------------------------------------------------------------------


def test_recorded_numbers_are_those_of_the_weights():
    network = LinearNetwork((8, 10, 8))
    result = train(PROBLEM, network, seeds=2, steps=40, record=[0, 7, 40], layers=True, rng=1)
    np.testing.assert_array_equal(values(result, "step"), [0, 7, 40])
    for place, weights in ((0, result.initial_weights), (2, result.weights)):
        product = weights[1] @ weights[0]
        s = np.linalg.svd(product, compute_uv=False)
        # decompositions and sums in other orders: 1000 eps of the largest
        close = {"rtol": 0, "atol": 1000 * 2.2e-16 * s.max()}
        np.testing.assert_allclose(values(result, "singular_values")[:, :, place], s, **close)
        residual = PROBLEM.inputs @ np.swapaxes(product, -1, -2) - PROBLEM.targets
        loss = np.sum(residual**2, axis=(-2, -1)) / (2 * PROBLEM.examples)
        np.testing.assert_allclose(values(result, "loss")[:, :, place], loss, rtol=1e-12)
        test = PROBLEM.test_inputs @ np.swapaxes(product, -1, -2) - PROBLEM.test_targets
        loss = np.sum(test**2, axis=(-2, -1)) / (2 * len(test[0, 0]))
        np.testing.assert_allclose(values(result, "test_loss")[:, :, place], loss, rtol=1e-12)
        for i, w in enumerate(weights, 1):
            layer = np.linalg.svd(w, compute_uv=False)
            np.testing.assert_allclose(
                values(result, f"layer_{i}_singular_values")[:, :, place], layer, **close
            )
        for name in ("effective_rank", "stable_rank", "participation_ratio", "nuclear_norm"):
            expected = getattr(metrics.matrix, name)(product, stack=True)
            np.testing.assert_allclose(values(result, name)[:, :, place], expected, rtol=1e-10)
        gram = metrics.gram.gram_effective_rank(
            PROBLEM.test_inputs @ np.swapaxes(product, -1, -2), stack=True
        )
        np.testing.assert_allclose(
            values(result, "gram_effective_rank")[:, :, place], gram, rtol=1e-10
        )
        for i, tau in enumerate(values(result, "threshold")):
            ranks = metrics.matrix.threshold_rank(product, tau, stack=True)
            np.testing.assert_array_equal(values(result, "threshold_rank")[:, :, place, i], ranks)
    for name in ("loss", "effective_rank", "singular_values"):
        np.testing.assert_array_equal(
            values(result, name)[:, :, 2], values(result, f"final_{name}")
        )
    np.testing.assert_allclose(
        values(result, "initial_loss"), values(result, "loss")[..., 0], rtol=1e-14
    )


def test_nothing_is_recorded_after_a_network_stopped():
    result = train(PROBLEM, 2, learning_rate=[0.1, 1e-4], steps=500, record=30, rng=1)
    steps, taken = values(result, "step"), values(result, "taken")
    recorded = np.isfinite(values(result, "loss"))
    np.testing.assert_array_equal(recorded, steps <= taken[..., np.newaxis])


def test_recording_does_not_change_the_run():
    many = train(PROBLEM, 2, steps=95, tolerance=0, record=range(96), rng=1)
    none = train(PROBLEM, 2, steps=95, tolerance=0, record=[], rng=1)
    np.testing.assert_array_equal(many.state[0], none.state[0])
    np.testing.assert_array_equal(values(many, "final_loss"), values(none, "final_loss"))
    assert "loss" not in none.arrays


@pytest.mark.parametrize(("steps", "count"), [(0, 5), (1, 5), (10, 50), (4000, 50), (100_000, 2)])
def test_schedule(steps, count):
    schedule = recording_schedule(steps, count)
    assert schedule[0] == 0
    assert schedule[-1] == steps
    assert list(schedule) == sorted(set(schedule))
    assert len(schedule) <= max(count, 1)


def test_data_without_a_test_set():
    problem = LeastSquaresProblem(PROBLEM.inputs, PROBLEM.targets)
    result = train(problem, 2, steps=20, rng=1)
    assert "test_loss" not in result.arrays
    assert np.isfinite(values(result, "gram_effective_rank")).all()


def test_unequal_ends():
    stream = np.random.default_rng(0)
    problem = LeastSquaresProblem(stream.standard_normal((4, 6)), stream.standard_normal((4, 3)))
    result = train(problem, 3, seeds=2, steps=3000, rng=1)
    assert result.network.widths == (6, 6, 6, 3)
    assert (values(result, "status") == Status.CONVERGED).all()
    assert values(result, "singular_values").shape[-1] == 3


# --- precision and libraries ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FIRST_ORDER, "lbfgs"])
def test_float32(name):
    options = {"optimizer": name, "seeds": 2, "steps": 40, "tolerance": 0, "rng": 1}
    single = train(PROBLEM, 2, dtype="float32", **options)
    double = train(PROBLEM, 2, **options)
    assert all(array.dtype == np.float32 for array in single.state)
    assert single.settings["dtype"] == "float32"
    if name != "lbfgs":
        # 40 steps of 100 eps each, of float32
        np.testing.assert_allclose(single.state[0], double.state[0], atol=4000 * 1.2e-7)
    else:
        assert (values(single, "final_loss") < 1e-3).all()


@pytest.mark.parametrize(
    "other", ["array_api_strict", "torch", pytest.param("cupy", marks=pytest.mark.gpu)]
)
@pytest.mark.parametrize("name", [*FIRST_ORDER, "lbfgs"])
def test_other_array_libraries(library, name, other):
    xp = library(other)
    rates = {} if name == "lbfgs" else {"learning_rate": [0.01, 1e12]}
    options = {"optimizer": name, "seeds": 2, "steps": 12, "tolerance": 0, "rng": 1} | rates
    mine, theirs = train(PROBLEM, 2, **options), train(PROBLEM, 2, xp=xp, **options)
    np.testing.assert_array_equal(values(theirs, "status"), values(mine, "status"))
    # 12 steps of 100 eps; Adam and L-BFGS divide by what may be small
    np.testing.assert_allclose(values(theirs, "loss")[0], values(mine, "loss")[0], rtol=1e-12 * 1e3)


# --- resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIRST_ORDER)
@pytest.mark.parametrize("half", [30, 37])
def test_resuming_equals_one_long_run(name, half):
    options = {"optimizer": name, "learning_rate": [0.02, 0.05], "seeds": 2, "tolerance": 1e-3}
    record = [0, 10, half, 60, 100]
    whole = train(PROBLEM, 2, steps=100, record=record, rng=1, **options)
    part = train(PROBLEM, 2, steps=half, record=record, rng=1, **options)
    rest = train(PROBLEM, 2, steps=100 - half, record=record, start=part, rng=1, **options)
    assert_same(whole, rest)


def test_resuming_leaves_stopped_networks_unchanged():
    options = {"learning_rate": [0.2, 1e-3, 5.0], "seeds": 2, "rng": 1, "tolerance": 1e-4}
    first = train(EASY, 2, steps=600, **options)
    second = train(EASY, 2, steps=50, start=first, **options)
    before, after = values(first, "status"), values(second, "status")
    assert [row[0] for row in before] == [Status.CONVERGED, Status.BUDGET, Status.DIVERGED]
    np.testing.assert_array_equal(after, before)
    taken = values(first, "taken")
    np.testing.assert_array_equal(values(second, "taken")[[0, 2]], taken[[0, 2]])
    np.testing.assert_array_equal(values(second, "taken")[1], taken[1] + 50)
    np.testing.assert_array_equal(second.state[0][[0, 1]], first.state[0][[0, 1]])


def test_a_lower_tolerance_resumes_from_each_networks_own_step():
    options = {"learning_rate": [0.01, 0.005], "seeds": 2, "rng": 1, "optimizer": "adam"}
    # networks look at their loss every 10 steps, so that this changes nothing
    options["record"] = range(0, 8000, 100)
    loose = train(PROBLEM, 2, steps=2000, tolerance=1e-2, **options)
    assert len(np.unique(values(loose, "taken"))) > 1
    tight = train(PROBLEM, 2, steps=4000, tolerance=1e-5, start=loose, **options)
    whole = train(PROBLEM, 2, steps=4000, tolerance=1e-5, **options)
    assert (values(whole, "status") == Status.CONVERGED).all()
    np.testing.assert_array_equal(values(tight, "taken"), values(whole, "taken"))
    np.testing.assert_array_equal(tight.state[0], whole.state[0])
    both = min(len(values(run, "step")) for run in (tight, whole))
    for name in ("loss", "singular_values", "threshold_rank"):
        mine, theirs = (values(run, name)[:, :, :both] for run in (tight, whole))
        np.testing.assert_array_equal(mine, theirs)


def test_nothing_left_to_do():
    first = train(EASY, 2, learning_rate=0.1, rng=1)
    assert values(first, "status")[0, 0] == Status.CONVERGED
    again = train(EASY, 2, learning_rate=0.1, rng=1, start=first)
    np.testing.assert_array_equal(again.state[0], first.state[0])
    np.testing.assert_array_equal(values(again, "taken"), values(first, "taken"))
    kept = values(first, "step") <= values(first, "taken").max()
    np.testing.assert_array_equal(values(again, "loss"), values(first, "loss")[..., kept])


def test_another_optimizer_takes_the_parameters_alone():
    first = train(PROBLEM, 2, optimizer="momentum", steps=20, rng=1)
    second = train(PROBLEM, 2, optimizer="nesterov", steps=0, start=first, rng=1)
    np.testing.assert_array_equal(second.state[0], first.state[0])
    assert (second.state[1] == 0).all()
    with pytest.raises(
        ValueError, match=r"start must be a run of 'adam', .* got one of 'momentum'"
    ):
        train(PROBLEM, 2, optimizer="adam", start=first)
    polished = train(PROBLEM, 2, optimizer="lbfgs", tolerance=1e-12, start=first, rng=1)
    assert values(polished, "status")[0, 0] == Status.CONVERGED


def test_random_search_resumes_with_new_numbers():
    options = {"optimizer": "random_search", "steps": 300, "record": [300, 600], "rng": 1}
    first = train(PROBLEM, 2, **options)
    second = train(PROBLEM, 2, start=first, **options)
    other = train(PROBLEM, 2, optimizer="random_search", steps=600, record=[300, 600], rng=1)
    assert values(second, "final_loss") <= values(first, "final_loss")
    # 300 draws that repeat the first would leave the best where it is; for 20 problems in a row
    # that has odds of 2^-20
    better = 0
    for seed in range(20):
        options["rng"] = seed
        first = train(PROBLEM, 1, **options)
        better += bool(
            values(train(PROBLEM, 1, start=first, **options), "final_loss")
            < values(first, "final_loss")
        )
    assert better > 0
    assert values(other, "taken")[0, 0] == 600


# --- Ctrl-C ---------------------------------------------------------------------------------------


class Interrupt:
    """An observer that is interrupted at one of its calls."""

    def __init__(self, monkeypatch, call):
        self.left = call
        original = Observer.__call__

        def observe(observer, parameters):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return original(observer, parameters)

        monkeypatch.setattr(Observer, "__call__", observe)


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_ctrl_c_while_recording(name, monkeypatch):
    options = {"optimizer": name, "learning_rate": [0.02, 0.05], "seeds": 2, "tolerance": 1e-3}
    record = [0, 7, 30, 60]
    whole = train(PROBLEM, 2, steps=60, record=record, rng=1, **options)
    with monkeypatch.context() as patch:
        Interrupt(patch, 3)
        with pytest.warns(UserWarning, match="interrupted at step 30: returning partial"):
            part = train(PROBLEM, 2, steps=60, record=record, rng=1, **options)
    assert part.interrupted
    assert not whole.interrupted
    rest = train(PROBLEM, 2, steps=30, record=record, rng=1, start=part, **options)
    assert_same(whole, rest)


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_ctrl_c_in_the_middle_of_a_step(name, monkeypatch):
    # arrays change in place: what is kept is the last look, not half a step
    from rmt_rank.training.optimizers import OPTIMIZERS

    options = {"optimizer": name, "learning_rate": 0.02, "seeds": 2, "tolerance": 0, "record": [0]}
    whole = train(PROBLEM, 2, steps=60, rng=1, **options)
    original = OPTIMIZERS[name].update

    def update(self, state, gradient, rate, step):
        if step == 47:
            state[0] += 1
            raise KeyboardInterrupt
        original(self, state, gradient, rate, step)

    with monkeypatch.context() as patch:
        patch.setattr(OPTIMIZERS[name], "update", update)
        with pytest.warns(UserWarning, match="interrupted at step 40"):
            part = train(PROBLEM, 2, steps=60, rng=1, **options)
    assert (values(part, "taken") == 40).all()
    rest = train(PROBLEM, 2, steps=20, rng=1, start=part, **options)
    assert_same(whole, rest)


@pytest.mark.parametrize("name", ["lbfgs", "cma_es", "random_search"])
def test_ctrl_c_one_network_after_another(name, monkeypatch):
    options = {"optimizer": name, "seeds": 3, "steps": 40, "record": [0, 20, 40], "rng": 1}
    with monkeypatch.context() as patch:
        Interrupt(patch, 5)  # the second network, after 20 steps
        with pytest.warns(UserWarning, match="interrupted at step"):
            part = train(PROBLEM, 2, tolerance=0, **options)
    status = values(part, "status")[0]
    assert status[0] != Status.RUNNING
    assert (status[1:] == Status.RUNNING).all()
    np.testing.assert_array_equal(values(part, "taken")[0], [40, 20, 0])
    assert np.isfinite(values(part, "final_loss")).all()
    np.testing.assert_array_equal(part.state[0][2], values(part, "initial_parameters")[0, 2])
    rest = train(PROBLEM, 2, tolerance=0, start=part, **options)
    np.testing.assert_array_equal(values(rest, "taken")[0], [80, 60, 40])


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"problem": np.eye(3)},
            TypeError,
            "problem must be a LeastSquaresProblem, such as .*, got ndarray",
        ),
        ({"network": 0}, ValueError, "network must be .* or a depth from 1 to 100000, got 0"),
        ({"network": 2.5}, TypeError, "be a LinearNetwork, a NonlinearNetwork or a depth .* 2.5"),
        (
            {"network": LinearNetwork((8, 4))},
            ValueError,
            "network must have 8 inputs and 8 outputs",
        ),
        ({"optimizer": "sgd"}, ValueError, "optimizer must be one of 'gradient_descent', .* 'sgd'"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be finite and > 0, got 0"),
        ({"learning_rate": [0.1, -1]}, ValueError, "learning_rate must be finite and > 0, got -1"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate must be finite and > 0, got nan"),
        ({"learning_rate": []}, ValueError, "learning_rate must not be empty"),
        ({"learning_rate": [[0.1]]}, ValueError, "learning_rate must be a number or a list"),
        ({"learning_rate": "big"}, TypeError, "learning_rate must be real numbers, got 'big'"),
        (
            {"optimizer": "lbfgs", "learning_rate": 1},
            ValueError,
            "lbfgs has no learning rate, got 1",
        ),
        ({"seeds": 0}, ValueError, "seeds must be an integer >= 1, got 0"),
        ({"steps": -1}, ValueError, "steps must be an integer >= 0, got -1"),
        ({"tolerance": -1}, ValueError, "tolerance must be finite and >= 0, got -1"),
        ({"divergence": 1}, ValueError, "divergence must be finite and > 1, got 1"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of 'float64', 'float32'"),
        ({"xp": "numpy"}, TypeError, "xp must be an array API namespace"),
        ({"record": 0}, ValueError, "record must be an integer >= 1, got 0"),
        ({"record": 2.5}, TypeError, "record must be an integer >= 1, got 2.5"),
        ({"record": [0, -3]}, ValueError, "record must be an integer >= 0, got -3"),
        ({"start": 3}, TypeError, "start must be a TrainingResult, got int"),
        ({"rng": "x"}, TypeError, "rng must be None"),
        ({"initialisation": "zeros"}, ValueError, "initialisation must be one of"),
        ({"scale": -1}, ValueError, "scale must be finite and >= 0"),
        ({"as_depth": 3}, ValueError, "as_depth goes with the initialisations"),
    ],
)
def test_bad_input_before_any_work(arguments, error, message, monkeypatch):
    def work(*_):
        raise AssertionError("work was done")

    monkeypatch.setattr("rmt_rank.training.loop.Ledger", work)
    with pytest.raises(error, match=message):
        train(**({"problem": PROBLEM, "network": 2} | arguments))


@pytest.mark.parametrize("change", [{"seeds": 2}, {"network": 3}, {"learning_rate": [0.1, 0.2]}])
def test_start_of_another_shape(change):
    start = train(PROBLEM, 2, steps=1, rng=1)
    with pytest.raises(ValueError, match="start must be a result of networks of the same shape"):
        train(**({"problem": PROBLEM, "network": 2, "start": start} | change))


def test_nan_in_the_data():
    with pytest.raises(ValueError, match="inputs must be finite, got nan"):
        LeastSquaresProblem([[np.nan]], [[1.0]])


def test_a_bottleneck_warns():
    with pytest.warns(UserWarning, match="a hidden width of 3 is a bottleneck: the weight's rank"):
        result = train(PROBLEM, LinearNetwork((8, 3, 8)), steps=5, rng=1)
    assert (values(result, "singular_values")[..., 3:] < 1e-14).all()


def test_progress(capsys):
    train(PROBLEM, 2, steps=20, progress=True, rng=1)
    captured = capsys.readouterr()
    assert captured.out == ""


def unconverged_run(**options):
    problem = least_squares_problem(6, task_rank=2, examples=4, rng=0)
    return train(problem, 2, seeds=3, rng=0, learning_rate=[1e-4, 1e6], **options)


@pytest.mark.filterwarnings("error::rmt_rank._lib.errors.ConvergenceWarning")
def test_unconverged_networks_warn_once_with_reasons():
    with pytest.warns(ConvergenceWarning) as caught:
        unconverged_run(steps=20)
    (warning,) = caught
    assert warning.filename == __file__
    text = str(warning.message)
    assert "6 of 6 networks did not converge to a loss of 1e-06" in text
    assert "3 used up 20 steps, 3 diverged" in text


@pytest.mark.filterwarnings("error::rmt_rank._lib.errors.ConvergenceWarning")
def test_unconverged_networks_raise_or_are_ignored_on_request():
    with pytest.raises(RuntimeError, match="6 of 6 networks did not converge"):
        unconverged_run(steps=20, unconverged="raise")
    assert unconverged_run(steps=20, unconverged="ignore").settings["steps"] == 20
    with pytest.raises(ValueError, match=r"unconverged must be one of 'warn'.*got 'quiet'"):
        unconverged_run(steps=20, unconverged="quiet")


@pytest.mark.filterwarnings("error::rmt_rank._lib.errors.ConvergenceWarning")
@pytest.mark.parametrize(
    ("optimizer", "rate", "advice"),
    [
        ("gradient_descent", 1e-6, "resume with train.start=result., or change learning_rate$"),
        ("adam", 1e-6, "resume with train.start=result., or change learning_rate$"),
        ("cma_es", 1e-6, "train.start=result., or change learning_rate, the initial step$"),
        ("lbfgs", None, "for more steps, resume with train.start=result.$"),
        ("random_search", None, "for more steps, resume with train.start=result.$"),
        ("gradient_descent", 1e6, "those that diverged need a smaller learning_rate$"),
    ],
)
def test_the_advice_fits(optimizer, rate, advice):
    problem = least_squares_problem(6, task_rank=2, examples=4, rng=0)
    with pytest.warns(ConvergenceWarning, match=f"converged networks only; [^;]*{advice}"):
        train(problem, 2, optimizer=optimizer, learning_rate=rate, steps=3, rng=0)


@pytest.mark.parametrize("optimizer", ["lbfgs", "random_search"])
def test_advice_for_networks_that_diverge_without_a_learning_rate(optimizer):
    problem = least_squares_problem(6, task_rank=2, examples=4, rng=0)
    with pytest.warns(ConvergenceWarning, match="need a smaller scale of the initial weights$"):
        train(problem, 2, optimizer=optimizer, scale=1e100, steps=3, rng=0)


def test_advice_for_networks_that_stall():
    # below the rounding of the loss no line search finds a way down
    problem = least_squares_problem(6, task_rank=2, examples=4, rng=0)
    with pytest.warns(ConvergenceWarning, match="1 stalled.*; those that stalled need other init"):
        train(problem, 2, optimizer="lbfgs", tolerance=1e-300, steps=1000, rng=0)


@pytest.mark.filterwarnings("error::rmt_rank._lib.errors.ConvergenceWarning")
@pytest.mark.parametrize("options", [{"steps": 0}, {"steps": 5, "tolerance": 0}])
def test_runs_without_a_goal_do_not_warn(options):
    unconverged_run(**options)


@pytest.mark.filterwarnings("error::rmt_rank._lib.errors.ConvergenceWarning")
def test_converged_networks_do_not_warn():
    problem = least_squares_problem(6, task_rank=2, examples=4, rng=0)
    result = train(problem, 1, learning_rate=0.1, steps=20000, rng=0)
    assert (result.arrays["status"][1] == Status.CONVERGED).all()
