"""Damaged files of the package raise a ValueError that names the file, and take little memory."""

import contextlib
import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from rmt_rank._lib import archive as _archive
from rmt_rank._lib.archive import (
    blank_seal,
    check,
    dump_json,
    load_json,
    pack,
    parsed,
    read,
    sealed,
    unpack,
)

KIND = "thing"
ARRAYS = {
    "a": np.array([1.5, np.nan, -0.0]),
    "b": np.array([[True], [False]]),
    "word": np.array("déjà"),
    "empty": np.empty((0, 3), dtype=np.float32),
    "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
}


def refused(path, load=unpack):
    """Return the reason why a file is refused."""
    with pytest.raises(ValueError, match=f"{path.name} cannot be read as a {KIND}: ") as caught:
        load(path, KIND)
    return str(caught.value).partition(f"as a {KIND}: ")[2]


def archive(members, **options):
    """A sealed archive of members that may be anything."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as file:
        for name, content in members:
            file.writestr(name, content)
        file.comment = blank_seal(KIND).encode()
    return buffer.getvalue()


def npy(header, data=b"", version=1):
    content = header.encode()
    length = struct.pack("<H" if version == 1 else "<I", len(content))
    return b"\x93NUMPY" + bytes([version, 0]) + length + content + data


def test_arrays_come_back_as_they_were(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(pack(KIND, ARRAYS))
    found = unpack(path, KIND)
    assert found.keys() == ARRAYS.keys()
    with np.load(path) as numpys:  # NumPy's own reader
        for name, array in ARRAYS.items():
            for each in (found[name], numpys[name]):
                assert (each.dtype, each.shape, each.tobytes()) == (
                    array.dtype,
                    array.shape,
                    array.tobytes(),
                )
                assert each.flags.f_contiguous == array.flags.f_contiguous
            assert found[name].flags.writeable


@pytest.mark.parametrize("kind", ["arrays", "json"])
def test_flipped_bits_and_other_lengths_are_found(tmp_path, kind):
    path = tmp_path / "x"
    content, load = (
        (pack(KIND, {"a": ARRAYS["a"]}), unpack)
        if kind == "arrays"
        else (dump_json(KIND, {"seed": 10**30, "words": ["a", None, 0.1]}), load_json)
    )
    damaged = [content[:n] for n in range(0, len(content), 5)]
    damaged += [content + b"\0", content + b"\n", b"\0" + content, content + content]
    # one bit in eleven, which covers every position in a byte; all bits were tried once
    for i in range(0, 8 * len(content), 11):
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        damaged.append(bytes(flipped))
    for each in damaged:
        path.write_bytes(each)
        refused(path, load)
    path.write_bytes(content)
    load(path, KIND)


GOOD = pack(KIND, {"a": np.arange(3.0)})
FLOATS = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive([("a.npy", b"")]), "its member 'a' is not an array"),
        (archive([("a.npy", b"text")]), "its member 'a' is not an array"),
        (archive([("a.npy", b"\x93NUMPY\x09\0\0\0")]), "its member 'a' is not an array"),
        (archive([("a.npy", npy("[" * 50_000))]), "its array 'a' is not one of plain numbers"),
        (archive([("a.npy", npy("{'descr': '<f8'"))]), "is not one of plain numbers or text"),
        (archive([("a.npy", npy(FLOATS % "True,"))]), "is not one of plain numbers or text"),
        (archive([("a.npy", npy(FLOATS % "-1,"))]), "is not one of plain numbers or text"),
        (
            archive([("a.npy", npy(FLOATS % f"{2**37},"))]),
            "claims 1099511627776 bytes, but there are 0",
        ),
        (archive([("a.npy", npy(FLOATS % f"{10**400},"))]), "claims"),
        (archive([("a.npy", npy(FLOATS % "2,", b"\0" * 8))]), "claims 16 bytes, but there are 8"),
        (archive([("a.npy", npy(FLOATS % "", b"\0" * 16, 2))]), "claims 8 bytes, but there are 16"),
        (
            archive([("a.npy", npy(FLOATS.replace("<f8", "<f3") % "1,", b"\0" * 3))]),
            "data type '<f3' not understood",
        ),
        (
            archive([("a.npy", npy(FLOATS.replace("<f8", "|O") % "1,", pickle.dumps([print])))]),
            "is not one of plain numbers or text",
        ),
        (
            archive([("a.npy", npy(FLOATS.replace("<f8", "|b1") % "1,", b"\2"))]),
            "truth values that are neither true nor false",
        ),
        (
            archive([("a.npy", npy(FLOATS % f"{2**20},", bytes(2**23)))], compression=8),
            "its members claim more than",
        ),
        (blank_seal(KIND).encode(), "File is not a zip file"),
    ],
)
def test_archives_with_false_sizes_are_refused(tmp_path, content, reason):
    path = tmp_path / "x.npz"
    path.write_bytes(sealed(content))
    assert reason in refused(path)


def test_a_repeated_member_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = archive([("a.npy", npy(FLOATS % "", b"\0" * 8))] * 2)
    path.write_bytes(sealed(content))
    assert refused(path) == "its member 'a' occurs twice"


def damaged_archives():
    """Damage every byte of an archive, one at a time, with a valid seal."""
    seal = _archive._SEAL.search(GOOD)
    blank = GOOD[: seal.start(3)] + b"0" * 64 + GOOD[seal.end(3) :]
    # a fifth of the bytes, each with one of four values; testing all took a minute, and gave no
    # other class of error
    for i in range(0, seal.start(), 5):
        value = (0, 12, 255, blank[i] ^ 1)[i % 4]
        if value != blank[i]:
            yield sealed(blank[:i] + bytes([value]) + blank[i + 1 :])


def test_damage_under_a_right_seal_is_refused_or_without_meaning(tmp_path):
    """Damage compression, sizes, offsets, flags, names, header: all that a parser may fail on."""
    path = tmp_path / "x.npz"
    count = 0
    for content in damaged_archives():
        path.write_bytes(content)
        with contextlib.suppress(ValueError):
            unpack(path, KIND)
            count -= 1
        count += 1
    assert count > 30


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ('{"a": ' * 100_000, "it is nested too deeply"),
        ('{"a": 1, "a": 2}', "a key occurs twice"),
        ('{"a": NaN}', "a value is NaN"),
        (f'{{"a": 1{"0" * 5000}}}', "Exceeds the limit"),
        ("[1]", "it holds a list, not an object"),
        ("", "Expecting value"),
        ("\ufeff{}", "BOM"),
    ],
)
def test_json_that_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parsed(text)


def test_other_kinds_and_formats(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    path.write_bytes(pack("other thing", ARRAYS))
    assert refused(path) == "it is another file of rmt_rank: a other thing"
    monkeypatch.setattr(_archive, "FORMAT", 7)
    path.write_bytes(pack(KIND, ARRAYS))
    monkeypatch.undo()
    assert refused(path) == (
        "it was written by another version of rmt_rank, in format 7; this version reads format 1"
    )
    np.savez(path, **ARRAYS)
    assert "was written by another version of rmt_rank" in refused(path)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    path.touch()
    assert refused(path) == "it is empty"
    path.write_text("<!doctype html>")
    assert refused(path).startswith("it has no seal of rmt_rank")
    with path.open("wb") as file:
        file.truncate(2**40)  # it takes no space on disk, and is not read
    assert refused(path).startswith("it has no seal of rmt_rank")
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(ValueError, match="is not a regular file"):
            read(tmp_path / name, KIND)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", KIND)


def test_reasons_are_short_and_printable(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(sealed(archive([("\x1b[2J\n" + "x" * 10_000 + ".npy", b"")])))
    reason = refused(path)
    assert len(reason) <= 300
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.array([1]), {}, "a type of kind 'f', got"),
        (np.array([[1.0]]), {}, "the shape"),
        (np.array([np.nan]), {"finite": True}, "must be finite"),
        (np.array([-np.inf]), {"finite": True}, "must be finite"),
        (np.array([-1.0]), {"at_least": 0}, "must be >= 0"),
        (np.array([99.0]), {"at_least": 0, "at_most": 4}, "must be >= 0 and <= 4"),
        (np.array([99.0]), {"at_most": 4}, "must be <= 4"),
    ],
)
def test_checks(array, options, words):
    with pytest.raises(ValueError, match=f"its x .*{words}"):
        check("x", array, "f", (1,), **options)
    check("x", np.array([np.nan]), "f", (1,), at_least=0)


def test_json_is_readable_as_such():
    content = json.loads(dump_json(KIND, {"a": 1}))
    assert content["a"] == 1
    assert content["seal"].startswith("rmt_rank thing, format 1, sha256 ")
