"""ONNX files: uses of tensors, subgraphs, quantised weights, and external data."""

import os

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
h = onnx.helper
FLOAT = onnx.TensorProto.FLOAT

rng = np.random.default_rng(0)


def array(*shape):
    return rng.normal(size=shape).astype(np.float32)


def named(name, values):
    return onnx.numpy_helper.from_array(values, name)


def graph(nodes, initializers=(), name="g"):
    value = h.make_tensor_value_info("x", FLOAT, None)
    return h.make_graph(
        nodes, name, [value], [h.make_tensor_value_info("y", FLOAT, None)], list(initializers)
    )


@pytest.fixture
def save(tmp_path):
    def save(nodes, initializers=(), **options):
        model = h.make_model(graph(nodes, initializers), **options)
        onnx.save(model, tmp_path / "x.onnx")
        return tmp_path / "x.onnx"

    return save


@pytest.mark.parametrize(
    ("node", "turned"),
    [
        (h.make_node("MatMul", ["x", "w"], ["y"]), True),
        (h.make_node("MatMul", ["w", "x"], ["y"]), False),
        (h.make_node("Gemm", ["x", "w"], ["y"]), True),
        (h.make_node("Gemm", ["x", "w"], ["y"], transB=1), False),
        (h.make_node("Gemm", ["w", "x"], ["y"], transA=1), True),
    ],
    ids=["right", "left", "Gemm", "Gemm transposed", "Gemm left"],
)
def test_the_node_states_the_orientation(read, save, node, turned):
    w = array(4, 3)
    found = read(save([node], [named("w", w)]))
    np.testing.assert_array_equal(found["w"], w.T if turned else w)


def test_a_transpose_in_between_is_followed(read, save):
    w = array(4, 3)
    nodes = [
        h.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        h.make_node("MatMul", ["x", "wt"], ["y"]),
    ]
    np.testing.assert_array_equal(read(save(nodes, [named("w", w)]))["w"], w)


def test_groups_of_convolutions_are_stated(read, save):
    w, d = array(4, 3, 2, 2), array(6, 1, 3, 3)
    nodes = [
        h.make_node("Conv", ["x", "w"], ["a"], group=2),
        h.make_node("Conv", ["a", "d"], ["y"], group=6),
    ]
    found = read(save(nodes, [named("w", w), named("d", d)]))
    np.testing.assert_array_equal(found["w[group 1]"], w[2:].reshape(2, 12))
    assert found.found["w[group 1]"].note == ""
    assert found.why("d").startswith("it is a depthwise convolution")


@pytest.mark.parametrize(
    ("kind", "gates"),
    [("LSTM", ("input", "output", "forget", "cell")), ("GRU", ("update", "reset", "new"))],
)
def test_gates_are_in_the_order_of_onnx(read, save, kind, gates):
    w, r = array(2, 3 * len(gates), 5), array(2, 3 * len(gates), 3)
    node = h.make_node(kind, ["x", "w", "r", "b"], ["y"], hidden_size=3, direction="bidirectional")
    found = read(save([node], [named("w", w), named("r", r), named("b", array(2, 24))]))
    for i, gate in enumerate(gates):
        rows = slice(3 * i, 3 * i + 3)
        np.testing.assert_array_equal(found[f"w[forward {gate}]"], w[0, rows])
        np.testing.assert_array_equal(found[f"r[backward {gate}]"], r[1, rows])
    assert found.found[f"w[forward {gates[0]}]"].kind == f"{kind.lower()} gate"
    assert found.why("b") == f"it is another input of {kind} than the weight"


def test_constants_inside_if_and_loop_are_read(read, save):
    w, v, u = array(4, 3), array(5, 3), array(6, 3)

    def constant(name, values):
        return h.make_node("Constant", [], [name], value=named(name, values))

    inner = graph([constant("u", u), h.make_node("Gemm", ["x", "u"], ["y"], transB=1)])
    yes = graph(
        [
            constant("v", v),
            h.make_node("Gemm", ["x", "v"], ["y"], transB=1),
            h.make_node("Loop", ["n", "c", "x"], ["z"], name="loop", body=inner),
        ]
    )
    no = graph([h.make_node("MatMul", ["x", "w"], ["y"])])  # uses a tensor of the outer graph
    node = h.make_node("If", ["c"], ["y"], name="if", then_branch=yes, else_branch=no)
    found = read(save([node], [named("w", w)]))
    np.testing.assert_array_equal(found["w"], w.T)
    np.testing.assert_array_equal(found["if/then_branch/v"], v)
    np.testing.assert_array_equal(found["if/then_branch/loop/body/u"], u)


@pytest.mark.parametrize("per_row", [False, True])
def test_integers_are_dequantised_by_their_node(read, save, per_row):
    q = rng.integers(-127, 128, (4, 3)).astype(np.int8)
    scale = array(4) if per_row else np.float32(0.25)
    zero = rng.integers(-9, 9, 4).astype(np.int8) if per_row else np.int8(3)
    nodes = [
        h.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0),
        h.make_node("Gemm", ["x", "w"], ["y"], transB=1),
    ]
    found = read(
        save(nodes, [named("q", q), named("s", np.asarray(scale)), named("z", np.asarray(zero))])
    )
    expected = [
        [
            (int(q[i, j]) - int(np.resize(zero, 4)[i])) * float(np.resize(scale, 4)[i])
            for j in range(3)
        ]
        for i in range(4)
    ]
    np.testing.assert_allclose(found["q"], expected, rtol=2**-23)
    assert found.found["q"].stored == "int8, dequantised"


