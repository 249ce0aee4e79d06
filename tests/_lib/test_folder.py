"""Folders of results: kills at any point, leftovers of killed processes, and foreign files."""

import errno
import os
import subprocess
import sys
import tempfile
import textwrap

import pytest

from rmt_rank._lib import atomic
from rmt_rank._lib.atomic import clear_parts, create, is_part, write
from rmt_rank._lib.folder import begin
from rmt_rank._lib.output import Output

# A child of a child exits at the n-th line of the modules that make folders and write files, as if
# by SIGKILL: nothing is cleaned up or flushed.  The test uses some lines; all were tried once.
KILLS = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    import rmt_rank._lib.folder, rmt_rank._lib.output, rmt_rank._lib.store

    FILES = {getattr(rmt_rank._lib, name).__file__ for name in ("folder", "atomic", "store")}

    def killed(n, action):
        child = os.fork()
        if child == 0:
            left = n

            def trace(frame, event, _):
                nonlocal left
                if frame.f_code.co_filename not in FILES:
                    return None
                if event == "line":
                    left -= 1
                    if left == 0:
                        os._exit(9)
                return trace

            sys.settrace(trace)
            action()
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9), code
        return code == 9

    def unfinished():
        return [path for path in Path().rglob(".rmt_rank-part-*")]

    def at_every_point(action, check, step=1):
        n, parts = 1, 0
        while killed(n, lambda: action(n)):
            parts += bool(unfinished())
            check(n)
            assert not unfinished()
            n += step
        print(n, parts)
