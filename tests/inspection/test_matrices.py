"""Matrices of tensors in memory: layouts, gates, groups, names, and reasons for skipped ones."""

import numpy as np
import pytest

from rmt_rank.inspection.tensor import Layer, Tensor
from rmt_rank.inspection.tensors import tensors

rng = np.random.default_rng(0)


def array(*shape, dtype=np.float32):
    return rng.normal(size=shape).astype(dtype)


def test_dense_layers_keep_their_orientation(read):
    w = array(5, 3)
    found = read({"fc.weight": w, "fc.bias": array(5)})
    np.testing.assert_array_equal(found["fc.weight"], w)
    assert found.found["fc.weight"].kind == "dense"
    assert found.why("fc.bias") == "it has 1 dimension, not a matrix"
    assert found.names == ["fc.weight", "fc.bias"]


def test_convolutions_have_channels_and_places_as_columns(read):
    w = array(6, 4, 3, 2)
    found = read({"conv.weight": w})
    expected = np.array(
        [[w[o, i, y, x] for i in range(4) for y in range(3) for x in range(2)] for o in range(6)]
    )
    np.testing.assert_array_equal(found["conv.weight"], expected)
    assert "1 was assumed" in found.found["conv.weight"].note


def test_groups_that_are_given_split_a_convolution(read):
    w = array(6, 4, 3)
    found = read({"conv.weight": w}, groups={"conv.weight": 2})
    for g in range(2):
        each = found.found[f"conv.weight[group {g}]"]
        assert (each.kind, each.note) == ("grouped conv", "")
        np.testing.assert_array_equal(each.matrix, w[3 * g : 3 * g + 3].reshape(3, 12))
    wrong = read({"conv.weight": w}, groups={"conv.weight": 4})
    assert wrong.why("conv.weight") == "its 6 channels do not split into 4 groups"


def test_depthwise_convolutions_are_skipped_with_the_assumption(read):
    found = read({"a.weight": array(8, 3, 3, 3), "b.weight": array(8, 1, 3, 3)})
    assert "taken for a depthwise convolution" in found.why("b.weight")
    # the first layer of a network for grey images: nothing before it has 8 outputs
    found = read({"b.weight": array(8, 1, 3, 3), "a.weight": array(8, 8, 3, 3)})
    assert found["b.weight"].shape == (8, 9)
    found = read(
        {"a.weight": array(8, 3, 3, 3), "b.weight": array(8, 1, 3, 3)}, groups={"b.weight": 1}
    )
    assert found["b.weight"].shape == (8, 9)


def layered(name, values, **layer):
    return Tensor(name, values.shape, str(values.dtype), lambda: values, Layer(**layer))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("out_last", [False, True])
