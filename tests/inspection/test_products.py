"""Products of layers: singular values without the product, null models, names and heads."""

import itertools

import numpy as np
import pytest
from scipy import stats

from rmt_rank.inspection.chains import (
    Named,
    attention_products,
    layer_products,
    listed_product,
)
from rmt_rank.inspection.products import compare_product, product_singular_values

EPS = np.finfo(float).eps


def gaussian(rng, widths):
    return [rng.standard_normal(shape) for shape in itertools.pairwise(widths)]


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize(
    "widths", [(5, 3, 7), (9, 4, 4, 6), (3, 8, 2, 9), (2, 8, 9), (9, 8, 2), (4, 4, 4), (2, 9, 9, 2)]
)
def test_singular_values_of_the_formed_product(widths, is_complex):
    rng = np.random.default_rng(1)
    factors = gaussian(rng, widths)
    if is_complex:
        factors = [a + 1j * b for a, b in zip(factors, gaussian(rng, widths), strict=True)]
    formed = np.linalg.svd(np.linalg.multi_dot(factors), compute_uv=False)
    found = product_singular_values(factors)
    assert found.shape == (min(widths),)
    # rounding of each multiplication, relative to the norms of the factors
    norm = np.prod([np.linalg.norm(each, 2) for each in factors])
    np.testing.assert_allclose(found, formed[: min(widths)], rtol=0, atol=20 * EPS * norm)


def test_the_full_product_is_not_formed():
    # 300,000 x 300,000 values would need 720 GB
    tall = np.zeros((300_000, 2))
    tall[:2] = np.eye(2)
    np.testing.assert_allclose(product_singular_values([tall, 3 * tall.T]), [3, 3], rtol=1e-14)


def test_low_rank_factors_and_alignment_are_two_numbers():
    rng = np.random.default_rng(2)
    g = rng.standard_normal((3, 40, 40))
    low = compare_product([g[0][:, :20] @ g[1][:20], g[2]], nulls=["gaussian"], rng=1)
    aligned = compare_product([g[0], g[0].T], nulls=["gaussian"], rng=1)
    assert low.factors_deficit > 0.4
    assert abs(low.comparisons[-1].z) < 4
    assert aligned.alignment_deficit > 0.1
    assert abs(aligned.factors_deficit) < 0.03
    for found in (low, aligned):
        first = found.comparisons[0]
        parts = found.factors_deficit + found.alignment_deficit
        assert parts == pytest.approx(first.deficit, abs=1e-12)
        assert [each.null for each in found.comparisons] == ["gaussian", "haar"]


def test_p_values_of_random_factors_are_uniform():
    rng = np.random.default_rng(3)
    names = ["gaussian", "shuffle", "norms", "haar"]
    p = {name: [] for name in names}
    for _ in range(40):
        factors = gaussian(rng, (12, 8, 16))
        for each in compare_product(factors, nulls=names[:3], draws=30, rng=rng).comparisons:
            p[each.null].append(each.p)
    for name in names:
        # a false-alarm rate of 1e-4 each
        assert stats.kstest(p[name], "uniform").pvalue > 1e-4, name


def test_orthogonal_factors():
    found = compare_product([np.eye(6), np.eye(6)], nulls=["orthogonal", "xavier_uniform"], rng=1)
    assert found.comparisons[0].deficit == pytest.approx(0, abs=1e-12)
    assert found.comparisons[1].deficit < 0
    assert found.alignment_deficit == pytest.approx(0, abs=1e-7)


def test_complex_factors():
    rng = np.random.default_rng(4)
    a, b = (x + 1j * y for x, y in zip(*[gaussian(rng, (8, 8, 8))] * 2, strict=True))
    found = compare_product([a, b.conj()], draws=30, rng=1)
    assert [each.null for each in found.comparisons] == ["gaussian", "shuffle", "haar"]
    assert np.isfinite([each.p for each in found.comparisons]).all()


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([np.ones((3, 3))], "factors must have at least 2 entries"),
        ([np.ones((3, 3)), np.ones((4, 3))], "matching sides"),
        ([np.ones((3, 3)), np.full((3, 3), np.nan)], "finite"),
        ([np.ones((3, 3)), np.ones(3)], "matrices of floats"),
        ([np.ones((3, 3)), np.zeros((3, 3))], "not 0"),
    ],
)
def test_bad_factors(factors, message):
    with pytest.raises(ValueError, match=message):
        compare_product(factors)


# --- names ------------------------------------------------------------------------------------


def dense(*shapes):
    return [Named(name, "dense", shape) for name, shape in shapes]


def test_consecutive_layers():
    found = layer_products(
        dense(
            ("0.weight", (8, 4)), ("2.weight", (8, 8)), ("4.weight", (3, 8)), ("6.weight", (5, 5))
        )
    )
    assert [each.name for each in found] == ["2.weight @ 0.weight", "4.weight @ 2.weight"]


