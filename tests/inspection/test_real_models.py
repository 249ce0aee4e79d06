"""Trained models from wheels: matrices against what NumPy reads from the same files by hand."""

import json
import zipfile

import numpy as np
import pytest

from rmt_rank import effective_rank

SILERO = "silero_vad/data/silero_vad"
GATES = ("input", "forget", "cell", "output")


def by_hand(path):
    """Arrays of a .safetensors file of 32-bit and 16-bit floats, without its library."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(
            content[8 + length :][slice(*entry["data_offsets"])],
            {"F32": "<f4", "F16": "<f2"}[entry["dtype"]],
        ).reshape(entry["shape"])
        for name, entry in header.items()
    }


def entropy_rank(matrix):
    """Effective rank (entropy in nats) of the singular values, plainly."""
    s = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    p = s / s.sum()
    return -sum(x * np.log(x) for x in p if x > 0)


def silero_matrices(path):
    """The matrices of the 16 kHz network by role, from the bytes of its TorchScript archive."""
    # members of the archive in the order of the attributes of the modules
    places = {
        "stft": ("2", 258, 256),
        "0": ("3", 128, 387),
        "1": ("5", 64, 384),
        "2": ("7", 64, 192),
        "3": ("9", 128, 192),
        "ih": ("11", 512, 128),
        "hh": ("12", 512, 128),
    }
    found = {}
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/")[0]
        for key, (place, rows, columns) in places.items():
            content = archive.read(f"{root}/data/{place}")
            found[key] = np.frombuffer(content, "<f4").reshape(rows, columns)
    for side in ("ih", "hh"):
        whole = found.pop(side)
        for i, gate in enumerate(GATES):
            found[f"{side} {gate}"] = whole[128 * i : 128 * i + 128]
    return found


# Names of the same matrices in five files of one network: layers, Fourier basis, gates.
IF = "If_0/then_branch/If_0_then_branch__Inline_0__"
FILES = {
    "silero_vad.jit": (
        "_model.encoder.{}.reparam_conv.weight",
        "_model.stft.forward_basis_buffer",
        "_model.decoder.rnn.weight_",
    ),
    "silero_vad.onnx": (
        IF + "encoder.{}.reparam_conv.weight",
        IF + "stft.forward_basis_buffer",
        IF + "decoder.rnn.weight_",
    ),
    "silero_vad_16k_op15.onnx": (
        "model.encoder.{}.reparam_conv.weight",
        "model.stft.forward_basis_buffer",
        "model.decoder.rnn.weight_",
    ),
    "silero_vad_op18_ifless.onnx": (
        "model.encoder.{}.reparam_conv.weight",
        "model.stft.forward_basis_buffer",
        "model.decoder.rnn.weight_",
    ),
    # here the gates are in the order of ONNX, and LSTM_209 and LSTM_210 are W and R
    "silero_vad_16k_sequence.onnx": (
        "encoder.{}.weight",
        "stft.forward_basis_buffer",
        "onnx::LSTM_",
    ),
}


@pytest.mark.parametrize("file", FILES)
def test_one_network_in_five_files_gives_the_same_matrices(read, real_model, file):
    if file.endswith(".onnx"):
        pytest.importorskip("onnx", reason="onnx is not installed")
    expected = silero_matrices(real_model("silero-vad", "6.2.3", f"{SILERO}.jit"))
    found = read(real_model("silero-vad", "6.2.3", f"silero_vad/data/{file}"))
    assert not found.errors
    conv, stft, lstm = FILES[file]
    sides = {"ih": "209", "hh": "210"} if "sequence" in file else {"ih": "ih", "hh": "hh"}
    names = {str(i): conv.format(i) for i in range(4)} | {"stft": stft}
    names |= {f"{s} {g}": f"{lstm}{sides[s]}[{g}]" for s in sides for g in GATES}
    for key, matrix in expected.items():
        np.testing.assert_array_equal(found[names[key]], matrix, err_msg=key)
    other_rate = ("_model_8k", "model_8k", "If_0/else")
    assert {n for n in found.found if not n.startswith(other_rate)} == set(names.values())


def test_the_safetensors_file_is_read_whole(read, real_model):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    # this file of the same release has other weights than the five above
    path = real_model("silero-vad", "6.2.3", f"{SILERO}_16k.safetensors")
    found, plain = read(path), by_hand(path)
    for i in range(1, 5):
        name = f"conv{i}.weight"
        np.testing.assert_array_equal(found[name], plain[name].reshape(len(plain[name]), -1))
    for side in ("ih", "hh"):
        parts = [found[f"lstm_cell.weight_{side}[{gate}]"] for gate in GATES]
        np.testing.assert_array_equal(np.vstack(parts), plain[f"lstm_cell.weight_{side}"])
    assert len(found.found) == 4 + 8 + 1
    assert not found.errors


@pytest.mark.parametrize("version", ["5.1", "6.0.0", "6.2.3"])
def test_three_trainings_of_one_network(read, real_model, version):
    path = real_model("silero-vad", version, f"{SILERO}.jit")
    found = read(path)
    assert not found.errors
    assert len(found.found) == 26
    expected = silero_matrices(path)["3"]
    matrix = found["_model.encoder.3.reparam_conv.weight"]
    np.testing.assert_array_equal(matrix, expected)
    # LAPACK in single precision: each of 128 values is off by some 2^-23 times the largest, and
    # the entropy by at most log(128) times the relative error of their sum, some 128 x 2^-23
    np.testing.assert_allclose(effective_rank(matrix), entropy_rank(expected), rtol=1e-4)


def test_resemblyzer_is_read_with_its_gates(read, real_model):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    path = real_model("Resemblyzer", "0.1.4", "resemblyzer/pretrained.pt")
    found = read(path)
    state = torch.load(path, weights_only=True, map_location="cpu")["model_state"]
    assert len(found.found) == 3 * 2 * 4 + 1
    for layer in range(3):
        for side in ("ih", "hh"):
            name = f"lstm.weight_{side}_l{layer}"
            parts = [found[f"model_state.{name}[{gate}]"] for gate in GATES]
            np.testing.assert_array_equal(np.vstack(parts), state[name].numpy())
    assert not found.errors


@pytest.mark.parametrize(("net", "count"), [("pnet", 5), ("rnet", 6), ("onet", 8)])
def test_facenet_is_read_whole(read, real_model, net, count):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    path = real_model("facenet-pytorch", "2.6.0", f"facenet_pytorch/data/{net}.pt")
    found = read(path)
    state = torch.load(path, weights_only=True, map_location="cpu")
    weights = {name: w.numpy() for name, w in state.items() if w.ndim > 1}
    assert list(found.found) == list(weights)
    assert len(weights) == count
    for name, w in weights.items():
        np.testing.assert_array_equal(found[name], w.reshape(len(w), -1))


def test_g2p_is_read_with_its_gates_and_embeddings(read, real_model):
    path = real_model("g2p-en", "2.1.0", "g2p_en/checkpoint20.npz")
    found = read(path, embeddings=True)
    with np.load(path) as arrays:
        for side in ("enc_w_ih", "enc_w_hh", "dec_w_ih", "dec_w_hh"):
            parts = [found[f"{side}[{gate}]"] for gate in ("reset", "update", "new")]
            np.testing.assert_array_equal(np.vstack(parts), arrays[side])
        np.testing.assert_array_equal(found["dec_emb"], arrays["dec_emb"])
    assert len(found.found) == 15
    assert set(read(path).skipped) - set(found.skipped) == {"enc_emb", "dec_emb"}


def test_magika_is_read_by_the_nodes_of_its_graph(read, real_model):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    path = real_model("magika", "1.0.3", "magika/models/standard_v3_3/model.onnx")
    found = read(path)
    tensors = {each.name: each for each in onnx.load(path).graph.initializer}
    shapes = {name: each.matrix.shape for name, each in found.found.items()}
    assert sorted(shapes.values()) == [(64, 257), (214, 512), (512, 1280)]
    for name, shape in shapes.items():
        plain = np.frombuffer(tensors[name].raw_data, "<f4")
        plain = plain.reshape(shape) if shape == (512, 1280) else plain.reshape(shape[::-1]).T
        np.testing.assert_array_equal(found[name], plain)


def test_wordllama_is_a_table_in_half_precision(read, real_model):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    path = real_model("wordllama", "0.4.0.post1", "wordllama/weights/l2_supercat_256.safetensors")
    (found,) = read(path, embeddings=True).found.values()
    assert (found.kind, found.stored) == ("embedding", "float16")
    np.testing.assert_array_equal(found.matrix, by_hand(path)["embedding.weight"])
