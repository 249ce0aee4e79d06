"""Keras files, written with h5py in the layouts of Keras 2 and 3."""

import json
import zipfile

import numpy as np
import pytest

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

rng = np.random.default_rng(0)
LSTM = ("input", "forget", "cell", "output")


def array(*shape):
    return rng.normal(size=shape).astype(np.float32)


def layers(*pairs):
    return json.dumps(
        {
            "class_name": "Sequential",
            "config": {
                "name": "sequential",
                "layers": [
                    {"class_name": kind, "config": {"name": name, **config}}
                    for kind, name, config in pairs
                ],
            },
        }
    )


CONFIG = layers(
    ("Conv2D", "first", {"groups": 2}),
    ("LSTM", "memory", {}),
    ("Dense", "head", {}),
    ("DepthwiseConv2D", "own", {}),
    ("Embedding", "words", {}),
    ("Conv1DTranspose", "up", {}),
)
CONV, KERNEL, RECURRENT, DENSE = array(3, 2, 4, 6), array(5, 12), array(3, 12), array(4, 7)
UP = array(3, 5, 2)


def write(path, content, **attributes):
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
        file.attrs.update(attributes)


@pytest.fixture(params=["h5", "keras"])
def model(request, tmp_path):
    """A model as a .h5 file with names of layers, or as a .keras archive with classes."""
    weights = {
        ("first", "conv2d", "kernel", 0): CONV,
        ("first", "conv2d", "bias", 1): array(6),
        ("memory", "lstm/cell", "kernel", 0): KERNEL,
        ("memory", "lstm/cell", "recurrent_kernel", 1): RECURRENT,
        ("head", "dense", "kernel", 0): DENSE,
        ("own", "depthwise_conv2d", "depthwise_kernel", 0): array(3, 3, 4, 1),
        ("words", "embedding", "embeddings", 0): array(9, 4),
        ("up", "conv1d_transpose", "kernel", 0): UP,
    }
    if request.param == "h5":
        names = {key: f"model_weights/{key[0]}/{key[0]}/{key[2]}:0" for key in weights}
        path = tmp_path / "x.h5"
        write(path, {names[key]: values for key, values in weights.items()}, model_config=CONFIG)
    else:
        names = {key: f"layers/{key[1]}/vars/{key[3]}" for key in weights}
        inner = tmp_path / "model.weights.h5"
        write(inner, {names[key]: values for key, values in weights.items()})
        path = tmp_path / "x.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(inner, "model.weights.h5")
            archive.writestr("config.json", CONFIG)
    return path, {f"{key[0]}.{key[2]}": names[key] for key in weights}


def test_kernels_are_turned_to_outputs_first(read, model):
    path, names = model
    found = read(path)
    assert not found.errors
    np.testing.assert_array_equal(found[names["head.kernel"]], DENSE.T)
    for g in range(2):
        expected = [
            CONV[:, :, :, o].transpose(2, 0, 1).ravel() for o in (3 * g, 3 * g + 1, 3 * g + 2)
        ]
        np.testing.assert_array_equal(found[f"{names['first.kernel']}[group {g}]"], expected)
    for i, gate in enumerate(LSTM):
        columns = slice(3 * i, 3 * i + 3)
        kernel = found.found[f"{names['memory.kernel']}[{gate}]"]
        recurrent = found.found[f"{names['memory.recurrent_kernel']}[{gate}]"]
        np.testing.assert_array_equal(kernel.matrix, KERNEL[:, columns].T)
        np.testing.assert_array_equal(recurrent.matrix, RECURRENT[:, columns].T)
        assert (kernel.kind, kernel.init) == ("lstm gate", "uniform")
        assert recurrent.init == "orthogonal"
    up = [[UP[k, o, i] for i in range(2) for k in range(3)] for o in range(5)]
    np.testing.assert_array_equal(found[names["up.kernel"]], up)
    assert found.why(names["own.depthwise_kernel"]).startswith("it is a depthwise convolution")
    assert "if embeddings are asked for" in found.why(names["words.embeddings"])
    assert found.why(names["first.bias"]) == "it is not a kernel but bias"


def test_weights_alone_state_the_class_but_not_the_groups(read, tmp_path):
    write(tmp_path / "x.weights.h5", {"layers/conv2d/vars/0": CONV})
    found = read(tmp_path / "x.weights.h5").found["layers/conv2d/vars/0"]
    assert found.matrix.shape == (6, 24)
    assert "1 was assumed" in found.note


