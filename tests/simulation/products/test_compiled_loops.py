"""Compiled loops without a usable cache, or with a damaged one."""

import errno
import os
import runpy
import tempfile

import pytest

from rmt_rank.simulation.products.chain import new_chain
from rmt_rank.simulation.products.compiled_loops import compiled_loops

pytest.importorskip("numba", reason="numba is not installed")

# This compiles like the loops, but in a second.
SMALL = """
from rmt_rank.simulation.products.compiled_loops import compiled

@compiled(nogil=True)
def inner(x):
    return 2.0 * x

@compiled(nogil=True)
def outer(x):
    return inner(x) + 1.0
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Load the functions as a fresh process does, and return the number of cache hits."""
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "kept"))
    script = tmp_path / "small.py"
    script.write_text(SMALL)

    def found():
        outer = runpy.run_path(str(script))["outer"]
        assert outer(3.0) == 7.0
        return sum(outer.stats.cache_hits.values())

    return found


def kept(tmp_path, ending):
    return sorted((tmp_path / "kept").rglob(f"*{ending}"))


def test_code_is_kept(small, tmp_path):
    assert small() == 0
    assert len(kept(tmp_path, ".nbc")) == 2
    assert small() == 1


def test_code_is_compiled_where_no_folder_can_be_written(small, tmp_path, monkeypatch):
    def refuse(**_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    # the system raises this for all users but root
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert small() == small() == 0
    assert kept(tmp_path, ".nb?") == []


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_code_is_compiled_where_the_disk_is_full(small, tmp_path, monkeypatch, ending):
    right = os.replace

    def refuse(source, target):
        if target.endswith(ending):
            raise OSError(errno.ENOSPC, "No space left on device")
        right(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    assert small() == small() == 0
    assert kept(tmp_path, ending) == []


def damages(content):
    yield b""
    yield content[: len(content) // 2]
    yield b"\0" * len(content)
    for place in (len(content) // 4, len(content) // 2, len(content) - 20):
        yield content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("which", range(6))
def test_damaged_files_are_not_used(small, tmp_path, ending, which):
    small()
    for path in kept(tmp_path, ending):
        path.write_bytes(list(damages(path.read_bytes()))[which])
    small()
    # and have been replaced
    assert small() == 1


def test_a_cache_folder_that_is_a_file(small, tmp_path):
    (tmp_path / "kept").write_text("a file")
    small()


@pytest.fixture
def anew():
    """Forget whether numba works."""
    compiled_loops.cache_clear()
    yield
    compiled_loops.cache_clear()


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("error", [ImportError, SystemError, RuntimeWarning])
def test_numba_that_does_not_load_is_not_used(monkeypatch, error):
    def load(_name):
        raise error("Numba needs another NumPy")

    monkeypatch.setattr("importlib.import_module", load)
    assert not new_chain(40, 40, 10**6).compiled


@pytest.mark.usefixtures("anew")
def test_numba_that_is_not_to_compile_is_not_used(monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    assert not new_chain(40, 40, 10**6).compiled
