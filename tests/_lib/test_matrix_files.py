"""Damaged and hostile files: each is reported with the reason, and none affects the others."""

import io
import json
import os
import socket
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from rmt_rank import rank_measures
from rmt_rank.__main__ import run
from rmt_rank._lib import matrix_files as _matrix_files
from rmt_rank._lib import npz as _npz
from rmt_rank._lib.file_kinds import HEAD, kind
from rmt_rank._lib.reasons import reason

A = np.random.default_rng(0).normal(size=(6, 4))
HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"


def npy(array=A, version=None):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return buffer.getvalue()


def with_header(header, data=b"", version=(1, 0)):
    length = struct.pack("<H" if version == (1, 0) else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes(version) + length + header.encode() + b"\n" + data


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.fixture
def measure(tmp_path, capsys):
    """Measure files beside a good one, and return the exit code, rows of the others and errors."""
    good, out = tmp_path / "good.npy", tmp_path / "rows.json"
    np.save(good, A)
    right = float(rank_measures(A).effective_rank)

    def measure(*paths):
        code = run(["measure", *map(str, paths), str(good), "--json", str(out)])
        *rows, last = json.loads(out.read_text())
        assert last["file"] == str(good)
        assert "--gram" in paths or last["effective_rank"] == right
        errors = capsys.readouterr().err
        for row in rows:
            if row["error"]:
                name = row["array"] if row["file"].endswith((".npz", "rs")) else None
                named = f"{row['file']}: {name}: " if name else f"{row['file']}: "
                line = f"rmt-rank measure: not read: {named}{row['error']}"
                assert line in errors.splitlines()
        assert code == any(row["error"] for row in rows)
        assert "Traceback" not in errors
        return rows

    return measure


HEADERS = {
    "2^63 elements": (HEADER % ("<f8", (2**63,)), b"", "claims 73786976294838206464 bytes"),
    "a product beyond 64 bits": (HEADER % ("<f8", (2**33, 2**33)), b"", "claims"),
    "more than there is": (HEADER % ("<f8", (3, 5)), b"\0" * 96, "claims 120 bytes of data, but"),
    "less than there is": (HEADER % ("<f8", (3, 3)), b"\0" * 96, "claims 72 bytes of data, but"),
    "negative": (HEADER % ("<f8", (-3, 4)), b"\0" * 96, "shape (-3, 4)"),
    "boolean": (HEADER % ("<f8", (True, 12)), b"\0" * 96, "shape (True, 12)"),
    "a fraction": (HEADER % ("<f8", (3.0, 4)), b"\0" * 96, "its header is not readable"),
    "a list": (HEADER % ("<f8", [3, 4]), b"\0" * 96, "its header is not readable"),
    "a type that is none": (HEADER % ("<q9", (3, 4)), b"\0" * 96, "its header is not readable"),
    "a type that is a number": ("{'descr': 8, 'fortran_order': False, 'shape': (3, 4)}", b"", ""),
    "no end": ("{'descr': '<f8', 'shape': (3", b"", ""),
    "no dictionary": ("[1, 2]", b"", "its header is not readable"),
    "a call": (
        "{'descr': print(1), 'fortran_order': False, 'shape': ()}",
        b"",
        "its header is not readable",
    ),
    "an unclosed bracket": (HEADER % ("[(", "(1,)"), b"", "its header is not readable"),
    "a type of empty tuples": (
        "{'descr': ((), ()), 'fortran_order': False, 'shape': (1,), }",
        b"",
        "its header is not readable",
    ),
    "half a surrogate": (
        "{'descr': '\\ud800', 'fortran_order': False, 'shape': (1,), }",
        b"",
        "its header is not readable",
    ),
    "many signs": (
        "{'descr': " + "-" * 9000 + "1, 'fortran_order': False, 'shape': (1,), }",
        b"",
        "its header is not readable",
    ),
    "keys of two types": ("{'descr': '<f8', b'x': 1}", b"", "its header is not readable"),
    "nested too deep": ("(" * 5000 + ")" * 5000, b"", ""),
    "too many digits": (HEADER % ("<f8", "(1" + "0" * 5000 + ",)"), b"", ""),
}


@pytest.mark.parametrize("case", HEADERS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_impossible_headers_are_refused(measure, tmp_path, case, version):
    header, data, message = HEADERS[case]
    content = with_header(header, data, version)
    (tmp_path / "x.npy").write_bytes(content)
    path = archive(tmp_path / "x.npz", {"x.npy": content, "good.npy": npy()})
    single, member, good = measure(tmp_path / "x.npy", path)
    assert single["error"]
    assert single["error"] == member["error"]
    assert message in single["error"]
    assert good["effective_rank"] == pytest.approx(float(rank_measures(A).effective_rank))


@pytest.mark.parametrize(
    ("array", "skipped"),
    [
        (np.float64(1.0), "it has 0 dimensions, not 2"),
        (np.ones(3), "it has 1 dimension, not 2"),
        (np.ones((0, 5)), "it is empty"),
        (np.array([["a"]]), "its type is <U1"),
        (np.array([[b"a"]]), "its type is |S1"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), "its type is datetime64[D]"),
        (np.zeros((2, 2), dtype=[("a", "f4")]), "its type is [('a', '<f4')]"),
        (np.zeros((2, 2), dtype="V3"), "its type is |V3"),
        (np.array([[None]], dtype=object), "its type is object, which is pickled and never loaded"),
        (np.ones((2, 2), dtype=np.clongdouble), "wider than double precision"),
        (np.array([[np.inf, 1]]), "it holds nan or infinity"),
    ],
    ids=str,
)
def test_arrays_that_are_not_matrices_of_numbers_are_skipped(measure, tmp_path, array, skipped):
    if "wider" in skipped and np.finfo(array.dtype).bits == 64:
        pytest.skip("here long double is double precision")
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    np.savez(tmp_path / "x.npz", x=array)
    for row in measure(tmp_path / "x.npy", tmp_path / "x.npz"):
        assert skipped in row["skipped"]


def test_an_empty_array_of_impossible_size_takes_no_memory(measure, tmp_path):
    (tmp_path / "x.npy").write_bytes(with_header(HEADER % ("<f8", (0, 2**70))))
    (row,) = measure(tmp_path / "x.npy")
    assert row["skipped"] == "it is empty"


@pytest.mark.parametrize("array", [A, np.asfortranarray(A), A.astype(">f8"), A.astype(">f4")])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_order_and_version(measure, tmp_path, array, version):
    # capital suffixes, as on other systems
    (tmp_path / "X.NPY").write_bytes(npy(array, version))
    archive(tmp_path / "X.Npz", {"a/x.npy": npy(array, version)}, zipfile.ZIP_DEFLATED)
    expected = float(rank_measures(array.astype(array.dtype.newbyteorder("="))).effective_rank)
    rows = measure(tmp_path / "X.NPY", tmp_path / "X.Npz")
    assert [row["effective_rank"] for row in rows] == [expected, expected]
    assert [row["array"] for row in rows] == ["X", "a/x"]


def test_every_flipped_byte_and_every_cut_ends_in_rows(tmp_path):
    # only bytes of numbers without a checksum can change unnoticed
    names = {"a", "b"}
    buffers = [io.BytesIO(), io.BytesIO()]
    np.savez(buffers[0], a=A, b=A)
    np.savez_compressed(buffers[1], a=A, b=A)
    files = [("x.npy", npy()), *(("x.npz", buffer.getvalue()) for buffer in buffers)]
    from rmt_rank.commands.measure import rows

    right = float(rank_measures(A).effective_rank)
    for name, content in files:
        path = tmp_path / name
        flipped = [
            content[:i] + bytes([content[i] ^ flip]) + content[i + 1 :]
            for i in range(0, min(len(content), 1100), 3 if name == "x.npz" else 2)
            for flip in (0x01, 0xFF)
        ]
        for damaged in [*flipped, *(content[:i] for i in range(0, len(content), 7))]:
            path.write_bytes(damaged)
            found = list(rows(path, 0.01, None))
            errors = [row for row in found if row["error"] or row["skipped"]]
            if name == "x.npz":
                assert errors or {row["array"] for row in found} == names
                for row in found:
                    assert row in errors or row["effective_rank"] == right
            else:
                assert len(found) == 1


# --- archives -------------------------------------------------------------------------------------


def test_damaged_members_do_not_affect_the_others(measure, tmp_path):
    path = archive(tmp_path / "x.npz", {"a.npy": npy(), "b.npy": npy(2 * A), "c.npy": npy(3 * A)})
    content = bytearray(path.read_bytes())
    place = content.index(npy(2 * A)[-16:])
    content[place] ^= 0xFF
    path.write_bytes(content)
    a, b, c = measure(path)
    assert b["error"] == "it is damaged"
    assert a["effective_rank"] == pytest.approx(c["effective_rank"])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("README.txt", b"hello", "text, which begins with 'hello'"),
        ("inner.npz", b"PK\x03\x04" + b"\0" * 40, "a ZIP archive"),
        ("nothing", b"", "an empty file"),
        ("folder/", b"", "it is a folder"),
        ("page.html", b"<!DOCTYPE html>", "an HTML page"),
    ],
)
def test_members_that_are_not_arrays_are_skipped(measure, tmp_path, name, content, reason):
    row, good = measure(archive(tmp_path / "x.npz", {name: content, "good.npy": npy()}))
    assert reason in row["skipped"]
    assert good["effective_rank"]


