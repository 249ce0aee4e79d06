"""Estimates: exact means of control variates, honest errors, targets, halves, bad input."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from rmt_rank import estimate, sample_singular_values
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.simulation.means.controls import Controls
from rmt_rank.simulation.means.joint_moments import (
    JointMoments,
    added,
    combined,
    observe,
    samples_of,
)
from rmt_rank.simulation.means.statistics import statistic
from rmt_rank.simulation.means.target import TargetWarning
from rmt_rank.simulation.products.blocks import block_sizes, chain_blocks, in_threads
from rmt_rank.simulation.products.chain import new_chain
from rmt_rank.theory.gaussian.effective_rank import differential_effective_rank

CASES = [
    ("real", (8, 8, 8, 8, 8)),
    ("real", (3, 5, 4)),
    ("real", (40, 40)),
    ("complex", (8, 8, 8)),
    ("complex", (5, 3, 6)),
    ("complex", (1, 1, 1)),
]


@pytest.mark.parametrize(("field", "widths"), CASES, ids=str)
def test_controls_have_their_means(field, widths):
    chain = new_chain(widths, None, 1, field=field)
    controls = Controls.of(chain)
    rows = []
    for block in in_threads(
        chain_blocks(chain, [chain.depth], 20_000, rng=1, log_diagonal=True), 1
    ):
        rows.append(controls.evaluate(block.values[0].unscaled(np), block.log_diagonal))
    x = np.concatenate(rows)
    assert x.shape == (20_000, len(controls.names))
    z = (x.mean(axis=0) - controls.means) / (x.std(axis=0, ddof=1) / np.sqrt(20_000))
    # up to 39 of them: one is off by 5 standard errors by chance with probability 2e-5
    assert np.max(np.abs(z)) < 5


def test_a_wrong_mean_is_detected(monkeypatch):
    chain = new_chain(8, 2, 1)
    controls = Controls.of(chain)
    wrong = controls.means.copy()
    wrong[2] *= 1.05
    plain = estimate("effective_rank", 8, 2, samples=50_000, rng=3, control_variates=False)
    replaced = dataclasses.replace(controls, means=wrong)
    monkeypatch.setattr(Controls, "of", lambda _: replaced)
    corrected = estimate("effective_rank", 8, 2, samples=50_000, rng=4)
    error = np.hypot(plain.error, corrected.error)
    assert abs(plain.value - corrected.value) > 5 * error


@pytest.mark.parametrize(
    ("field", "width", "depth", "least"),
    [
        ("real", 32, 8, 8.5),
        ("real", 8, 2, 4.5),
        ("real", 8, 16, 2),
        ("complex", 16, 4, 300),
        ("complex", 8, 1, 1000),
    ],
)
def test_variance_is_reduced_and_the_mean_is_not_moved(field, width, depth, least):
    options = {"samples": 6000, "field": field}
    plain = estimate("effective_rank", width, depth, rng=1, control_variates=False, **options)
    better = estimate("effective_rank", width, depth, rng=2, **options)
    assert plain.variance_reduction == 1
    assert plain.controls == ()
    assert better.variance_reduction > least
    reduction = (plain.error / better.error) ** 2
    assert reduction == pytest.approx(better.variance_reduction, rel=0.2)
    error = np.hypot(plain.error, better.error)
    assert abs(plain.value - better.value) < 5 * error
    assert "control variates" in better.why


@pytest.mark.parametrize(
    ("field", "width", "depth"),
    [
        ("real", 8, 2),
        pytest.param("real", 6, 6, marks=pytest.mark.slow),
        pytest.param("complex", 8, 4, marks=pytest.mark.slow),
    ],
)
def test_standard_errors_match_the_deviations(field, width, depth):
    options = {"field": field}
    truth = estimate("effective_rank", width, depth, samples=100_000, rng=99, **options)
    runs = [
        estimate("effective_rank", width, depth, samples=600, rng=seed, **options)
        for seed in range(200)
    ]
    z = [(run.value - truth.value) / run.error for run in runs]
    # rms of 200 normal numbers: 1 with a standard error of 0.05; fitted coefficients and tails that
    # are not normal were seen to add up to 0.06; 4 standard errors more.  The error of the truth is
    # sqrt(600/100000) = 0.08 of one of these, which adds 0.003 to the rms, and 0.08 to the mean
    assert 0.8 < np.sqrt(np.mean(np.square(z))) < 1.26
    assert abs(np.mean(z)) < 5 / np.sqrt(200)


@pytest.mark.parametrize("until", [{"samples": 131}, {"target_error": 1e-2}])
def test_blocks_of_one_sample(until):
    # matrices from width 256 on are drawn one at a time
    chain = new_chain(256, 1, 131)
    assert next(block_sizes(chain, 131)) == 1
    result = estimate("effective_rank", 256, 1, rng=0, **until)
    assert result.controls
    assert result.variance_reduction > 1
    halves = [None, None]
    for block in in_threads(chain_blocks(chain, [1], 5, rng=1, log_diagonal=True), 1):
        found = observe(
            block, [statistic("effective_rank")], Controls.of(chain), samples_of(halves)
        )
        halves = added(halves, found)
    assert [half.count for half in halves] == [3, 2]


def test_without_controls_it_is_the_mean():
    result = estimate("effective_rank", 8, 3, samples=700, rng=5, control_variates=False)
    ranks = effective_rank(sample_singular_values(8, 3, 700, rng=5))
    assert result.value == pytest.approx(ranks.mean(), rel=1e-13)
    assert result.error == pytest.approx(ranks.std(ddof=1) / np.sqrt(700), rel=1e-10)
    assert result.samples == 700


def test_statistics_of_many_components():
    edges = np.linspace(0, 3, 7)
    shares = estimate("spectral_measure", 16, 2, samples=3000, rng=1, bins=edges)
    values = sample_singular_values(16, 2, 3000, rng=2)
    plain = np.histogram(values, edges)[0] / values.size
    # the plain ones vary by about the same
    assert np.all(np.abs(shares.value - plain) < 8 * shares.error)
    assert shares.value.sum() <= 1 + 1e-12
    logs = estimate("log_singular_values", 4, 30, samples=2000, rng=3)
    assert logs.value.shape == (4,)
    assert np.all(np.diff(logs.value) < 0)
    means = estimate("singular_values", 4, 3, samples=2000, rng=3)
    assert np.all(np.diff(means.value) < 0)


def test_a_constant_function_has_an_unknown_error():
    at_edges = estimate(lambda s: np.column_stack([s[:, 0] * 0 + 1]), 2, 1, samples=40, rng=0)
    assert at_edges.value == 1
    # nothing varied, and how much it may is unknown
    assert np.isnan(at_edges.error)


def test_a_function_of_the_user_is_estimated():
    result = estimate(lambda s: np.mean(s**2, axis=1), 8, 2, samples=4000, rng=1)
    # tr W^T W is itself a control: no variance is left
    assert result.value == pytest.approx(1, abs=1e-12)


def test_a_function_cannot_change_the_matrices_of_others():
    def in_place(s):
        s /= s.sum(axis=1, keepdims=True)
        return s[:, 0]

    with pytest.raises(ValueError, match="read-only"):
        estimate(in_place, 8, 2, samples=1000, rng=0)


@pytest.mark.parametrize("which", ["effective_rank", "log_singular_values"])
@pytest.mark.parametrize(
    ("field", "width", "depth"),
    [
        ("real", 1, 100),
        ("real", 4, 300),
        ("real", 8, 500),
        ("complex", 1, 6000),
        ("complex", 4, 500),
    ],
)
def test_deep_chains_have_finite_estimates(which, field, width, depth):
    # as few as have control variates
    result = estimate(which, width, depth, samples=128, rng=0, field=field)
    assert result.controls
    assert np.isfinite(result.value).all()


def test_unseen_events_have_an_unknown_mean():
    options = {"bins": [8, 9], "rng": 0}
    with pytest.warns(TargetWarning, match="3000 samples were drawn, the maximum"):
        result = estimate("spectral_measure", 8, 2, target_error=1e-9, max_samples=3000, **options)
    assert result.samples == 3000
    assert result.value == 0
    assert result.error == 1 / 3000


def test_sampling_stops_at_the_target_error():
    result = estimate("effective_rank", 16, 2, target_error=1e-3, rng=1)
    assert result.error <= 1e-3
    limit = np.log(16) + differential_effective_rank(2)
    assert abs(result.value - limit) < 0.05
    assert result.reached
    with pytest.warns(TargetWarning, match="target_error 1e-09 was not reached"):
        few = estimate("effective_rank", 16, 2, target_error=1e-9, rng=1, max_samples=2000)
    assert few.samples == 2000


def test_progress_and_workers_do_not_change_a_bit(capsys):
    options = {"samples": 3000, "rng": 1}
    first = estimate("effective_rank", 16, 2, **options)
    second = estimate("effective_rank", 16, 2, workers=2, progress=True, **options)
    assert first.value == second.value
    assert first.error == second.error
    assert capsys.readouterr().out == ""


def test_moments_add_up():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)) + 10, rng.normal(size=(50, 2)) - 5
    whole = JointMoments.of(x, y)
    parts = JointMoments.of(x[:20], y[:20]) + JointMoments.of(x[20:], y[20:])
    for name in ("count", "mean", "products", "squares"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)
    assert added([None, whole], [parts, None]) == [parts, whole]
    value, error, _, names = combined([whole, None], None)
    np.testing.assert_allclose(value, y.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(error, y.std(axis=0, ddof=1) / np.sqrt(50))
    assert names == ()


def test_few_samples_have_no_controls():
    assert estimate("effective_rank", 8, 2, samples=2, rng=0).controls == ()
    few = estimate("effective_rank", 8, 2, samples=31, rng=0)
    assert np.isnan(few.error)
    assert "no standard error is stated below 32 samples" in few.why
    assert np.isfinite(estimate("effective_rank", 8, 2, samples=32, rng=0).error)


def test_every_size_of_the_law_of_shares():
    # one singular value: |g|, half-normal
    edges = [0.0, 0.5, 1.0, 2.0]
    shares = estimate("spectral_measure", 1, 1, samples=40_000, rng=2, bins=edges)
    expected = np.diff(stats.halfnorm.cdf(edges))
    assert np.all(np.abs(shares.value - expected) < 5 * shares.error)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "give either samples or target_error"),
        ({"samples": 10, "target_error": 0.1}, ValueError, "give either samples or target_error"),
        ({"samples": 1}, ValueError, "samples must be an integer >= 2, got 1"),
        ({"samples": 9, "max_samples": 9}, ValueError, "max_samples goes with target_error"),
        (
            {"target_error": 0.0},
            ValueError,
            "target_error must be finite and >= 2.22045e-16, got 0",
        ),
        ({"which": "rank"}, ValueError, "statistic must be callable or one of 'effective_rank'"),
        ({"which": "spectral_measure"}, ValueError, "spectral_measure needs bins"),
        ({"power": -1}, ValueError, "power must be finite and >= 2.2.*e-308, got -1"),
        ({"which": lambda s: 1.0}, ValueError, r"must return the shape \(\d+,\) or"),
        ({"which": lambda s: s[:, 0] * np.nan}, ValueError, "is not finite for every matrix"),
        (
            {"which": "spectral_measure", "bins": [1, 0]},
            ValueError,
            "bins must be at least 2 increasing edges",
        ),
        ({"field": "R"}, ValueError, "field must be one of"),
        ({"bins": [0, 1]}, ValueError, "bins is not an option of the statistic 'effective_rank'"),
        ({"which": lambda s: s[:, 0] * 1j}, ValueError, "must return real numbers, got complex128"),
        ({"which": lambda s: s[:, :0]}, ValueError, r"must return the shape"),
        ({"width": [5], "depth": None}, ValueError, "widths must have at least 2 entries"),
    ],
)
def test_bad_input(arguments, error, message):
    if not {"samples", "target_error"} & set(arguments) and message != (
        "give either samples or target_error"
    ):
        arguments = arguments | {"samples": 10}
    arguments = {"which": "effective_rank", "width": 4, "depth": 2, "rng": 0} | arguments
    with pytest.raises(error, match=message):
        estimate(**arguments)