@pytest.mark.parametrize("kind", ["conv", "transposed conv"])
def test_every_layout_of_a_convolution_gives_the_same_matrices(kind, out_last, groups):
    if kind == "transposed conv" and out_last and groups > 1:
        pytest.skip("Keras has no groups of transposed convolutions")
    from rmt_rank.inspection.matrices import matrices

    outputs, inputs, places = 4, 6, (3, 2)
    kernels = [array(outputs // groups, inputs // groups, *places) for _ in range(groups)]
    if kind == "conv":
        values = np.concatenate(kernels)
        if out_last:
            values = values.transpose(2, 3, 1, 0)
    else:
        values = np.concatenate([kernel.swapaxes(0, 1) for kernel in kernels])
        if out_last:
            values = values.transpose(2, 3, 1, 0)
    tensor = layered("w", values, kind=kind, groups=groups, out_last=out_last)
    for each, kernel in zip(matrices([tensor]), kernels, strict=True):
        np.testing.assert_array_equal(each.matrix, kernel.reshape(outputs // groups, -1))


def test_gates_of_pytorch_are_split_in_its_order(read):
    weights = {
        "lstm.weight_ih_l0": array(12, 5),
        "lstm.weight_hh_l0": array(12, 3),
        "gru.weight_ih_l0_reverse": array(9, 5),
        "gru.weight_hh_l0_reverse": array(9, 3),
        "rnn.weight_hh_l0": array(3, 3),
        "x.weight_ih_l0": array(7, 5),
    }
    found = read(weights)
    for name, gates, kind in (
        ("lstm.weight_ih_l0", ("input", "forget", "cell", "output"), "lstm gate"),
        ("lstm.weight_hh_l0", ("input", "forget", "cell", "output"), "lstm gate"),
        ("gru.weight_ih_l0_reverse", ("reset", "update", "new"), "gru gate"),
    ):
        for i, gate in enumerate(gates):
            np.testing.assert_array_equal(
                found[f"{name}[{gate}]"], weights[name][3 * i : 3 * i + 3]
            )
            assert found.found[f"{name}[{gate}]"].kind == kind
            assert found.found[f"{name}[{gate}]"].tensor == name
    assert found.found["rnn.weight_hh_l0"].kind == "rnn"
    assert "not split" in found.found["x.weight_ih_l0"].note


def test_an_lstm_with_a_projection_is_split_by_its_hidden_size(read):
    found = read(
        {
            "weight_ih_l0": array(24, 5),
            "weight_hh_l0": array(24, 2),
            "weight_hr_l0": array(2, 6),
        }
    )
    assert found["weight_hh_l0[output]"].shape == (6, 2)
    assert found.found["weight_hr_l0"].kind == "dense"


@pytest.mark.parametrize(
    "name",
    ["attn.in_proj_weight", "blocks.0.attn.qkv.weight", "Wqkv.weight", "blk.0.attn_qkv.weight"],
)
def test_fused_projections_are_split(read, name):
    w = array(12, 4)
    found = read({name: w})
    for i, part in enumerate(("query", "key", "value")):
        np.testing.assert_array_equal(found[f"{name}[{part}]"], w[4 * i : 4 * i + 4])
        assert found.found[f"{name}[{part}]"].kind == part


def test_grouped_query_attention_is_split_with_a_note(read):
    w = array(12, 8)  # 8 queries, 2 keys, 2 values
    found = read({"self_attn.qkv_proj.weight": w})
    np.testing.assert_array_equal(found["self_attn.qkv_proj.weight[key]"], w[8:10])
    assert "assumed" in found.found["self_attn.qkv_proj.weight[value]"].note


def test_a_fused_projection_of_unknown_order_stays_whole(read):
    found = read({"attention.query_key_value.weight": array(12, 4)}).found
    assert "not split" in found["attention.query_key_value.weight"].note


@pytest.mark.parametrize("turned", [True, False])
def test_conv1d_of_gpt2_is_recognised_by_its_shapes(read, turned):
    # the same names are in use for weights with inputs first and with outputs first
    weights = {
        "h.0.attn.c_attn.weight": array(12, 4),
        "h.0.attn.c_proj.weight": array(4, 4),
        "h.0.mlp.c_fc.weight": array(16, 4),
        "h.0.mlp.c_proj.weight": array(4, 16),
    }
    found = read({name: w.T if turned else w for name, w in weights.items()})
    for i, part in enumerate(("query", "key", "value")):
        np.testing.assert_array_equal(
            found[f"h.0.attn.c_attn.weight[{part}]"],
            weights["h.0.attn.c_attn.weight"][4 * i : 4 * i + 4],
        )
    for name in list(weights)[1:]:
        np.testing.assert_array_equal(found[name], weights[name])
    assert found.found["h.0.attn.c_proj.weight"].kind == "attention output"
    assert found.found["h.0.mlp.c_proj.weight"].kind == "dense"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.layers.0.self_attn.q_proj.weight", "query"),
        ("encoder.layer.0.attention.self.key.weight", "key"),
        ("block.0.layer.0.SelfAttention.v.weight", "value"),
        ("block.0.layer.0.SelfAttention.o.weight", "attention output"),
        ("blk.3.attn_output.weight", "attention output"),
        ("blocks.0.attn.proj.weight", "attention output"),
        ("bert.encoder.layer.0.attention.output.dense.weight", "attention output"),
        ("bert.encoder.layer.0.output.dense.weight", "dense"),
        ("block.0.layer.1.DenseReluDense.wo.weight", "dense"),
        ("v.weight", "dense"),
    ],
)
def test_projections_of_attention_are_named(read, name, kind):
    assert read({name: array(4, 4)}).found[name].kind == kind


@pytest.mark.parametrize(
    "name",
    [
        "embedding.weight",
        "enc_emb",
        "transformer.wte.weight",
        "model.embed_tokens.weight",
        "token_embd.weight",
        "bert.embeddings.word_embeddings.weight",
    ],
)
def test_embeddings_are_read_on_request(read, name):
    w = array(9, 4)
    assert "if embeddings are asked for" in read({name: w}).why(name)
    found = read({name: w}, embeddings=True).found[name]
    assert found.kind == "embedding"
    np.testing.assert_array_equal(found.matrix, w)


def test_names_that_contain_embedding_only_are_layers(read):
    found = read(
        {
            "patch_embed.proj.weight": array(4, 3, 2, 2),
            "time_embedding.linear_1.weight": array(4, 3),
        }
    )
    assert len(found.found) == 2


def test_experts_are_read_one_by_one(read):
    w = array(3, 4, 5)
    found = read({"blk.0.ffn_gate_exps.weight": w})
    for i in range(3):
        np.testing.assert_array_equal(found[f"blk.0.ffn_gate_exps.weight[{i}]"], w[i])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (
            np.arange(6).reshape(2, 3),
            "its type is int64, and no scale is stored: an index, or a buffer",
        ),
        (np.int64(3), "its type is int64, and no scale is stored: an index, or a buffer"),
        (np.ones(()), "it has 0 dimensions, not a matrix"),
        (np.ones((0, 3)), "it is empty"),
        (np.ones((1, 3)), "it has one row, so that its rank is 1"),
        (np.ones((3, 1)), "it has one column, so that its rank is 1"),
        (np.ones((2,) * 6), "it has 6 dimensions, more than a convolution"),
        (np.array([[1.0, np.nan], [1, 2]]), "it holds nan or infinity"),
        ("text", "it is not an array but a str"),
        (3.5, "it is not an array but a float"),
        (None, "it is not an array but a NoneType"),
    ],
    ids=str,
)
def test_nothing_is_dropped_without_a_reason(read, value, why):
    found = read({"x": value, "good": array(3, 3)})
    assert found.why("x") == why
    assert list(found.found) == ["good"]
    assert not found.errors


