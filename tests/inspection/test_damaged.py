"""Damaged files of every format: each gives one clear line per loss, and never an exception."""

import os
import zipfile

import numpy as np
import pytest

rng = np.random.default_rng(0)
W = {f"layer{i}.weight": rng.normal(size=(6, 5)).astype(np.float32) for i in range(3)}


def safetensors(path):
    pytest.importorskip("safetensors.numpy", reason="safetensors is not installed").save_file(
        W, path
    )


def npz(path):
    np.savez(path, **W)


def torch_zip(path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.save({name: torch.from_numpy(w) for name, w in W.items()}, path)


def torch_pickle(path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    content = {name: torch.from_numpy(w) for name, w in W.items()}
    torch.save(content, path, _use_new_zipfile_serialization=False)


def onnx(path):
    library = pytest.importorskip("onnx", reason="onnx is not installed")
    h = library.helper
    nodes = [h.make_node("Gemm", ["x", name], [f"y{name}"], transB=1) for name in W]
    tensors = [library.numpy_helper.from_array(w, name) for name, w in W.items()]
    library.save(h.make_model(h.make_graph(nodes, "g", [], [], tensors)), path)


def keras(path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(path.with_suffix(".inner"), "w") as file:
        for name, w in W.items():
            file[name] = w
    if path.suffix == ".h5":
        path.with_suffix(".inner").rename(path)
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".inner"), "model.weights.h5")


def gguf(path):
    library = pytest.importorskip("gguf", reason="gguf is not installed")
    writer = library.GGUFWriter(path, "llama")
    for name, w in W.items():
        writer.add_tensor(name, w)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


FORMATS = {
    "x.safetensors": safetensors,
    "x.npz": npz,
    "zip.pt": torch_zip,
    "pickle.pt": torch_pickle,
    "x.onnx": onnx,
    "x.h5": keras,
    "x.keras": keras,
    "x.gguf": gguf,
}


@pytest.fixture(params=FORMATS)
def path(request, tmp_path):
    FORMATS[request.param](tmp_path / request.param)
    return tmp_path / request.param


def test_whole_files_are_read(read, path):
    found = read(path)
    assert not found.errors
    for name, w in W.items():
        np.testing.assert_array_equal(found[name], w)


def test_truncated_files_give_an_error_or_whole_matrices(read, path):
    content = path.read_bytes()
    for length in sorted({*range(0, len(content), max(1, len(content) // 60)), len(content) - 1}):
        path.write_bytes(content[:length])
        found = read(path)
        assert found.errors or len(found.found) == len(W), length
        for name, each in found.found.items():
            np.testing.assert_array_equal(each.matrix, W[each.tensor], err_msg=name)


def test_changed_bytes_never_raise(read, path):
    content = path.read_bytes()
    places = np.random.default_rng(1).integers(0, len(content), 150)
    # most of what matters is in the header
    places = [*places, *np.random.default_rng(2).integers(0, min(len(content), 400), 150)]
    for place in map(int, places):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        for each in read(path).everything:  # every line is checked by the fixture
            assert each.name is not None


NOT_MODELS = {
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "a page": b"<!DOCTYPE html><html><body>Not found</body></html>",
    "JSON": b'{"a": 1}',
    "zeros": bytes(1000),
    "nothing": b"",
    "text": b"words",
    "noise": bytes(range(7, 256)),
}


@pytest.mark.parametrize(
    "suffix", [".pt", ".safetensors", ".npz", ".onnx", ".h5", ".keras", ".gguf"]
)
@pytest.mark.parametrize("case", NOT_MODELS)
def test_other_files_are_one_error_that_says_what_they_are(read, tmp_path, case, suffix):
    pytest.importorskip("onnx" if suffix == ".onnx" else "numpy", reason="onnx is not installed")
    path = tmp_path / f"x{suffix}"
    path.write_bytes(NOT_MODELS[case])
    found = read(path)
    assert list(found.errors) == [path.name]
    if case == "a pointer of Git LFS":
        assert "Git LFS pointer" in found.errors[path.name]
    if case == "a page":
        assert "an HTML page" in found.errors[path.name]


def test_special_files_are_not_opened(read, tmp_path):
    os.mkfifo(tmp_path / "x.pt")
    assert read(tmp_path / "x.pt").errors == {"x.pt": "it is a pipe, not a file"}


def test_the_content_decides_where_the_suffix_is_another(read, tmp_path):
    np.savez(tmp_path / "x.npz", **W)
    np.save(tmp_path / "y.npy", W["layer0.weight"])
    (tmp_path / "y.npy").rename(tmp_path / "y.weights")
    (tmp_path / "x.npz").rename(tmp_path / "x.weights")
    assert len(read(tmp_path / "y.weights").found) == 1
    assert "unknown kind of file" in read(tmp_path / "x.weights").errors["x.weights"]
