"""Least-squares problems: the reduced data, the weights behind them, bad input."""

import numpy as np
import pytest

from rmt_rank.networks import problem as module
from rmt_rank.networks.problem import LeastSquaresProblem, least_squares_problem, squared_error

EPS = np.finfo(float).eps


def drawn(examples, features=7, outputs=5, seed=0, **more):
    stream = np.random.default_rng(seed)
    return LeastSquaresProblem(
        stream.standard_normal((examples, features)),
        stream.standard_normal((examples, outputs)),
        **more,
    )


def direct(problem, weight, bias=0.0):
    residual = problem.inputs @ np.swapaxes(weight, -1, -2) + bias - problem.targets
    return np.sum(residual**2, axis=(-2, -1)) / (2 * problem.examples)


def rounding(problem, weight, bias=0.0):
    """Bound of the relative error of a loss.

    A QR decomposition changes the q x p matrix [X 1 Y] by at most c q p eps of its norm (Higham,
    Theorem 19.4; c is small, rounding adds up at random and 4 covers the rest), so that
    r = [X 1 Y][W^T; b; -1] has an error of 4 eps q p |[X 1 Y]| |[W b -1]|, and |r|^2 twice the
    relative one.
    """
    matrix = np.column_stack([problem.inputs, np.ones(problem.examples), problem.targets])
    whole = np.linalg.norm(matrix) * np.sqrt(np.sum(weight**2) + np.sum(bias**2) + problem.outputs)
    error = 4 * EPS * whole * matrix.shape[1]
    return 2 * error / np.sqrt(2 * problem.examples * direct(problem, weight, bias).min())


@pytest.mark.parametrize("examples", [1, 3, 7, 8, 9, 40, 200])
def test_reduced_loss_is_the_direct_one(examples):
    # random targets are noise that no weight explains, in the over-determined cases
    problem = drawn(examples)
    stream = np.random.default_rng(1)
    weight, bias = stream.standard_normal((2, 5, 7)), stream.standard_normal((2, 5))
    biases = bias[:, np.newaxis]
    rtol = rounding(problem, weight, biases)
    np.testing.assert_allclose(problem.loss(weight), direct(problem, weight), rtol=rtol)
    np.testing.assert_allclose(
        squared_error(weight, bias, problem.reduced),
        direct(problem, weight, biases),
        rtol=rtol,
    )
    assert rtol < 1e-11
    assert problem.reduced.inputs.shape == (7, min(examples, 8))


@pytest.mark.parametrize("rows", [1, 5, 8, 13, 64])
def test_blocks_of_rows(rows, monkeypatch):
    whole = drawn(50)
    monkeypatch.setattr(module, "_ROWS", rows)
    blocks = drawn(50)
    weight = np.random.default_rng(1).standard_normal((5, 7))
    rtol = rounding(whole, weight)
    np.testing.assert_allclose(blocks.loss(weight), whole.loss(weight), rtol=rtol)
    assert blocks.reduced.rest == pytest.approx(whole.reduced.rest, rel=rtol)


def test_many_examples_cost_as_much_as_few():
    # features + 1 columns, whatever the number of examples above
    assert drawn(24).reduced.inputs.shape == drawn(24_000).reduced.inputs.shape == (7, 8)


def test_a_loss_at_the_bottom():
    # the loss of the best affine map is `rest` alone: nothing is left of the rest by cancellation
    problem = drawn(60)
    a = np.column_stack([problem.inputs, np.ones(60)])
    _, squares, *_ = np.linalg.lstsq(a, problem.targets, rcond=None)
    assert problem.reduced.rest == pytest.approx(squares.sum(), rel=60 * 13 * EPS)


def test_test_loss():
    test = drawn(30, seed=1)
    problem = drawn(4, test_inputs=test.inputs, test_targets=test.targets)
    weight = np.random.default_rng(1).standard_normal((5, 7))
    assert problem.test_loss(weight) == pytest.approx(
        direct(test, weight), rel=rounding(test, weight)
    )
    assert np.isnan(drawn(4).test_loss(weight))


@pytest.mark.parametrize("duplicates", [0, 2])
@pytest.mark.parametrize("examples", [3, 7, 20])
def test_rank_projector_and_least_norm(examples, duplicates):
    base = drawn(examples)
    rows = [*range(examples), *[0] * duplicates]
    problem = LeastSquaresProblem(base.inputs[rows], base.targets[rows])
    rank = min(examples, 7)
    assert problem.rank == rank
    assert problem.underdetermined == (rank < 7)
    s = np.linalg.svd(problem.inputs, compute_uv=False)
    condition = s[0] / s[rank - 1]
    # projectors and pseudo-inverses move by the condition times a backward error, 100 eps here
    tolerance = 100 * EPS * condition
    expected = np.linalg.pinv(problem.inputs, rcond=1e-10)
    np.testing.assert_allclose(problem.projector, expected @ problem.inputs, atol=tolerance)
    np.testing.assert_allclose(problem.projector @ problem.projector, problem.projector, atol=1e-14)
    weight = (expected @ problem.targets).T
    size = np.linalg.norm(weight) * condition
    np.testing.assert_allclose(problem.minimum_norm_weight, weight, atol=tolerance * size)
    # normal equations: the residual is orthogonal to the inputs
    residual = problem.inputs @ problem.minimum_norm_weight.T - problem.targets
    products = problem.inputs.T @ residual
    assert abs(products).max() < tolerance * np.linalg.norm(problem.inputs) * size


