"""`gram-matrices`: blocks against other methods, a tiny run, and verdicts on made numbers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.cluster import hierarchy

from rmt_rank.paper.experiments.experiment import run_experiment
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import gram_matrices
from rmt_rank.paper.experiments.trained.gram_blocks import (
    agreement,
    block_share,
    clustered,
    clusters,
)

xarray = pytest.importorskip("xarray", reason="xarray is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

RANK, BLOCKS = "Deeper networks learn", "Block structures"


@pytest.fixture(scope="module")
def tiny(tiny_runs):
    return tiny_runs("gram-matrices")


@pytest.fixture
def made(tiny):
    """Ten repeats; all converged, and numbers are jitter without ties or a trend."""
    dataset = tiny.isel(repeat=[0, 1] * 5)
    stream = np.random.default_rng(0)
    for name in ("gram_rank", "initial_gram_rank", "block_share", "class_share", "agreement"):
        dataset[name] = dataset[name] * 0 + stream.uniform(0, 0.01, dataset[name].shape)
    dataset["converged"] = dataset.converged | True
    return dataset


def of(dataset, begin, end=""):
    """The verdict that all findings of that beginning and end share."""
    (found,) = {
        f.verdict
        for f in gram_matrices.verdict(dataset)
        if f.sentence.startswith(begin) and f.sentence.endswith(end)
    }
    return found


# --- blocks -----------------------------------------------------------------------------------


def drawn(samples=30, groups=3, noise=0.3, seed=0):
    """Cosines of samples around as many corners, in random order, and their groups."""
    stream = np.random.default_rng(seed)
    labels = stream.permutation(np.arange(samples) % groups)
    x = np.eye(6)[labels] + noise * stream.standard_normal((samples, 6))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x @ x.T, labels


def test_block_share_is_that_of_a_regression_on_blocks():
    gram, labels = drawn()
    off = ~np.eye(len(gram), dtype=bool)
    block = (3 * labels[:, None] + labels)[off]
    values = gram[off]
    fitted = np.linalg.lstsq(np.eye(9)[block], values, rcond=None)[0][block]
    expected = 1 - np.sum((values - fitted) ** 2) / np.sum((values - values.mean()) ** 2)
    # sums of 870 numbers below 1, over a variance of about 0.1 each: some 1e-13
    assert block_share(gram, labels) == pytest.approx(expected, abs=1e-12)


def test_block_share_of_pure_blocks_and_of_none():
    _, labels = drawn()
    pure = np.eye(3)[labels] @ np.array([[1, 0.2, 0.1], [0.2, 1, 0], [0.1, 0, 1]])
    assert block_share(pure @ np.eye(3)[labels].T, labels) == pytest.approx(1, abs=1e-12)
    assert np.isnan(block_share(np.ones((4, 4)), [0, 1, 0, 1]))
    # a group of one has no pair within
    assert 0 <= block_share(drawn()[0], np.r_[1, np.zeros(29, dtype=int)]) <= 1


def test_agreement_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    stream = np.random.default_rng(0)
    for _ in range(20):
        a, b = stream.integers(0, 4, 25), stream.integers(0, 6, 25)
        b = np.where(stream.random(25) < 0.5, a, b)
        expected = metrics.adjusted_rand_score(a, b)
        assert agreement(a, b) == pytest.approx(expected, abs=1e-12)
    assert agreement(a, a) == 1
    assert agreement(np.zeros(5, dtype=int), np.zeros(5, dtype=int)) == 1


def test_clusters_find_groups_that_lie_apart():
    gram, labels = drawn(noise=0.05)
    assert agreement(clusters(gram, 3), labels) == 1
    assert sorted(set(clusters(gram, 3).tolist())) == [0, 1, 2]


def test_clustered_is_a_permutation_with_similar_neighbours():
    gram, labels = drawn()
    ordered = clustered(gram)
    np.testing.assert_array_equal(np.sort(ordered, axis=None), np.sort(gram, axis=None))
    np.testing.assert_array_equal(ordered, ordered.T)
    # no order that the tree allows has nearer neighbours: such is its order without the search
    distance = np.clip(1 - gram, 0, None)
    tree = hierarchy.average(distance[np.triu_indices(len(gram), 1)])
    plain = gram[np.ix_(*[hierarchy.leaves_list(tree)] * 2)]
    assert np.trace(ordered, 1) > np.trace(plain, 1)
    assert np.trace(ordered, 1) > np.trace(gram[np.ix_(*[labels.argsort()] * 2)], 1)


# --- the experiment -----------------------------------------------------------------------------


def test_a_tiny_run(tiny):
    assert bool((tiny.converged == 1).all())
    assert bool((tiny.loss <= 0.1).all())
    # held-out images are classified far better than by chance, 0.1
    assert float(tiny.test_accuracy.min()) > 0.25
    # the rank of 16 features, at most
    assert bool((tiny.gram_rank <= np.log(16)).all())
    assert bool((tiny.gram_rank != tiny.initial_gram_rank).all())
    gram = tiny.gram.isel(activation=1, depth=0).values
    # cosines, in float32
    np.testing.assert_allclose(np.diag(gram), 1, atol=1e-6)
    values = np.linalg.eigvalsh(gram.astype(np.float64)).clip(1e-12) / len(gram)
    expected = float(tiny.gram_rank.isel(activation=1, depth=0, repeat=0))
    # 40 eigenvalues, each off by float32's 40 eps/2 or less, over 40, times |log| + 1 < 30
    assert -np.sum(values * np.log(values)) == pytest.approx(expected, abs=3e-4)


def test_numbers_do_not_depend_on_other_cells(tiny):
    settings = gram_matrices.EXPERIMENT.settings("tiny") | {"depths": [2], "activations": ["tanh"]}
    alone = replace(gram_matrices.EXPERIMENT, settings=lambda _: settings)
    part = run_experiment(alone, "tiny").drop_vars("seconds")
    same = tiny.drop_vars("seconds").sel(activation=["tanh"], depth=[2])
    xarray.testing.assert_equal(part, same)


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(-1, Verdict.SUPPORTED), (1, Verdict.NOT_SUPPORTED), (0, Verdict.UNDECIDED)],
)
def test_rank(made, slope, expected):
    made["gram_rank"] = made.gram_rank + slope * made.depth
    assert of(made, RANK) is expected
    made["initial_gram_rank"] = made.initial_gram_rank + slope * made.depth
    assert of(made, "Before training") is expected


def test_activations_are_judged_apart(made):
    made["gram_rank"] = made.gram_rank - made.depth * (made.activation == "sine")
    assert of(made, RANK, "(sine).") is Verdict.SUPPORTED
    assert of(made, RANK, "(relu).") is Verdict.UNDECIDED


def test_runs_that_did_not_converge_decide_nothing(made):
    made["gram_rank"] = made.gram_rank - made.depth
    made["converged"] = made.converged & (made.depth < 4)
    assert of(made, RANK) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("block_share", BLOCKS),
        ("class_share", "With depth the classes"),
        ("agreement", "With depth the clusters"),
    ],
)
def test_blocks(made, name, begin):
    flat = made[name]
    made[name] = flat + made.depth
    assert of(made, begin) is Verdict.SUPPORTED
    made[name] = flat - made.depth
    assert of(made, begin) is Verdict.NOT_SUPPORTED
    made[name] = flat + made.depth * xarray.where(made.activation == "relu", -1, 1)
    assert of(made, begin) is Verdict.IN_PART
    made[name] = flat
    assert of(made, begin) is Verdict.UNDECIDED
