"""`convolutional`: verdicts on made numbers, and with PyTorch its networks and their training."""

import sys

import numpy as np
import pytest

from rmt_rank.metrics.gram import gram_effective_rank, gram_matrix
from rmt_rank.metrics.spectrum import effective_rank
from rmt_rank.paper.experiments.findings import Verdict
from rmt_rank.paper.experiments.trained import convolutional
from rmt_rank.paper.experiments.trained.convolutional_findings import SMALL
from rmt_rank.paper.experiments.trained.convolutional_networks import (
    Split,
    build,
    end_to_end_values,
    gram_values,
    train_stack,
)
from rmt_rank.paper.experiments.trained.convolutional_penalties import PENALTIES, penalised
from rmt_rank.paper.experiments.trained.convolutional_sentences import (
    CONTROLS,
    FIRST,
    PAIRED,
    TRENDS,
)

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

NETWORKS = list(convolutional.EXPERIMENT.settings("full")["networks"])
SETTINGS = {"channels": [2, 3, 4], "hidden": 6, "batch": 4, "gram": 5}


@pytest.fixture
def made():
    """Ten repeats of all networks; nothing diverged, and numbers are jitter without a trend.

    The jitter of the last five repeats is that of the first five with the other sign, so that no
    difference of networks has one.
    """
    stream = np.random.default_rng(0)
    dims = {"network": len(NETWORKS), "repeat": 10, "epoch": 6, "layer": 2, "layer_value": 4}
    dims["gram_value"] = 4
    each, over_time = ("network", "repeat"), ("network", "repeat", "epoch")

    def jitter(*names):
        half = stream.uniform(
            -0.005, 0.005, [dims[name] // (1 + (name == "repeat")) for name in names]
        )
        return names, 0.005 + np.concatenate([half, -half], axis=names.index("repeat"))

    variables = dict.fromkeys({row[2] for row in PAIRED + CONTROLS}, each)
    variables |= dict.fromkeys(("final_test_loss", "final_loss"), each)
    for name in ("weight_change", "loss_gap"):  # these are computed
        del variables[name]
    variables |= {"gram_rank": over_time, "layer_rank": (*over_time, "layer")}
    variables |= {"gram_values": (*over_time, "gram_value")}
    variables |= {"layer_values": (*over_time, "layer", "layer_value")}
    found = {name: jitter(*names) for name, names in variables.items()}
    found["diverged"] = each, np.zeros((len(NETWORKS), 10), dtype=bool)
    return xarray.Dataset(found, coords={"network": NETWORKS, "repeat": range(10)})


def of(dataset, begin):
    (found,) = (f for f in convolutional.verdict(dataset) if f.sentence.startswith(begin))
    return found


RANKS = {"nuclear": -1, "effective-rank": -1, "stable-rank": -1}
# Shifts of variables by network, which make every sentence on pairs true.
TRUE = {
    "final_gram_rank": {"2x": -1, "4x": -1} | RANKS,
    "initial_gram_rank": {"2x": -1, "4x": -1},
    "final_weight_rank": {"2x": -1, "4x": -2, "8x": -3, "4x-narrow": -3} | RANKS,
    "initial_weight_rank": {"2x": -0.5, "4x": -0.5},
    "final_test_loss": {"2x": -1, "4x": -1},
    "final_accuracy": {"2x": -1, "4x": -1},
    "final_test_accuracy": {"2x": 1, "4x": 1},
    "stopped_test_accuracy": {"2x": 1, "4x": 1},
    "best_test_accuracy": {"2x": 2, "4x": 3, "8x": 1, "2x-fc": 1, "2x-conv": 2}
    | {"2x-kernels": 3, "2x-kernels-1-3": 3}
    | {"4x-narrow": 4, "4x-residual": 4, "8x-residual": 4}
    | {"4x-fc": 1, "4x-conv": 2, "8x-fc": 1, "8x-conv": 2, "2x-l1": 3, "2x-l2": 3}
    | {"nuclear": 1, "effective-rank": 1, "stable-rank": 1, "2x-deeper": 1},
}


def shifted(made, sign, networks=NETWORKS):
    dataset = made.copy()
    for name, shifts in TRUE.items():
        shift = [sign * shifts.get(each, 0) * (each in networks) for each in NETWORKS]
        dataset[name] = made[name] + xarray.DataArray(shift, dims="network")
    return dataset


def paired(dataset):
    """Verdicts on pairs of networks by sentence."""
    sentences = {row[0] for row in PAIRED + CONTROLS}
    found = {f.sentence: f.verdict for f in convolutional.verdict(dataset)}
    return {sentence: found[sentence] for sentence in sentences}


@pytest.mark.parametrize(("sign", "expected"), [(1, "SUPPORTED"), (-1, "NOT_SUPPORTED")])
def test_pairs_that_differ(made, sign, expected):
    assert set(paired(shifted(made, sign)).values()) == {Verdict[expected]}


def test_pairs_without_a_difference(made):
    assert set(paired(made).values()) == {Verdict.UNDECIDED}


def test_pairs_that_differ_for_one_factor_only(made):
    both = shifted(made, 1, ("2x",))
    opposite = shifted(made, -1, ("4x",))
    for name in TRUE:
        both[name] = both[name] + opposite[name] - made[name]
    found = paired(both)
    assert {found[row[0]] for row in PAIRED} == {Verdict.IN_PART}


@pytest.mark.parametrize(("lost", "expected"), [(1, Verdict.SUPPORTED), (2, Verdict.UNDECIDED)])
def test_a_tenth_may_diverge(made, lost, expected):
    dataset = shifted(made, 1)
    dataset["diverged"] = dataset.diverged | (dataset.repeat < lost)
    found = paired(dataset)
    # six comparisons at the level of 0.01 need ten pairs: 6/2^9 is 0.012
    begin = "Over-parameterization generalises better than explicit"
    (six,) = (found.pop(each) for each in list(found) if each.startswith(begin))
    assert six is Verdict.UNDECIDED
    assert set(found.values()) == {expected}


@pytest.mark.parametrize(
    ("deeper", "expected"), [(1, "SUPPORTED"), (2, "UNDECIDED"), (3, "NOT_SUPPORTED")]
)
def test_gains_in_a_deeper_network(made, deeper, expected):
    shifts = {"2x": 2, "2x-deeper": deeper}
    shift = [shifts.get(each, 0) for each in NETWORKS]
    dataset = made.copy()
    dataset["best_test_accuracy"] += xarray.DataArray(shift, dims="network")
    found = of(dataset, "Over-parameterization gains less in a deeper network")
    assert found.verdict is Verdict[expected]
    assert "medians 2x-deeper and deeper: " in found.statistic


@pytest.mark.parametrize(("name", "way"), [(row[2], row[3]) for row in TRENDS])
@pytest.mark.parametrize("opposite", [False, True])
def test_trends_with_the_number_of_layers(made, name, way, opposite):
    assert {f.verdict for f in trends(made)} == {Verdict.UNDECIDED}
    shift = [FIRST.index(each) if each in FIRST else 0 for each in NETWORKS]
    slope = -way if opposite else way
    made[name] = made[name] + slope * xarray.DataArray(shift, dims="network")
    found = {row[2]: finding.verdict for row, finding in zip(TRENDS, trends(made), strict=True)}
    assert found.pop(name) is (Verdict.NOT_SUPPORTED if opposite else Verdict.SUPPORTED)
    assert set(found.values()) == {Verdict.UNDECIDED}
    # nothing is decided where more than a tenth of the runs diverged
    made["diverged"] = made.diverged | ((made.network == FIRST[3]) & (made.repeat < 8))
    assert {f.verdict for f in trends(made)} == {Verdict.UNDECIDED}


def trends(dataset):
    sentences = [row[0] for row in TRENDS]
    return [f for f in convolutional.verdict(dataset) if f.sentence in sentences]


def test_the_gap_is_that_of_the_losses(made):
    # both losses larger by as much: no difference
    for name in ("final_loss", "final_test_loss"):
        made[name] = made[name] + (made.network == "4x") + (made.network == "2x")
    assert of(made, "The over-parameterized network overfits less").verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("name", "words", "limit"),
    [("gram_values", "the Gram matrix", SMALL**2), ("layer_values", "the weights", SMALL)],
)
@pytest.mark.parametrize(
    ("small", "more", "fewer"),
    [
        (3, Verdict.SUPPORTED, Verdict.NOT_SUPPORTED),
        (1, Verdict.NOT_SUPPORTED, Verdict.SUPPORTED),
        (2, Verdict.UNDECIDED, Verdict.UNDECIDED),
    ],
)
def test_shares_of_small_singular_values(made, name, words, limit, small, more, fewer):
    values = np.array([1.0, 1.1 * limit, 1.1 * limit, 1.1 * limit])
    values[len(values) - small :] = 0.9 * limit
    made[name] = made[name] * 0 + xarray.DataArray(values, dims=name[:-1])
    found = {
        f.sentence.partition(" ")[0]: f.verdict
        for f in convolutional.verdict(made.sel(network=["plain", "2x", "4x"]))
        if f"singular values of {words} are" in f.sentence
    }
    assert found == {"More": more, "Fewer": fewer}


