"""`inspect`: rows, null models of layers, checkpoints, tables."""

import math
import re
import sys

import numpy as np
import pytest
from scipy import stats

from rmt_rank import effective_rank, inspect
from rmt_rank.inspection.listed import listed
from rmt_rank.inspection.result import COLUMNS, Inspection
from rmt_rank.inspection.tensor import Skipped


def layers(seed=0):
    rng = np.random.default_rng(seed)
    low = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 60)) + 0.1 * rng.normal(size=(40, 60))
    return {
        "random.weight": rng.normal(size=(48, 64)),
        "low.weight": low,
        "bias": rng.normal(size=40),
    }


def test_rows_compare_every_matrix_with_every_null_model():
    found = inspect(layers())
    rows = found.rows()
    assert [(row["name"], row["null"]) for row in rows] == [
        ("random.weight", "gaussian"),
        ("random.weight", "shuffle"),
        ("low.weight", "gaussian"),
        ("low.weight", "shuffle"),
    ]
    for row in rows:
        matrix = layers()[row["name"]]
        assert row["shape"] == matrix.shape
        assert row["effective_rank"] == pytest.approx(float(effective_rank(matrix)), rel=1e-12)
        assert row["deficit"] == row["expected"] - row["effective_rank"]
        assert row["low"] < row["deficit"] < row["high"]
    # the planted rank is found, noise is not
    assert rows[2]["q"] < 1e-6
    assert rows[0]["q"] > 1e-4
    assert [each.name for each in found.skipped] == ["bias"]


@pytest.mark.parametrize("smallest", [1e-1, 1e-4, 1e-5, 1e-9, 0])
def test_singular_values_near_a_singular_matrix(smallest):
    rng = np.random.default_rng(8)
    left, right = (np.linalg.qr(rng.normal(size=(side, 12)))[0] for side in (12, 30))
    values = np.r_[np.linspace(1, 0.2, 11), smallest]
    found = inspect((left * values) @ right.T, nulls=["gaussian"]).matrices[0]
    # the error of a square is some 12 units of rounding, and its root is at least 1e-5
    sigma = found.singular_values / found.singular_values[0]
    assert sigma == pytest.approx(values, abs=12 * 2.2e-16 / 1e-5)
    assert found.effective_rank == pytest.approx(float(effective_rank(np.diag(values))), abs=1e-9)


def test_q_values_are_those_of_scipy_for_each_null_model():
    rows = inspect(layers() | {"b": np.random.default_rng(1).normal(size=(40, 40))}).rows()
    for null in ("gaussian", "shuffle"):
        p = [row["p"] for row in rows if row["null"] == null]
        q = [row["q"] for row in rows if row["null"] == null]
        assert q == pytest.approx(list(stats.false_discovery_control(p)))


def test_same_numbers_for_every_scale_and_orientation():
    matrix = np.random.default_rng(2).normal(size=(40, 70))
    first = inspect(matrix).rows()
    for other in (matrix.T, matrix * 2.0**-900, matrix * 2.0**900):
        for a, b in zip(first, inspect(np.ascontiguousarray(other)).rows(), strict=True):
            assert a["deficit"] == pytest.approx(b["deficit"], abs=1e-12)


@pytest.mark.parametrize("scale", [2.0**-1060, 2.0**-600, 1.0, 2.0**1019])
def test_complex_matrices_at_every_scale(scale):
    rng = np.random.default_rng(2)
    # integers, so that 2^-1060 drops no digit
    matrix = rng.integers(-9, 10, (6, 9)) + 1j * rng.integers(-9, 10, (6, 9))
    nulls = ("gaussian", "shuffle", "norms")
    first = inspect({"a": matrix}, nulls=nulls, draws=8)
    other = inspect({"a": matrix * scale}, nulls=nulls, draws=8)
    assert not other.skipped
    for a, b in zip(first.rows(), other.rows(), strict=True):
        assert a == b


@pytest.mark.parametrize("scale", [2.0**-1000, 3.0, 2.0**1000])
@pytest.mark.parametrize("unit", [1.0, 1j])
def test_singular_values_are_those_of_the_matrix(scale, unit):
    matrix = np.random.default_rng(3).normal(size=(6, 4)) * unit
    found = inspect({"a": matrix * scale}, draws=8).matrices[0].singular_values
    expected = np.linalg.svd(matrix, compute_uv=False)
    # rounding of two decompositions, of some eps each
    assert found / scale == pytest.approx(expected, rel=1e-13)