def test_least_norm_is_the_projected_task():
    problem = least_squares_problem(12, 3, 8, rng=0)
    s = np.linalg.svd(problem.inputs, compute_uv=False)
    np.testing.assert_allclose(
        problem.minimum_norm_weight,
        problem.task @ problem.projector,
        # 100 eps of the targets, through the pseudo-inverse
        atol=100 * EPS * (s[0] / s[-1]) * np.linalg.norm(problem.task),
    )


def test_drawn_problems():
    problem = least_squares_problem(32, task_rank=4, examples=24, rng=0)
    assert problem.inputs.shape == (24, 32)
    assert problem.test_inputs.shape == problem.test_targets.shape == (256, 32)
    assert np.linalg.matrix_rank(problem.task) == 4
    # A B^T/sqrt(r n) with n x r Gaussian A, B: E tr(A^T A B^T B) = n^2 r, n after scaling; with
    # G = A^T A the variance is (2 n^3 r + 2 n^2 r^2 (n + 1)/n ...) < 4 n^3 r, so that the standard
    # deviation after scaling is below 2 sqrt(n/r); five of them
    assert abs(np.sum(problem.task**2) - 32) < 10 * np.sqrt(32 / 4)
    assert np.array_equal(problem.inputs, least_squares_problem(32, 4, 24, rng=0).inputs)
    assert problem.loss(problem.task) < EPS
    assert problem.test_loss(problem.task) < EPS


def test_noise_is_on_the_training_targets_alone():
    clean = least_squares_problem(8, 2, 6, rng=3)
    noisy = least_squares_problem(8, 2, 6, rng=3, noise=0.1)
    np.testing.assert_array_equal(noisy.inputs, clean.inputs)
    np.testing.assert_array_equal(noisy.test_targets, clean.test_targets)
    noise = (noisy.targets - clean.targets) / 0.1
    # chi-squared with 48 degrees of freedom, six standard deviations: below 1e-6 by Laurent-Massart
    assert abs(np.sum(noise**2) - 48) < 6 * np.sqrt(2 * 48)


def test_given_inputs():
    x = np.random.default_rng(0).uniform(size=(20, 4))
    problem = least_squares_problem(4, 2, 3, rng=0, test_examples=5, inputs=x)
    np.testing.assert_array_equal(problem.inputs, x[:3])
    np.testing.assert_array_equal(problem.test_inputs, x[3:8])


@pytest.mark.parametrize(("examples", "warns"), [(7, False), (8, True), (30, True)])
def test_a_problem_warns_if_the_data_determine_the_weight(examples, warns):
    if warns:
        with pytest.warns(UserWarning, match=f"{examples} examples of 8 features determine"):
            least_squares_problem(8, 2, examples, rng=0)
    else:
        least_squares_problem(8, 2, examples, rng=0)  # warnings are errors


X, Y = np.ones((3, 2)), np.ones((3, 1))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, Y[:2]), ValueError, "inputs and targets must have as many rows, got 3 and 2"),
        ((X, Y[:, 0]), ValueError, r"targets must have two axes, got the shape \(3,\)"),
        ((X * np.nan, Y), ValueError, "inputs must be finite, got nan"),
        ((X, Y * np.inf), ValueError, "targets must be finite, got inf"),
        ((X * 1j, Y), TypeError, "inputs must be real numbers"),
        (("no", Y), TypeError, "inputs must be real numbers, got 'no'"),
        ((X[:0], Y[:0]), ValueError, "inputs must not be empty"),
        ((X, Y, X), ValueError, "test_inputs and test_targets must be given together"),
        ((X, Y, X, Y[:2]), ValueError, "must have as many rows, and 2 and 1 columns"),
        ((X, Y, Y, Y), ValueError, "must have as many rows, and 2 and 1 columns"),
        ((X, Y, None, None, X), ValueError, r"task must have the shape \(1, 2\), got \(3, 2\)"),
    ],
)
def test_bad_data(arguments, error, message):
    with pytest.raises(error, match=message):
        LeastSquaresProblem(*arguments)


def test_a_weight_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"weight must have the shape \(..., 1, 2\), got \(2, 2\)"):
        LeastSquaresProblem(X, Y).loss(np.eye(2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": 0}, ValueError, "width must be an integer >= 1, got 0"),
        ({"task_rank": 0}, ValueError, "task_rank must be an integer >= 1, got 0"),
        ({"task_rank": 9}, ValueError, "task_rank must be an integer from 1 to width = 8, got 9"),
        ({"examples": 0}, ValueError, "examples must be an integer >= 1, got 0"),
        ({"examples": 2.5}, TypeError, "examples must be an integer >= 1, got 2.5"),
        ({"test_examples": 0}, ValueError, "test_examples must be an integer >= 1, got 0"),
        ({"noise": -1}, ValueError, r"noise must be finite and >= 0 and <= 1e\+100, got -1"),
        ({"noise": np.nan}, ValueError, r"noise must be finite and >= 0 and <= 1e\+100, got nan"),
        ({"inputs": X}, ValueError, r"inputs must have the shape \(260 or more, 8\), got \(3, 2\)"),
        ({"inputs": [[np.nan] * 8] * 300}, ValueError, "inputs must be finite, got nan"),
        ({"rng": "x"}, TypeError, "rng must be None"),
    ],
)
def test_bad_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        least_squares_problem(**({"width": 8, "task_rank": 2, "examples": 4} | arguments))


def test_reprs_are_short():
    problem = drawn(4, test_inputs=np.ones((2, 7)), test_targets=np.ones((2, 5)))
    assert repr(problem) == ("LeastSquaresProblem(4 examples, 2 held out, 7 features, 5 outputs)")
    assert repr(drawn(4)).startswith("LeastSquaresProblem(4 examples, 0 held out")
    assert repr(problem.whole) == "ReducedData(rest=0.0, examples=4)"