@pytest.mark.parametrize(("name", "words"), [("gram_rank", "features"), ("layer_rank", "weights")])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (lambda t: abs(t - 0.5), Verdict.SUPPORTED),
        (lambda t: t, Verdict.NOT_SUPPORTED),
        (lambda t: -t, Verdict.NOT_SUPPORTED),
    ],
)
def test_falls_then_rises(made, name, words, shape, expected):
    made[name] = made[name] + shape(xarray.DataArray(np.linspace(0, 1, 6), dims="epoch"))
    found = [
        f.verdict
        for f in convolutional.verdict(made.sel(network=["plain", "2x", "4x"]))
        if f.sentence.startswith(f"The rank of the {words} first falls, then rises")
    ]
    assert found == [expected] * 2


def test_findings_on_absent_networks_are_left_out(made):
    few = made.sel(network=["plain", "2x", "4x"])
    sentences = {finding.sentence for finding in convolutional.verdict(few)}
    assert {row[0] for row in PAIRED} < sentences
    assert {row[0] for row in CONTROLS} & sentences == {
        "A factor of 4 generalises better than one of 2."
    }


# --- numbers without PyTorch ----------------------------------------------------------------------


def test_spectra():
    stream = np.random.default_rng(0)
    features = np.maximum(stream.standard_normal((9, 4)), 0)
    features[3] = 0  # a sample without active units
    s = np.linalg.svd(gram_matrix(features), compute_uv=False)
    # eigenvalues of a 9 x 9 matrix of cosines: errors of some roundings of their sum
    np.testing.assert_allclose(gram_values(features), s[:4], rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        effective_rank(gram_values(features)), gram_effective_rank(features), rtol=1e-12
    )
    assert np.isnan(gram_values(features * np.nan)).all()
    weight = stream.standard_normal((4, 3, 2, 2))
    np.testing.assert_allclose(
        end_to_end_values(weight) ** 2,
        np.linalg.eigvalsh(np.einsum("aijk,bijk->ab", weight, weight))[::-1],
        rtol=1e-10,
    )
    assert np.isnan(end_to_end_values(weight * np.inf)).all()