def test_a_matrix_that_fails_costs_no_other(monkeypatch):
    def values(matrix):
        if matrix.shape == (3, 7):
            raise MemoryError("Unable to allocate 1 TiB")
        if matrix.shape == (3, 8):
            raise np.linalg.LinAlgError("SVD did not converge")
        return decompose(matrix)

    module = sys.modules[inspect.__module__]
    decompose = module._singular_values
    monkeypatch.setattr(module, "_singular_values", values)
    rng = np.random.default_rng(0)
    found = inspect({f"{n}": rng.normal(size=(3, n)) for n in (6, 7, 8, 9)}, draws=8)
    assert [each.name for each in found.matrices] == ["6", "9"]
    assert [each.name for each in found.errors] == ["7", "8"]
    assert "not enough memory" in found.errors[0].why
    assert "SVD did not converge" in found.errors[1].why


@pytest.mark.parametrize("value", [1.0, -1.0, 1 + 1j, 1e308])
def test_equal_entries_have_no_deficit_against_their_own_order(value):
    shuffled = inspect({"a": np.full((10, 24), value)}, nulls=["shuffle"]).rows()[0]
    # entropies of rank 1, p log p with p of some eps
    assert abs(shuffled["deficit"]) < 1e-12
    assert shuffled["p"] == 1


def test_results_do_not_depend_on_what_is_selected_before():
    everything = inspect(layers(), nulls=["norms"], rng=3).rows()
    assert inspect(layers(), nulls=["norms"], rng=3).rows() == everything


def test_checkpoints_and_changes():
    start = layers(4)
    end = {name: w + (0.5 if name == "random.weight" else 0) * w[:1] for name, w in start.items()}
    found = inspect([start, end])
    names = [(each.name, each.step) for each in found.matrices]
    assert names == [
        ("random.weight", 0),
        ("low.weight", 0),
        ("random.weight", 1),
        ("random.weight (change)", 1),
        ("low.weight", 1),
    ]
    change = found.matrices[3]
    # the same row everywhere: rank one
    assert change.effective_rank == pytest.approx(0, abs=1e-9)
    assert change.kind == "change"


def network(seed=7):
    rng = np.random.default_rng(seed)
    weights = {
        "block.fc1.weight": rng.normal(size=(48, 32)),
        "block.fc2.weight": rng.normal(size=(32, 48)),
    }
    for name in ("q", "k", "v"):
        weights[f"attn.{name}_proj.weight"] = rng.normal(size=(16 if name == "k" else 32, 32))
    weights["attn.v_proj.weight"] = rng.normal(size=(16, 32))
    weights["attn.o_proj.weight"] = rng.normal(size=(32, 32))
    return weights


def test_aligned_heads_are_found_among_products():
    weights = network()
    # the query of head 1 is aligned with its key, which heads 0 and 1 share
    weights["attn.q_proj.weight"][8:16] = weights["attn.k_proj.weight"][:8]
    found = inspect(weights, products=True, heads=4, kv_heads=2)
    products = {each.name: each for each in found.matrices if each.kind == "product"}
    assert len(products) == 1 + 2 * 4
    assert found.nulls == ("gaussian", "shuffle", "haar")
    layers_product = products["block.fc2.weight @ block.fc1.weight"]
    full = weights["block.fc2.weight"] @ weights["block.fc1.weight"]
    assert layers_product.effective_rank == pytest.approx(float(effective_rank(full)), abs=1e-9)
    rows = {(row["name"], row["null"]): row for row in found.rows()}
    p = {
        head: rows[next(n for n in products if f"head {head} query-key" in n), "haar"]["p"]
        for head in range(4)
    }
    assert p[1] < 1e-4
    assert min(p[0], p[2], p[3]) > 1e-4


def test_listed_products():
    names = ["block.fc2.weight", "block.fc1.weight"]
    found = inspect(network(), products=[names, ["block.fc1.weight", "nothing"]])
    assert [each.name for each in found.matrices if each.kind == "product"] == [" @ ".join(names)]
    assert "got 'nothing'" in found.errors[0].why