@pytest.mark.parametrize("name", ["FLOAT16", "BFLOAT16", "DOUBLE", "FLOAT8E4M3FN"])
def test_types_are_widened(read, save, name):
    kind = getattr(onnx.TensorProto, name)
    tensor = h.make_tensor("w", kind, [2, 3], [1, 2, 3, 4, 5, 6])
    found = read(save([h.make_node("Gemm", ["x", "w"], ["y"], transB=1)], [tensor])).found["w"]
    np.testing.assert_array_equal(found.matrix, [[1, 2, 3], [4, 5, 6]])
    assert found.stored == {"DOUBLE": "float64"}.get(name, name.lower())


def test_other_uses_give_reasons(read, save):
    nodes = [h.make_node("Gather", ["table", "x"], ["a"]), h.make_node("Add", ["a", "p"], ["y"])]
    found = read(
        save(
            nodes,
            [
                named("table", array(5, 3)),
                named("p", array(4, 3)),
                named("i", np.arange(3)),
                named("j", np.arange(3)),
            ],
        )
    )
    assert "if embeddings are asked for" in found.why("table")
    assert found.why("p") == "its entries are used one by one (Add), not as a matrix"
    assert found.why("graph").startswith("2 of its constants are integers")


def external(location, length=48, offset=0):
    tensor = onnx.TensorProto(name="w", data_type=FLOAT, dims=[4, 3])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


NODE = h.make_node("Gemm", ["x", "w"], ["y"], transB=1)


def test_external_data_in_the_folder_are_read(read, save, tmp_path):
    w = array(4, 3)
    (tmp_path / "x.data").write_bytes(b"\0" * 8 + w.tobytes())
    np.testing.assert_array_equal(read(save([NODE], [external("x.data", offset=8)]))["w"], w)


def test_external_data_without_a_length_are_as_long_as_their_shape(read, save, tmp_path):
    w = array(4, 3)
    with (tmp_path / "x.data").open("wb") as file:
        file.write(w.tobytes())
        file.truncate(2**40)  # the hole takes no space; all of it would not fit into memory
    tensor = external("x.data")
    del tensor.external_data[2]
    np.testing.assert_array_equal(read(save([NODE], [tensor]))["w"], w)


def test_files_beyond_the_limit_of_the_format_are_not_read(read, tmp_path):
    with (tmp_path / "x.onnx").open("wb") as file:
        file.write(b"\x08\x07")
        file.truncate(2**40)
    assert "larger than 2 GiB" in read(tmp_path / "x.onnx").errors["x.onnx"]


def test_a_type_that_is_not_read_is_named(read, save):
    tensor = onnx.TensorProto(name="w", data_type=0, dims=[4, 3], raw_data=bytes(48))
    found = read(save([NODE], [tensor, named("v", array(3, 3))]))
    assert found.errors["w"] == "its type undefined is not read"
    assert "v" in found.found


@pytest.mark.parametrize(
    ("location", "length", "offset", "why"),
    [
        ("../outside.data", 48, 0, "is outside the folder"),
        ("a/../../outside.data", 48, 0, "is outside the folder"),
        ("/etc/passwd", 48, 0, "is not a name inside the folder"),
        ("C:\\x.data", 48, 0, "is not a name inside the folder"),
        ("link.data", 48, 0, "is outside the folder"),
        ("", 48, 0, "is not a name inside the folder"),
        ("pipe", 48, 0, "is a pipe"),
        ("missing.data", 48, 0, "is missing"),
        ("x.data", 48, 1, "it claims 48 bytes at 1, but 'x.data' has 48"),
        ("x.data", 2**60, 0, "but 'x.data' has 48"),
        ("x.data", 48, -1, "at -1"),
        ("x.data", 4, 0, "it claims 4 bytes of 'x.data', but its shape takes 48"),
    ],
)
def test_external_data_elsewhere_are_refused(read, save, tmp_path, location, length, offset, why):
    (tmp_path.parent / "outside.data").write_bytes(bytes(48))
    (tmp_path / "x.data").write_bytes(bytes(48))
    (tmp_path / "link.data").symlink_to(tmp_path.parent / "outside.data")
    os.mkfifo(tmp_path / "pipe")
    found = read(save([NODE, NODE], [external(location, length, offset), named("v", array(3, 3))]))
    assert why in found.errors["w"]
    assert "v" in found.found


def test_claims_beyond_the_file_do_not_affect_other_tensors(read, save):
    tensor = onnx.TensorProto(name="w", data_type=FLOAT, dims=[2**31, 2**31], raw_data=bytes(48))
    found = read(save([NODE], [tensor, named("v", array(3, 3))]))
    assert found.errors["w"] == "it claims 4611686018427387904 numbers, but the file has at most 12"
    assert "v" in found.found


def test_deep_subgraphs_are_read_or_one_error(read, save):
    body = graph([NODE], [named("w", array(4, 3))])
    for _ in range(30):  # protobuf refuses more than 33 levels
        body = graph([h.make_node("If", ["c"], ["y"], then_branch=body)])
    found = read(save(body.node))
    assert len(found.found) + len(found.errors) == 1