def test_the_images_are_those_of_all_networks_in_parts():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    settings = convolutional.EXPERIMENT.settings("tiny")
    seeds = [np.random.SeedSequence([0, other]) for other in (1, 2)]
    first, same = (convolutional._images(settings, seed, 0) for seed in seeds)
    assert {name: part.images.shape for name, part in first.parts.items()} == {
        "training": (40, 1, 8, 8),
        "validation": (30, 1, 8, 8),
        "test": (40, 1, 8, 8),
    }
    assert (first.shape, first.classes) == ((1, 8, 8), 10)
    for name, part in first.parts.items():
        np.testing.assert_array_equal(part.images, same.parts[name].images)
    rows = np.concatenate([part.images for part in first.parts.values()]).reshape(110, -1)
    assert len(np.unique(rows, axis=0)) == 110
    other = convolutional._images(settings, seeds[0], 1)
    assert (other.parts["test"].images != first.parts["test"].images).any()
    small = convolutional._images(settings | {"largest_side": 4}, seeds[0], 0)
    np.testing.assert_allclose(
        small.parts["test"].images[:, 0, 0, 0],
        first.parts["test"].images[:, 0, :2, :2].mean(axis=(1, 2)),
        rtol=1e-6,
    )


def tuned(monkeypatch, network, quality):
    """Compute a cell with made numbers; return the result and the runs of both calls.

    The quality of a rate and a strength is an accuracy, or a pair of that and a loss.
    """
    calls = []

    def made(settings, cell, seed, runs, epochs):
        calls.append((runs, epochs))
        return [numbers(*np.broadcast_to(quality(*run[1:]), 2), len(epochs)) for run in runs]

    def numbers(accuracy, loss, count):
        over_time = np.linspace(1, 0.5, count)
        found = {
            f"{split}{name}": value * np.ones(count)
            for split in ("", "validation_", "test_")
            for name, value in (("accuracy", accuracy), ("loss", loss))
        }
        # over several epochs, the validation loss is least at the second one
        found["validation_loss"] = loss - 0.5 * (np.arange(count) == 1)
        found["test_accuracy"] = accuracy * (2 - over_time)
        found |= {"gram_rank": over_time, "layer_rank": over_time[:, np.newaxis] * [1, 2]}
        return found | {"gram_values": np.ones((count, 2)), "layer_values": np.ones((count, 2, 2))}

    monkeypatch.setattr(convolutional, "_trained", made)
    settings = convolutional.EXPERIMENT.settings("full") | {"repeats": 4, "tuning_repeats": 2}
    settings |= {"rates": [0.1, 0.2, 0.3], "strengths": [1.0, 2.0, 3.0], "epochs": 4}
    seed = np.random.SeedSequence([0, 1])
    return convolutional.EXPERIMENT.compute(settings, {"network": network}, seed), calls