# Keras converts tensors of PyTorch by means that NumPy deprecates
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_real_library_writes_what_is_read(read, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch, the library's backend here, is not installed")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    model = keras.Sequential(
        [
            keras.layers.Input((16, 8)),
            keras.layers.Conv1D(12, 3, groups=2),
            keras.layers.Bidirectional(keras.layers.LSTM(4)),
            keras.layers.Dense(7, name="head"),
        ]
    )
    model.save(tmp_path / "x.keras")
    found = read(tmp_path / "x.keras")
    head = model.get_layer("head").get_weights()[0]
    np.testing.assert_array_equal(found["layers/dense/vars/0"], head.T)
    assert found["layers/conv1d/vars/0[group 1]"].shape == (6, 12)
    backward = model.layers[1].backward_layer.get_weights()[1]
    name = "layers/bidirectional/backward_layer/cell/vars/1[forget]"
    np.testing.assert_array_equal(found[name], backward[:, 4:8].T)


def test_numbers_in_other_files_are_not_read(read, tmp_path):
    np.full((4, 3), 7.0).tofile(tmp_path / "secret")
    write(tmp_path / "other.h5", {"w": np.ones((4, 3))})
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["good"] = array(4, 3)
        file["linked"] = h5py.ExternalLink("other.h5", "w")
        file["soft"] = h5py.SoftLink("/good")
        file.create_dataset("raw", (4, 3), "f8", external=str(tmp_path / "secret"))
        layout = h5py.VirtualLayout((4, 3), "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "w", (4, 3))
        file.create_virtual_dataset("virtual", layout)
    found = read(tmp_path / "x.h5")
    assert list(found.found) == ["good"]
    for name in ("linked", "soft"):
        assert found.why(name) == "it is a link to another place, which is not followed"
    for name in ("raw", "virtual"):
        assert found.errors[name] == "its numbers are in another file, which is not read"


def test_cycles_and_claims_end(read, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/b/w"] = array(4, 3)
        file["a/b/up"] = file["a"]
        file.create_dataset("unwritten", (10**6, 10**6), "f4", chunks=(1000, 1000))
        file.create_dataset("packed", (10**5, 10**5), "f4", compression="gzip")
        file["text"] = "words"
    found = read(tmp_path / "x.h5")
    assert list(found.found) == ["a/b/w"]
    assert found.errors["unwritten"] == "it claims 4000000000000 bytes, but the file has 0"
    assert found.errors["packed"].startswith("it unpacks from")


@pytest.mark.parametrize(
    "config", ["", "{", "[" * 100000, "[1, {}]", '{"class_name": "Dense", "config": {}}']
)
def test_a_damaged_configuration_does_not_matter(read, tmp_path, config):
    write(tmp_path / "x.h5", {"head/kernel:0": DENSE})
    inner = (tmp_path / "x.h5").read_bytes()
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
        archive.writestr("model.weights.h5", inner)
        archive.writestr("config.json", config)
    np.testing.assert_array_equal(read(tmp_path / "x.keras")["head/kernel:0"], DENSE.T)


@pytest.mark.parametrize("kind", ["TREE", "SNOD", "HEAP"])
def test_a_damaged_group_costs_no_other(read, tmp_path, kind):
    """These are the parts of a group; the last one in the file is that of the last group."""
    path = tmp_path / "x.h5"
    write(path, {"one/kernel:0": DENSE, "two/kernel:0": DENSE, "head/kernel:0": DENSE})
    damage(path, path.read_bytes().rfind(kind.encode()))
    found = read(path)
    assert list(found.found) == ["one/kernel:0", "two/kernel:0"]
    assert list(found.errors) == ["head"]
    assert found.errors["head"].startswith("it is damaged: ")


def test_a_damaged_first_group_is_said_once(read, tmp_path):
    path = tmp_path / "x.h5"
    write(path, {"head/kernel:0": DENSE})
    damage(path, path.read_bytes().find(b"TREE"))
    assert list(read(path).errors) == ["/"]


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_configuration_that_cannot_be_read_does_not_matter(read, tmp_path, suffix):
    path = tmp_path / "x.h5"
    write(path, {"head/kernel:0": DENSE}, model_config=CONFIG)
    if suffix == "keras":
        inner, path = path.read_bytes(), tmp_path / "x.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", CONFIG)
            archive.writestr("model.weights.h5", inner)
        damage(path, path.read_bytes().find(CONFIG[:20].encode()))
    else:  # the attribute's text is in a heap of its own
        damage(path, path.read_bytes().find(b"GCOL"))
    np.testing.assert_array_equal(read(path)["head/kernel:0"], DENSE.T)


def damage(path, place):
    content = bytearray(path.read_bytes())
    content[place : place + 4] = b"\xff" * 4
    path.write_bytes(content)