def test_a_member_that_should_be_an_array_is_not_read(measure, tmp_path):
    row, good = measure(archive(tmp_path / "x.npz", {"x.npy": b"hello", "good.npy": npy()}))
    assert row["error"] == "it is not a .npy array but text, which begins with 'hello'"
    assert good["effective_rank"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_without_a_limit_are_not_read(measure, tmp_path, method):
    (row,) = measure(archive(tmp_path / "x.npz", {"x.npy": npy()}, method))
    assert "allowed: stored, or deflate" in row["error"]


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [(8, 1, "it is encrypted"), (10, 99, "compressed by method 99"), (8, 32, "")],
)
def test_flags_and_methods_that_are_not_read(measure, tmp_path, offset, value, reason):
    path = archive(tmp_path / "x.npz", {"a.npy": npy(), "b.npy": npy()})
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + offset, value)
    path.write_bytes(content)
    a, b = measure(path)
    assert a["error"]
    assert reason in a["error"]
    assert b["effective_rank"]


def test_false_sizes_in_the_directory_are_refused(measure, tmp_path):
    path = archive(tmp_path / "x.npz", {"a.npy": npy(), "b.npy": npy()})
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, 2**31)
    path.write_bytes(content)
    a, b = measure(path)
    assert "2147483648 bytes" in a["error"]
    assert b["effective_rank"]