def best(rate, strength):
    return 0.9 - abs(rate - 0.2) - abs(strength - 2) / 10


@pytest.mark.parametrize(
    ("network", "quality", "expected", "at_edge"),
    [
        ("l1", best, (0.2, 2.0), False),
        ("l1", lambda rate, strength: rate + 0 * strength, (0.3, 1.0), True),
        ("l1", lambda rate, strength: best(rate, 2) - strength / 10, (0.2, 1.0), True),
        # the least loss of equal accuracies
        ("l1", lambda rate, strength: (0.5, rate + strength), (0.1, 1.0), True),
        ("l1", lambda rate, strength: np.nan if strength < 3 else best(rate, 2), (0.2, 3.0), True),
        ("plain", best, (0.2, 0.0), False),
    ],
)
def test_the_best_rate_and_strength_are_chosen(monkeypatch, network, quality, expected, at_edge):
    found, (first, second) = tuned(monkeypatch, network, quality)
    rate, strength = expected
    assert (found["learning_rate"][1], found["strength"][1]) == expected
    assert found["at_edge"][1] == at_edge
    strengths = {0.0} if network == "plain" else {1.0, 2.0, 3.0}
    # other images than those that are reported, and the last epoch only
    assert set(first[0]) == {(r, x, y) for r in (4, 5) for x in (0.1, 0.2, 0.3) for y in strengths}
    assert first[1] == [4]
    assert second == ([(repeat, rate, strength) for repeat in range(4)], [0, 1, 2, 3, 4])
    accuracy = [
        np.nanmax([np.broadcast_to(quality(x, y), 2)[0] for y in strengths])
        for x in (0.1, 0.2, 0.3)
    ]
    np.testing.assert_allclose(found["tuning_accuracy"][1], accuracy, rtol=1e-14)