def test_initial_weights_are_the_null_model_checkpoint():
    start = layers(5)
    found = inspect(layers(6), nulls=["gaussian"], initial=start)
    assert found.nulls == ("gaussian", "checkpoint")
    row = found.rows()[1]
    assert row["expected"] == pytest.approx(float(effective_rank(start["random.weight"])))


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (np.zeros((4, 5)), "all of its entries are 0"),
        (np.full((4, 5), np.nan), "nan or inf"),
        (np.ones((1, 5)), "its rank is 1"),
    ],
    ids=["zero", "nan", "one row"],
)
def test_skipped(matrix, why):
    found = inspect({"a": matrix, "b": np.random.default_rng(0).normal(size=(20, 30))})
    assert len(found.matrices) == 1
    assert why in found.skipped[0].why


def test_tables_have_the_rows_and_the_nulls():
    pytest.importorskip("pandas")
    pytest.importorskip("xarray")
    found = inspect(layers())
    frame = found.to_pandas()
    assert tuple(frame.columns[: len(COLUMNS)]) == COLUMNS
    assert len(frame) == 4
    dataset = found.to_xarray()
    assert float(dataset.deficit.sel(name="low.weight", null="shuffle")[0]) == frame.deficit[3]


@pytest.mark.parametrize(
    ("method", "module", "words"),
    [
        ("to_pandas", "pandas", "pip install pandas (or the extra 'pandas')"),
        ("to_xarray", "xarray", "pip install xarray (or the extra 'study')"),
        ("plot", "matplotlib.pyplot", "pip install matplotlib"),
    ],
)
def test_tables_without_their_packages(method, module, words, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"^{re.escape(f'{method} needs the package')}") as error:
        getattr(Inspection((), (), ("gaussian",)), method)()
    assert str(error.value).endswith(words)


def test_rank_pattern_counts_planted_directions():
    pattern = inspect(layers()).rank_pattern()
    assert set(pattern) == {"random", "low"}
    assert pattern["random"] == 1
    # the number of planted directions, all of them beyond the bulk
    assert pattern["low"] == 5
    # without places, the dimensions that are lacking
    assert inspect(layers(), locate=False).rank_pattern()["low"] > 5