def test_blocks_of_transformers():
    names = dense(
        ("h.0.mlp.c_fc.weight", (32, 8)),
        ("h.0.mlp.c_proj.weight", (8, 32)),
        ("l.0.mlp.down_proj.weight", (8, 24)),
        ("l.0.mlp.gate_proj.weight", (24, 8)),
        ("l.0.mlp.up_proj.weight", (24, 8)),
        ("e.0.attention.output.dense.weight", (8, 8)),
        ("e.0.intermediate.dense.weight", (32, 8)),
        ("e.0.output.dense.weight", (8, 32)),
    )
    assert [each.name for each in layer_products(names)] == [
        "h.0.mlp.c_proj.weight @ h.0.mlp.c_fc.weight",
        "l.0.mlp.down_proj.weight @ l.0.mlp.gate_proj.weight",
        "l.0.mlp.down_proj.weight @ l.0.mlp.up_proj.weight",
        "e.0.output.dense.weight @ e.0.intermediate.dense.weight",
    ]


def test_grouped_queries():
    rng = np.random.default_rng(5)
    shapes = {"q_proj": (12, 8), "k_proj": (6, 8), "v_proj": (6, 8), "o_proj": (8, 12)}
    weights = {
        f"layers.0.self_attn.{name}.weight": rng.standard_normal(shape)
        for name, shape in shapes.items()
    }
    named = dense(*((name, weight.shape) for name, weight in weights.items()))
    found = {each.name: each for each in attention_products(named, 4, kv_heads=2)}
    assert len(found) == 8
    q, k, v, o = weights.values()
    for head in range(4):
        shared, own = slice(head // 2 * 3, head // 2 * 3 + 3), slice(head * 3, head * 3 + 3)
        for kind, expected in (
            ("value-output", o[:, own] @ v[shared]),
            ("query-key", q[own].T @ k[shared]),
        ):
            product = found[f"layers.0.self_attn head {head} {kind}"]
            a, b = (factor.of(weights[factor.name]) for factor in product.factors)
            np.testing.assert_array_equal(a @ b, expected)


@pytest.mark.parametrize(
    "names",
    [
        ["encoder.0.attention.self.query.weight", "encoder.0.attention.self.key.weight"],
        ["encoder.0.attention.self.value.weight", "encoder.0.attention.output.dense.weight"],
        ["t.attn.v_proj.weight", "t.attn.out_proj.weight"],
        ["b.attention.wq.weight", "b.attention.wk.weight"],
    ],
)
def test_names_of_attention(names):
    assert len(attention_products(dense(*((name, (8, 8)) for name in names)), 2)) == 2


def test_kinds_name_the_parts_of_a_fused_matrix():
    parts = [
        Named(f"h.0.attn.c_attn.weight[{kind}]", kind, (8, 8)) for kind in ("query", "key", "value")
    ]
    found = attention_products(
        [*parts, Named("h.0.attn.c_proj.weight", "attention output", (8, 8))], 2
    )
    assert [each.name for each in found[:2]] == [
        "h.0.attn head 0 value-output",
        "h.0.attn head 0 query-key",
    ]
    assert len(found) == 4


def test_lists_of_the_user():
    named = dense(("a", (3, 4)), ("b", (4, 5)))
    assert listed_product(["a", "b"], named).name == "a @ b"
    with pytest.raises(ValueError, match="matching sides, got b"):
        listed_product(["b", "a"], named)
    with pytest.raises(ValueError, match="'c'"):
        listed_product(["a", "c"], named)
    with pytest.raises(ValueError, match="kv_heads must divide heads"):
        attention_products(named, 4, kv_heads=3)


@pytest.mark.parametrize("scale", [2.0**-700, 2.0**700])
@pytest.mark.parametrize("unit", [1.0, 1j])
def test_products_at_every_scale(scale, unit):
    rng = np.random.default_rng(4)
    factors = [unit * rng.normal(size=(6, 6)) for _ in range(2)]
    options = {"nulls": ["gaussian", "shuffle", "norms"], "draws": 4, "rng": 0}
    first = compare_product(factors, **options)
    other = compare_product([factors[0] * scale, factors[1] / scale], **options)
    assert other.comparisons == first.comparisons
    np.testing.assert_array_equal(other.singular_values, first.singular_values)
    small = compare_product([each * 2.0**-400 for each in factors], **options)
    np.testing.assert_array_equal(small.singular_values, first.singular_values * 2.0**-800)
    far = compare_product([each * scale for each in factors], **options)
    assert far.comparisons == first.comparisons
    assert (far.singular_values == (np.inf if scale > 1 else 0)).all()