def test_entries_that_share_their_bytes_are_refused(measure, tmp_path):
    path = archive(tmp_path / "x.npz", {"a.npy": npy(), "b.npy": npy(), "c.npy": npy()})
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", content, second + 42, 0)  # the offset of the first member
    path.write_bytes(content)
    a, b, c = measure(path)
    assert a["error"] == b["error"] == "it overlaps another part of the archive"
    assert c["effective_rank"]


def test_members_of_one_name_are_both_measured(measure, tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", npy())
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", npy(np.eye(3)))
    first, second = measure(path)
    assert (first["shape"], second["shape"]) == ([6, 4], [3, 3])


def test_a_bomb_is_refused_and_sparse_weights_are_not(measure, monkeypatch, tmp_path):
    monkeypatch.setattr(_npz, "UNPACKED", 2**16)
    zeros = np.zeros((100, 100))  # 80 kB, which take 200 bytes
    path = tmp_path / "x.npz"
    np.savez_compressed(path, zeros=zeros, good=A)
    bomb, good = measure(path)
    assert "unpacked to 0.0625 MiB, or 100 times its size, at most" in bomb["error"]
    assert good["effective_rank"]
    # beside incompressible weights it takes 40 times the size of the file
    np.savez_compressed(path, zeros=zeros, dense=np.random.default_rng(0).normal(size=(16, 16)))
    assert not any(row["error"] for row in measure(path))


def test_many_small_bombs_count_together(measure, monkeypatch, tmp_path):
    monkeypatch.setattr(_npz, "UNPACKED", 2**17)
    monkeypatch.setattr(_npz, "UNPACKED_RATIO", 1)
    np.savez_compressed(tmp_path / "x.npz", **{str(i): np.zeros((80, 80)) for i in range(4)})
    rows = measure(tmp_path / "x.npz")  # 51 kB each
    assert [row["error"] is None for row in rows] == [True, True, False, False]


def test_a_large_text_is_not_unpacked(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as file,
        file.open("README.txt", "w") as member,
    ):
        for _ in range(300):
            member.write(b"a" * 2**20)
    code = (
        "import resource, sys; from rmt_rank.commands.measure import main\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "main(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-P", "-c", code, str(tmp_path / "x.npz")]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    assert int(grown) < 100 * 1024  # kB; the text has 300 MB


def test_a_matrix_beyond_all_memory_is_refused(measure, monkeypatch, tmp_path):
    pages = {"SC_PHYS_PAGES": 2, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    np.save(tmp_path / "x.npy", np.ones((20, 20)))  # 9600 bytes with the copies
    np.save(tmp_path / "f.npy", np.ones((40, 1)))  # as large as A, but for its Gram matrix
    row, features = measure(tmp_path / "x.npy", tmp_path / "f.npy")
    assert "GiB of memory" in row["error"]
    assert features["error"] is None
    _, features = measure(tmp_path / "x.npy", tmp_path / "f.npy", "--gram")
    assert "GiB of memory" in features["error"]


# --- other files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\0" * 50, "nothing but zero bytes"),
        (b"<html>404</html>", "an HTML page"),
        (b"\xef\xbb\xbf\n  <!doctype HTML><p>", "an HTML page"),
        (b'<?xml version="1.0"?><Error/>', "an XML or HTML file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b'{"error": "not found"}', "a JSON file"),
        (b"[1, 2]", "a JSON file"),
        (b"\x1f\x8b\x08\x00", "a gzip file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x80\x04\x95", "a Python pickle"),
        (b"PK\x03\x04" + b"\0" * 22 + b"\x10\0archive/data.pkl", "a PyTorch file"),
        (b"\x10\0\0\0\0\0\0\0{}", "a .safetensors file"),
        (b"hello\x1b[2J", "unknown kind, which begins with the bytes 68 65 6c 6c 6f"),
        ("Grüße".encode()[:3], "text, which begins with 'Gr'"),
        ("name,value\n".encode("utf-16"), "text, which begins with 'name,value"),
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".pt"])
def test_the_kind_of_a_foreign_file_is_named(measure, tmp_path, content, words, suffix):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="safetensors is not installed")
    if suffix == ".npz" and content.startswith(b"PK"):
        words = "damaged or cut off"
    if suffix == ".safetensors" and words == "a .safetensors file":
        words = "not a .safetensors file or is damaged"
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    (row,) = measure(path)
    assert words in row["error"]
    assert "pickled data" not in row["error"]


def test_kind_needs_few_bytes():
    assert kind((b"\0" * 257 + b"ustar").ljust(HEAD, b"\0")) == "a tar archive"


def test_pipes_devices_folders_and_loops_are_refused_at_once(measure, tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "loop.npy").symlink_to("loop.npy")
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    (tmp_path / "gone.npy").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.npy"))
        names = ["pipe.npy", "folder.npz", "loop.npy", "zero.npy", "gone.npy", "s.npy"]
        errors = [row["error"] for row in measure(*(tmp_path / name for name in names))]
    assert errors == [
        "it is a pipe, not a file",
        "it is a folder, not a file",
        "Too many levels of symbolic links",
        "it is a device, not a file",
        "No such file or directory",
        "it is a socket, not a file",
    ]


def test_any_error_of_a_reader_becomes_a_reason(measure, monkeypatch, tmp_path):
    class Panic(BaseException):
        pass

    np.savez(tmp_path / "x.npz", a=A, b=A)
    for error, words in [
        (Panic("oh"), "Panic: oh"),
        (RecursionError("deep"), "RecursionError: deep"),
        (MemoryError(), "there is not enough memory for it (MemoryError)"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
    ]:
        errors = iter([error])
        right = np.lib.format.read_array

        def read(*arguments, errors=errors, right=right, **options):
            for error in errors:
                raise error
            return right(*arguments, **options)

        monkeypatch.setattr(np.lib.format, "read_array", read)
        a, b = measure(tmp_path / "x.npz")
        assert a["error"] == words
        assert b["effective_rank"]
        monkeypatch.undo()


def test_an_interrupt_is_not_a_reason(monkeypatch, tmp_path):
    np.save(tmp_path / "x.npy", A)

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "read_array", stop)
    with pytest.raises(KeyboardInterrupt):
        run(["measure", str(tmp_path / "x.npy")])


def test_a_failed_matrix_is_named_and_others_of_its_shape_are_measured(
    measure, monkeypatch, tmp_path
):
    from rmt_rank.commands import measure as command

    right = command.rank_measures

    def picky(matrices, tau):
        if (matrices == 7).any():
            raise np.linalg.LinAlgError("SVD did not converge")
        return right(matrices, tau)

    monkeypatch.setattr(command, "rank_measures", picky)
    np.savez(tmp_path / "x.npz", a=A, b=7 * np.ones_like(A), c=A)
    a, b, c = measure(tmp_path / "x.npz")
    assert b["error"] == "it could not be measured: LinAlgError: SVD did not converge"
    assert a["effective_rank"] == c["effective_rank"] == float(rank_measures(A).effective_rank)


def test_many_matrices_are_measured_as_each_alone(measure, tmp_path):
    rng = np.random.default_rng(1)
    shapes = [(3, 2), (2, 3), (5, 5)]
    arrays = {str(i): rng.normal(size=shapes[i % 3]) for i in range(300)}
    np.savez(tmp_path / "x.npz", **arrays)
    for row in measure(tmp_path / "x.npz"):
        alone = rank_measures(arrays[row["array"]]).to_dict()
        # sums over a batch may have another order: rounding of sums of at most 5 terms
        for name, value in alone.items():
            assert row[name] == pytest.approx(float(value), rel=1e-13, abs=1e-13)


def test_large_values_warn_nowhere(measure, tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3) * 1.7e308)
    (row,) = measure(tmp_path / "x.npy")
    assert row["stable_rank"] == pytest.approx(3)


def test_safetensors_that_are_damaged(measure, tmp_path):
    save = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed").save
    content, path = save({"a": A, "b": A[0].copy()}), tmp_path / "x.safetensors"
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["a"]["shape"] = [2**40, 2**40]
    words = json.dumps(header).encode()
    for damaged in (
        content[:-8],
        content + b"\0",
        content[: length // 2],
        b"\xff" * 8 + content[8:],
        struct.pack("<Q", len(words)) + words + content[8 + length :],
        struct.pack("<Q", 2) + b"[]",
    ):
        path.write_bytes(damaged)
        (row,) = measure(path)
        assert row["error"]
    path.write_bytes(content)
    a, b = measure(path)
    assert a["effective_rank"] == float(rank_measures(A).effective_rank)
    assert b["skipped"] == "it has 1 dimension, not 2"


def test_types_that_numpy_lacks_are_named(measure, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    header = json.dumps(
        {
            "odd": {"dtype": "F8_E8M0", "shape": [2, 2], "data_offsets": [0, 4]},
            "good": {"dtype": "F32", "shape": [2, 2], "data_offsets": [4, 20]},
        }
    ).encode()
    content = struct.pack("<Q", len(header)) + header + b"\x7f" * 4
    (tmp_path / "x.safetensors").write_bytes(content + np.eye(2, dtype="f4").tobytes())
    rows = {row["array"]: row for row in measure(tmp_path / "x.safetensors")}
    assert rows["good"]["stable_rank"] == 2


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors"])
def test_reasons_are_sentences(tmp_path, suffix):
    """Whatever a parser raises for a changed byte or a file cut off, no exception is quoted."""
    path = tmp_path / f"x.{suffix}"
    if suffix == "npy":
        np.save(path, A)
    elif suffix == "npz":
        np.savez_compressed(path, a=A, b=np.eye(3))
    else:
        numpy_files = pytest.importorskip("safetensors.numpy", reason="safetensors is missing")
        numpy_files.save_file({"a": A}, path)
    content = path.read_bytes()
    damaged = [content[:i] for i in range(0, len(content), 7)]
    for i in range(0, len(content), 3):
        changed = bytearray(content)
        changed[i] ^= 0x41
        damaged.append(bytes(changed))
    reasons = set()
    for each in damaged:
        path.write_bytes(each)
        try:
            reasons |= {member.error for member in _matrix_files.members(path) if member.error}
        except ValueError as error:
            reasons.add(reason(error))
    assert reasons
    for words in reasons:
        assert words.startswith(("it ", "its ", "the ")), words
        assert "Error" not in words
        assert "zip" not in words.lower().replace("a zip archive", ""), words


def test_a_header_that_is_not_readable(tmp_path):
    path = tmp_path / "x.npy"
    for header in ("{'descr': '<f8', 'shape': (2,", "{}", "1", "{'descr'", "Dear"):
        path.write_bytes(with_header(header))
        (member,) = _matrix_files.members(path)
        assert member.error == "its header is not readable"