def test_plot_labels_the_matrices_in_order():
    plt = pytest.importorskip("matplotlib.pyplot")
    found = inspect(layers())
    ax = found.plot(null="shuffle")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["random.weight", "low.weight"]
    with pytest.raises(ValueError, match="got 'gausian'; did you mean 'gaussian'"):
        found.plot(null="gausian")
    plt.close(ax.figure)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"nulls": "gaussian"}, TypeError, "nulls must be a sequence of names"),
        ({"nulls": ["gausian"]}, ValueError, "did you mean 'gaussian'"),
        ({"nulls": ["checkpoint"]}, ValueError, "needs initial="),
        ({"nulls": []}, ValueError, "nulls must name a null model"),
        ({"draws": 7}, ValueError, "draws"),
        ({"products": "all"}, TypeError, "products must be a sequence of lists of names"),
        ({"products": np.array(3)}, TypeError, "products must be a sequence of lists of names"),
        ({"products": {}}, TypeError, "products must be a sequence of lists of names"),
        ({"products": [["a", 3]]}, TypeError, "products must be a string"),
        ({"products": [["a"]]}, TypeError, "at least two names"),
        ({"heads": 0}, ValueError, "heads"),
        ({"heads": 4, "kv_heads": 3}, ValueError, "kv_heads must divide heads"),
        ({"kv_heads": 4}, ValueError, "kv_heads needs heads="),
        ({"select": "a"}, TypeError, "select must be callable"),
        ({"progress": True}, TypeError, "progress must be callable"),
        ({"groups": "abc"}, TypeError, "groups must be a mapping"),
        ({"groups": {"w": "abc"}}, TypeError, "groups must be an integer"),
        ({"groups": {"w": 0}}, ValueError, "groups must be an integer >= 1"),
        ({"nulls": range(10**12)}, ValueError, "nulls must be smaller"),
        ({"nulls": [b"gaussian"]}, TypeError, "nulls must be a string"),
        ({"initial": 3.0}, ValueError, "initial must have at least 1 axis"),
        ({"initial": "\ud800"}, ValueError, "initial must be a path"),
        ({"rng": "a"}, TypeError, "rng"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        inspect(layers(), **arguments)


@pytest.mark.parametrize("source", [3.0, True, 2j, np.float64(1), [0] * 10**6], ids=type)
def test_numbers_are_not_models(source):
    with pytest.raises(ValueError, match="source must have at least 1 axis"):
        inspect(source)


def test_an_empty_list():
    with pytest.raises(ValueError, match="must not be an empty list"):
        inspect([])


def test_text():
    text = repr(inspect(layers()))
    assert text.splitlines()[0].startswith("Inspection: 2 matrices, 1 skipped")
    assert "low.weight 40 x 60" in text.splitlines()[1]
    assert text.splitlines()[-1] == "  skipped bias: it has 1 dimension, not a matrix"
    html = inspect(layers())._repr_html_()
    assert "<table>" in html
    assert html.endswith("<p>skipped bias: it has 1 dimension, not a matrix</p>")


def test_text_says_why_there_is_no_matrix():
    found = inspect({"zero": np.zeros((3, 4)), "<nan>": np.full((3, 4), np.nan)})
    assert repr(found).splitlines() == [
        "Inspection: 0 matrices, 2 skipped",
        "  skipped zero: all of its entries are 0",
        "  skipped <nan>: it holds nan or infinity",
    ]
    html = found._repr_html_()
    assert html.endswith("<p>skipped &lt;nan&gt;: it holds nan or infinity</p>")
    assert "<table>" not in html


def test_text_lists_few_reasons_and_errors_first():
    whys = ["it is a", "it is b", "it is c", "it is c", "it is d"]
    skipped = [Skipped(f"n{i}", why, error=i == 4) for i, why in enumerate(whys)]
    assert repr(Inspection((), tuple(skipped), ("gaussian",))).splitlines()[1:] == [
        "  skipped n4: it is d",
        "  skipped n0: it is a",
        "  skipped n1: it is b",
        "  and 1 more: see .skipped",
    ]


def test_reasons_of_several_names():
    assert listed(
        "x", [("a", "its 7 channels do not split"), ("b", "its 9 channels do not split")]
    ) == ["x a, b: for the first, its 7 channels do not split; the others are alike"]
    assert listed("x", [("a", ""), ("b", "all of its entries are 0")] * 2) == [
        "x b, b: for each, all of its entries are 0"
    ]
    assert listed("x", [(name, "why") for name in "abc"]) == ["x a, b, c: why"]
    assert listed("x", [(name, "why") for name in "abcd"]) == ["x a, b, c and 1 more: why"]


def test_nan_is_a_number_that_is_not_known():
    found = inspect(layers(), nulls=["init"])
    assert all(math.isnan(row["deficit"]) and math.isnan(row["q"]) for row in found.rows())
    lines = repr(found).splitlines()
    assert lines[1] == "  -  random.weight 48 x 64"
    assert lines[3].startswith("  not compared with init: random.weight, low.weight: the source, ")
    html = found._repr_html_()
    assert "<p>not compared with init: random" in html
    assert "nan" not in repr(found) + html


def test_parts_of_parametrised_weights_have_a_note():
    random = layers()["random.weight"]
    names = [f"0.parametrizations.weight.original{end}" for end in ("", "0", "1")]
    found = inspect(dict.fromkeys(names, random) | {"original.weight": random}, locate=False)
    notes = {row["name"]: row["note"] for row in found.rows()}
    assert all("a part of a parametrised weight" in notes[name] for name in names)
    assert notes["original.weight"] == ""
    last = repr(found).splitlines()[-1]
    assert last.startswith(f"  note on {', '.join(names)}: each is a part of a parametrised weight")
    assert "measured if the module is inspected" in last


def test_probabilities_of_draws_have_the_floor_that_the_page_states():
    low = np.eye(8)[:, :1] * np.ones(8) + 1e-3 * np.eye(8)
    gaussian, shuffle = inspect({"a": low}, locate=False).rows()
    assert gaussian["p"] == 2 / 4097
    assert shuffle["p"] < 2 / 4097
