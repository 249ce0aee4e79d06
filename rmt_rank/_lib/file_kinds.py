"""The kind of a file, from its first bytes, in words for an error message."""

from __future__ import annotations

import codecs
import re

__all__ = ["HEAD", "holds_arrays", "kind"]

# Number of bytes that `kind` examines.
HEAD = 512

_PICKLE = "a Python pickle (such as an old PyTorch file), which is never loaded"

# First bytes of files of arrays, and of others; the first match is used.
_ARRAYS: tuple[tuple[bytes, str], ...] = (
    (rb"\x93NUMPY", "a NumPy array (.npy)"),
    (rb"PK\x03\x04.{22}..[^/]*/(data\.pkl|\.format_version|byteorder)", "a PyTorch file (.pt)"),
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive (such as .npz)"),
    (rb".{8}\{\s*[\"}]", "a .safetensors file"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"CDF[\x01\x02\x05]", "a NetCDF file"),
    (rb"MATLAB 5\.0 MAT-file", "a MATLAB file"),
    (rb"GGUF", "a GGUF file"),
    (rb"PAR1", "a Parquet file"),
    (rb"ARROW1", "an Arrow file"),
    (rb"\x80[\x02-\x05]", _PICKLE),
)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (
        rb"version https://git-lfs",
        "a Git LFS pointer: `git lfs pull` fetches the file itself",
    ),
    (rb"\x1f\x8b", "a gzip file"),
    (rb"BZh[1-9]", "a bzip2 file"),
    (rb"\xfd7zXZ\x00", "an xz file"),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb".{257}ustar", "a tar archive"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"%PDF-", "a PDF document"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (rb"\xff\xd8\xff", "a JPEG picture"),
    (rb"GIF8[79]a", "a GIF picture"),
    (rb"\x7fELF", "a program"),
)

# First characters of text files, after blanks.
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (rb"(?i)<(!doctype html|html|head|body)\b", "an HTML page, not the file that was asked for"),
    (rb"<", "an XML or HTML file"),
    (rb"\{\s*[\"}]|\[\s*[\[{\"\d\]-]", "a JSON file"),
)


def kind(head: bytes) -> str:
    """Describe the kind of file that starts with these bytes.

    Parameters
    ----------
    head : bytes
        The first `HEAD` bytes, or all if there are fewer.
    """
    if not head:
        return "an empty file"
    for pattern, words in _ARRAYS + _OTHERS:
        if re.match(pattern, head, re.DOTALL):
            return words
    if not any(head):
        return "nothing but zero bytes"
    text = _text(head)
    if text is None:
        return f"a file of unknown kind, which begins with the bytes {head[:8].hex(' ')}"
    for pattern, words in _TEXTS:
        if re.match(pattern, text.lstrip().encode()):
            return words
    return f"text, which begins with {text[:30]!r}"


def holds_arrays(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is one of arrays, or of a model."""
    return any(re.match(pattern, head, re.DOTALL) for pattern, _ in _ARRAYS)


def _text(head: bytes) -> str | None:
    """Decode the bytes if they are text: UTF-8, possibly cut inside a character, or UTF-16."""
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head).lstrip("\ufeff")
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c.isspace() for c in text) else None