""")


# A study, an experiment with its cells, and a result over one that is there: after every kill the
# same is done again, gives the same numbers and leaves no part of a file.
ACTIONS = """
    import numpy as np
    import rmt_rank as rr
    from rmt_rank.paper.experiments.experiment import Experiment, run_experiment
    from rmt_rank.simulation.study.store import StudyStore
    from rmt_rank.training.result import TrainingResult

    study = rr.study.Study(widths=(2,), depths=(1,), samples=2)

    def check_study(n):
        assert StudyStore.begin(Path(f"a/{n}"), study, "numpy").study == study
        assert os.listdir(f"a/{n}") == ["study.json"]

    def compute(_settings, cell, seed):
        return {"value": ((), np.random.default_rng(seed).normal(size=()))}

    def cells(_settings):
        return [{"depth": 1}, {"depth": 2}]

    toy = Experiment("toy", "A toy", "none", lambda _: {}, cells, compute, lambda _: [])
    whole = run_experiment(toy, "tiny").value

    def check_experiment(n):
        assert run_experiment(toy, "tiny", folder=f"b/{n}").value.identical(whole)
        assert sorted(os.listdir(f"b/{n}")) == ["depth-1.npz", "depth-2.npz", "experiment.json"]

    problem = rr.networks.least_squares_problem(4, 1, 2, rng=0)
    first, second = (
        rr.networks.train(problem, 2, learning_rate=0.1, steps=steps, rng=0, record=[0])
        for steps in (1, 2)
    )
    os.mkdir("c")
    first.save("c/r.npz")

    def check_result(n):
        assert TrainingResult.load("c/r.npz").settings["steps"] in (1, 2)  # one of them, whole
        first.save("c/r.npz")
        assert os.listdir("c") == ["r.npz"]

    at_every_point(lambda n: StudyStore.begin(Path(f"a/{n}"), study, "numpy"), check_study, 4)
    at_every_point(lambda n: run_experiment(toy, "tiny", folder=f"b/{n}"), check_experiment, 29)
    at_every_point(lambda n: second.save("c/r.npz"), check_result, 5)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kills_at_any_point(tmp_path):
    pytest.importorskip("xarray", reason="xarray is not installed")
    process = subprocess.run(
        [sys.executable, "-c", KILLS + textwrap.dedent(ACTIONS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    points, parts = zip(
        *(map(int, line.split()) for line in process.stdout.splitlines()), strict=True
    )
    assert min(points) > 15
    assert min(parts) > 0


def part(folder, *, machine=None, process=None, age=0.0):
    """A file as a killed process leaves it."""
    path = folder / f".rmt_rank-part-{machine or atomic._machine()}-{process}-abc_1234"
    path.write_text("{")
    times = path.stat().st_mtime - age
    os.utime(path, (times, times))
    return path


@pytest.fixture
def dead():
    """Identifier of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_parts_of_ended_processes_are_removed_and_those_of_running_ones_kept(tmp_path, dead):
    stay = [part(tmp_path, process=os.getpid()), part(tmp_path, machine="0" * 8, process=dead)]
    go = [
        part(tmp_path, process=dead),
        part(tmp_path, process=os.getppid(), age=2 * 86400),
        part(tmp_path, machine="1" * 8, process=1, age=2 * 86400),
    ]
    others = [".rmt_rank-part-of-my-own", f".rmt_rank-part-{'0' * 8}-{dead}-abc_1234.bak", ".notes"]
    for name in others:
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    clear_parts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*others, *(path.name for path in stay)}
    assert all(is_part(path.name) for path in stay + go)
    clear_parts(tmp_path / "none")


def test_parts_do_not_hinder(tmp_path):
    """Files of a living process, of one of several that start at once, or of another machine."""
    left = part(tmp_path, process=os.getpid())
    path = begin(tmp_path, "x.json", lambda: b"mine", "a store")
    assert path.read_bytes() == b"mine"
    assert left.exists()


def test_every_output_of_a_command_clears_its_folder(tmp_path, dead):
    left = part(tmp_path, process=dead)
    Output("--csv", tmp_path / "x.csv")
    assert not left.exists()


@pytest.mark.parametrize("name", [".DS_Store", ".notes", ".nfs0001", "Thumbs.db", "lost+found/"])
def test_foreign_files_are_named_and_kept(tmp_path, name):
    foreign = tmp_path / name
    if name.endswith("/"):
        foreign.mkdir()
    else:
        foreign.write_text("mine")
    words = f"exists and is not a store: it holds '{foreign.name[:4]}.*'; choose another folder"
    with pytest.raises(ValueError, match=words):
        begin(tmp_path, "x.json", lambda: b"", "a store")
    assert [path.name for path in tmp_path.iterdir()] == [foreign.name]


def test_paths_that_are_not_folders_are_refused(tmp_path):
    def never():
        raise AssertionError("it begins")

    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "none")
    (tmp_path / "loop").symlink_to("loop")
    for name, error, words in (
        ("file", ValueError, "exists and is not a folder; choose another"),
        ("link", ValueError, "is a link to .*none, which does not exist"),
        ("loop", ValueError, "is a link to loop, which does not exist"),
        ("file/inner", NotADirectoryError, "file"),
    ):
        with pytest.raises(error, match=words):
            begin(tmp_path / name, "x.json", never, "a store")
    # the declaration itself
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "x.json").symlink_to("none")
    with pytest.raises(ValueError, match=r"it holds 'x\.json'"):
        begin(tmp_path / "x", "x.json", lambda: b"", "a store")


def test_a_link_to_a_folder_is_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    begin(tmp_path / "link", "x.json", lambda: b"mine", "a store")
    assert (tmp_path / "real" / "x.json").read_bytes() == b"mine"


@pytest.mark.parametrize("links", [True, False])
def test_the_first_of_two_processes_wins(tmp_path, links, monkeypatch):
    if not links:  # some network and USB file systems

        def refuse(*_arguments):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    assert create(tmp_path / "x", b"first")
    assert not create(tmp_path / "x", b"second")
    assert (tmp_path / "x").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("function", [write, create])
@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, function, call, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "open":
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    else:
        monkeypatch.setattr(os, call, full)
        monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space left") as caught:
        function(tmp_path / "x", b"content")
    if call != "replace":
        assert caught.value.filename == str(tmp_path / "x")
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    function(tmp_path / "x", b"content")
    assert (tmp_path / "x").read_bytes() == b"content"


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(PermissionError, match=r"x\.json"):
        begin(tmp_path / "new", "x.json", lambda: b"", "a store")


def test_the_longest_possible_name(tmp_path):
    write(tmp_path / ("x" * 255), b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["x" * 255]