def test_summaries_of_a_run(monkeypatch):
    found, _ = tuned(monkeypatch, "plain", lambda rate, strength: 0.5)
    values = {name: each for name, (_, each) in found.items()}
    for name, expected in (
        ("initial_gram_rank", 1.0),
        ("final_gram_rank", 0.5),
        ("initial_weight_rank", 1.5),
        ("final_weight_rank", 0.75),
        ("final_test_accuracy", 0.75),
        ("best_test_accuracy", 0.75),
        ("stopped_test_accuracy", 0.5625),
        ("diverged", False),
    ):
        assert values[name].tolist() == [expected] * 4, name


def test_without_pytorch_one_sentence_says_what_to_install(monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "rmt_rank.torch", raising=False)
    with pytest.raises(ImportError, match=r"torch needs the package torch: pip install torch"):
        convolutional.run("tiny")


# --- networks and training, with PyTorch ----------------------------------------------------------


def split(stream, count):
    images = stream.standard_normal((count, 1, 8, 8)).astype(np.float32)
    return Split(images, stream.integers(0, 3, count))


def test_runs_have_the_regulariser_of_their_network(monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    settings, given = convolutional.EXPERIMENT.settings("tiny"), []

    def stack(models, splits, rates, seeds, settings, epochs, *, penalty, strengths):
        given.append((len(models), len(splits), rates, len(set(seeds)), penalty, strengths))
        return []

    monkeypatch.setattr(convolutional, "train_stack", stack)
    seed, runs = np.random.SeedSequence([0, 1]), [(0, 0.1, 1.0), (0, 0.2, 2.0), (1, 0.1, 3.0)]
    for network in ("l1", "plain"):
        convolutional._trained(settings, {"network": network}, seed, runs, [0])
    assert given == [
        (3, 3, [0.1, 0.2, 0.1], 2, penalty, [1.0, 2.0, 3.0]) for penalty in ("l1", None)
    ]


def test_layers_that_are_added_are_not_recorded():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    stream = np.random.default_rng(0)
    splits = [{name: split(stream, 9) for name in ("training", "validation", "test")}]
    model = build((1, 8, 8), 3, SETTINGS, {"more": 4}, 0)
    common = weighted(model)[:3] + weighted(model)[-2:]
    values = [end_to_end_values(each.weight.detach().double().numpy()) for each in common]
    (found,) = train_stack([model], splits, [0.01], [0], SETTINGS | {"epochs": 0}, [0])
    for row, expected in zip(found["layer_values"][0], values, strict=True):
        np.testing.assert_allclose(row[: len(expected)], expected, rtol=1e-12)
    # the last of all convolutions is not pooled; images of 16 x 16 are three times
    pools = {
        name: sum(isinstance(each, torch.nn.MaxPool2d) for each in built.modules())
        for name, built in (
            (more, build((1, 16, 16), 3, SETTINGS, {"more": more}, 0)) for more in (0, 4)
        )
    }
    assert pools == {0: 2, 4: 3}


@pytest.mark.slow  # three seconds, the first time that PyTorch transforms a function
def test_a_stack_trains_each_network_as_pytorch_does():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    stream = np.random.default_rng(0)
    settings = SETTINGS | {"epochs": 4}
    splits = [
        {name: split(stream, 9) for name in ("training", "validation", "test")} for _ in range(2)
    ]
    rates, form = [0.01, 0.03], {"depth": 2}
    models = [build((1, 8, 8), 3, settings, form, seed) for seed in (5, 6)]
    found = train_stack(models, splits, rates, [7, 8], settings, [0, 4])
    threads = torch.get_num_threads()
    for i, seed in enumerate((5, 6)):
        model = build((1, 8, 8), 3, settings, form, seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=rates[i], momentum=0.9)
        order = np.random.default_rng(7 + i)
        images, labels = map(torch.from_numpy, splits[i]["training"])
        for epoch in range(4):
            # a half and five sixths of four epochs
            optimizer.param_groups[0]["lr"] = rates[i] * (1, 1, 0.1, 0.01)[epoch]
            chosen = order.permutation(9)
            for batch in (chosen[:4], chosen[4:8]):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            outputs = model(torch.from_numpy(splits[i]["test"].images)).double()
        loss = torch.nn.functional.cross_entropy(
            outputs, torch.from_numpy(splits[i]["test"].labels)
        )
        # eight steps in float32, whose sums are in another order
        assert found[i]["test_loss"][-1] == pytest.approx(float(loss), rel=1e-4)
        weight = model[1].weight.detach().double().numpy()
        s = np.linalg.svd(weight, compute_uv=False)
        np.testing.assert_allclose(found[i]["layer_values"][-1, -1, :3], s, rtol=1e-4)
    assert torch.get_num_threads() == threads


def test_forms_of_a_network():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    forms = convolutional.EXPERIMENT.settings("full")["networks"]
    state = torch.random.get_rng_state()
    built = {name: build((1, 8, 8), 3, SETTINGS, form, 0) for name, form in forms.items()}
    assert torch.equal(torch.random.get_rng_state(), state)
    plain = dict(built["plain"].named_parameters())
    assert [each.shape[0] for each in plain.values() if each.ndim > 1] == [2, 3, 4, 6, 3]
    layers = {name: weighted(model) for name, model in built.items()}
    kinds = {name: [hasattr(e, "parametrizations") for e in each] for name, each in layers.items()}
    assert kinds["plain"] == kinds["low-rank-start"] == [False] * 5
    for factor in (2, 4, 8):
        assert kinds[f"{factor}x-fc"] == [False] * 3 + [True] * 2
        assert kinds[f"{factor}x-conv"] == [True] * 3 + [False] * 2
    for count in (1, 2, 3):
        assert kinds[f"2x-first-{count}"] == [True] * count + [False] * (5 - count)
    products = ("2x", "4x", "8x", "4x-residual", "8x-residual", "2x-kernels", "4x-narrow")
    for name in (*products, "2x-l1", "2x-l2"):
        assert kinds[name] == [True] * 5, name
    for penalty in PENALTIES:
        assert kinds[penalty] == [False] * 5
    assert (kinds.pop("deeper"), kinds.pop("2x-deeper")) == ([False] * 9, [True] * 9)
    for name in ("deeper", "2x-deeper"):
        # those that are added stand after the three convolutions of all networks
        del layers[name][3:7]
    # every network has the plain one's shapes of weights; the start of "4x" is that of its control
    weights = {name: [e.weight.detach() for e in each] for name, each in layers.items()}
    for name, found in weights.items():
        assert [each.shape for each in found] == [each.shape for each in weights["plain"]], name
    for one, other in zip(weights["4x"], weights["low-rank-start"], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert np.linalg.matrix_rank(weights["4x-narrow"][1].flatten(1).numpy()) == 2
    assert np.linalg.matrix_rank(weights["4x"][1].flatten(1).numpy()) == 3


def weighted(model):
    from torch.nn import Conv2d, Linear

    return [each for each in model.modules() if isinstance(each, Conv2d | Linear)]


def sizes(weight):
    """The regularisers of a weight, by NumPy."""
    matrix = weight.reshape(len(weight), -1)
    s = np.linalg.svd(matrix, compute_uv=False)
    return {
        "l2": np.sqrt(np.sum(matrix**2)),
        "l1": np.sum(np.abs(matrix)),
        "nuclear": s.sum(),
        "effective-rank": effective_rank(s),
        "stable-rank": np.sum(s**2) / s[0] ** 2,
        "frobenius-squared": np.sum(matrix**2),
    }


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_regularisers_are_those_of_the_end_to_end_weights(penalty, depth):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = build((1, 8, 8), 3, SETTINGS, {"depth": depth}, 0).double()
    layers = weighted(model)
    assert len(layers) == 5
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 1, 8, 8)))
    outputs, found = penalised(model, layers, penalty)(x)
    assert torch.equal(outputs, model(x))
    expected = sum(sizes(each.weight.detach().numpy())[penalty] for each in layers)
    # five sums of at most 144 entries, or of singular values that are off by rounding
    assert found.item() == pytest.approx(float(expected), rel=1e-12)
    _, none = penalised(model, layers, None)(x)
    assert none.item() == 0


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_network_that_diverged_does_not_end_its_stack(penalty):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    stream = np.random.default_rng(0)
    settings = SETTINGS | {"epochs": 2}
    splits = [
        {name: split(stream, 9) for name in ("training", "validation", "test")} for _ in range(2)
    ]
    models = [build((1, 8, 8), 3, settings, {}, seed) for seed in (5, 6)]
    options = {"penalty": penalty, "strengths": [0.01, 0.01]}
    found = train_stack(models, splits, [0.01, 1e30], [7, 8], settings, [0, 2], **options)
    assert np.isfinite(found[0]["loss"]).all()
    assert np.isnan(found[1]["loss"][-1])


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_strong_regulariser_lowers_what_it_is_named_after(penalty):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    stream = np.random.default_rng(1)
    settings = SETTINGS | {"epochs": 10}
    splits = [{name: split(stream, 12) for name in ("training", "validation", "test")}] * 2
    models = [build((1, 8, 8), 3, settings, {}, 5) for _ in range(2)]
    strong = {"l1": 0.01, "frobenius-squared": 0.01, "effective-rank": 1.0}.get(penalty, 0.1)
    options = {"penalty": penalty, "strengths": [0.0, strong]}
    train_stack(models, splits, [0.03, 0.03], [7, 7], settings, [10], **options)
    # the networks have the weights of the last epoch
    without, with_it = (
        sum(sizes(each.weight.detach().double().numpy())[penalty] for each in weighted(model))
        for model in models
    )
    assert with_it < 0.98 * without