@pytest.mark.parametrize(
    ("suffix", "scale", "expected"),
    [
        ("_scale", np.float32(0.5), lambda q: q * 0.5),
        ("_scale", np.arange(1, 5, dtype=np.float32), lambda q: q * np.arange(1, 5)[:, None]),
        ("_scale", np.arange(1.0, 5)[:, None], lambda q: q * np.arange(1, 5)[:, None]),
        (
            "_scale_inv",
            np.array([[1.0, 2], [3, 4]]),
            lambda q: q * np.repeat(np.repeat([[1, 2], [3, 4]], 2, 0), 4, 1)[:, :6],
        ),
    ],
    ids=["one", "per row", "column", "blocks"],
)
def test_integers_are_multiplied_by_their_scale(read, suffix, scale, expected):
    q = rng.integers(-127, 128, (4, 6)).astype(np.int8)
    found = read({"fc.weight": q, f"fc.weight{suffix}": scale})
    assert found.found["fc.weight"].stored == "int8, dequantised"
    np.testing.assert_allclose(found["fc.weight"], expected(q.astype(float)), rtol=1e-6)
    assert found.why(f"fc.weight{suffix}") == "it is the scale of fc.weight"


def test_the_row_maxima_of_8_bit_weights_are_divided_by_127(read):
    q = rng.integers(-127, 128, (4, 6)).astype(np.int8)
    largest = np.arange(1, 5, dtype=np.float32)
    found = read({"fc.weight": q, "fc.SCB": largest})
    # two roundings in single precision
    np.testing.assert_allclose(found["fc.weight"], q * largest[:, None] / 127, rtol=2**-22)


def test_a_scale_of_another_shape_is_an_error_of_its_weight_only(read):
    found = read(
        {"fc.weight": np.ones((4, 6), np.int8), "fc.weight_scale": np.ones(5), "good": array(2, 2)}
    )
    assert found.errors == {"fc.weight": "its scale has the shape (5,), which does not fit"}
    assert "good" in found.found


def test_nested_mappings_have_dotted_names(read):
    inner = {"kernel": array(4, 3)}
    recursive = {"a": inner, "b": {"c": {"weight": array(2, 2)}}}
    recursive["again"] = recursive
    found = read(recursive)
    assert found["a.kernel"].shape == (3, 4)  # the name of Flax and Keras: inputs first
    assert found["b.c.weight"].shape == (2, 2)
    assert found.why("again") == "it is a mapping that occurs twice"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "complex64"])
def test_types_become_single_or_double_precision(read, dtype):
    w = array(3, 4).astype(dtype)
    found = read({"w": w}).found["w"]
    np.testing.assert_array_equal(found.matrix, w)
    assert found.matrix.dtype == {"float16": "float32", ">f4": "float32"}.get(dtype, dtype)
    assert found.stored == {">f4": "float32"}.get(dtype, dtype)


def test_a_single_array_may_hold_integers(read):
    found = read(np.arange(6).reshape(2, 3)).found["array"]
    assert (found.matrix.dtype, found.stored) == (np.float64, "int64, converted")


def test_one_tensor_is_loaded_at_a_time():
    from rmt_rank.inspection.matrices import matrices

    loaded = []

    def lazy(i):
        return Tensor(f"w{i}", (2, 2), "float32", lambda: loaded.append(i) or array(2, 2))

    iterator = matrices(lazy(i) for i in range(3))
    assert next(iterator).name == "w0"
    assert loaded == [0]
    assert next(iterator).name == "w1"
    assert loaded == [0, 1]


def test_a_tensor_that_fails_does_not_affect_the_others():
    from rmt_rank.inspection.matrices import matrices

    def fails():
        raise RuntimeError("damaged\nfor good")

    bad = Tensor("bad", (2, 2), "float32", fails)
    good = Tensor("good", (2, 2), "float32", lambda: array(2, 2))
    other = Tensor("other", (2, 3), "float32", lambda: array(2, 2))
    first, second, third = matrices([bad, good, other])
    assert first.error
    assert first.why == "RuntimeError: damaged for good"
    assert second.name == "good"
    assert third.why == "it was read with the shape (2, 2), not (2, 3)"


def test_equal_names_are_made_unique(read):
    from rmt_rank.inspection.matrices import matrices

    tensor = Tensor("w", (2, 2), "float32", lambda: array(2, 2))
    assert [each.name for each in matrices([tensor, tensor])] == ["w", "w (2)"]


def test_wrong_sources_are_refused_at_once(tmp_path):
    with pytest.raises(FileNotFoundError):
        tensors(tmp_path / "missing.safetensors")
    with pytest.raises(TypeError, match="source must be an array of numbers, got None"):
        tensors(None)
    with pytest.raises(ValueError, match="source must not be empty"):
        tensors("")