def test_all_networks_start_with_signals_of_one_size():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    forms = convolutional.EXPERIMENT.settings("full")["networks"]
    settings = {"channels": [16, 32], "hidden": 32}
    for name, form in forms.items():
        second = build((1, 8, 8), 3, settings, form, 0)[0][3].weight.detach().double().numpy()
        gain = second[0].size * (second**2).mean()
        # Kaiming's gain is 2 and PyTorch's 1/3, a sixth of it.  The mean square of one row of eight
        # factors of width 32 has the relative standard deviation sqrt(2 * 8 / 32) = 0.7, and that
        # of all rows, here, a smaller one
        assert 2 / 2.4 < gain < 2 * 2.4, name


@pytest.mark.slow
def test_a_tiny_run(tiny_runs):
    dataset = tiny_runs("convolutional")
    assert dataset.epoch.values.tolist() == [0, 1, 2, 3]
    assert not dataset.diverged.any()
    strength = dict(zip(dataset.network.values, dataset.strength.values, strict=True))
    assert strength.pop("l1") in (0.001, 0.01)
    assert set(strength.values()) == {0}
    assert bool((dataset.best_test_accuracy >= dataset.final_test_accuracy).all())
    assert bool((dataset.best_test_accuracy >= dataset.stopped_test_accuracy).all())
    bound = np.log([min(2, 9), 3, 4, 5, 5, 6])
    assert bool((dataset.layer_rank <= xarray.DataArray(bound + 1e-12, dims="layer")).all())
