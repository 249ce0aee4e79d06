"""Streams and outputs of commands: encodings, pipes, devices, closed streams."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from rmt_rank import rank_measures
from rmt_rank.__main__ import run
from rmt_rank._lib import output as _output
from rmt_rank._lib.archive import dump_json
from rmt_rank._lib.output import Output, refuse_same, write_outputs
from rmt_rank._lib.text import Parser, shown

A = np.random.default_rng(0).normal(size=(6, 4))
# markup, emoji, escape sequences, lines, directions of writing, lone surrogates
NAMES = [
    "q[a]",
    "q[b]",
    "[/bold]",
    "[red]x[/red]",
    ":smile:",
    "clear\x1b[2J\x1b]0;title\x07",
    "line\n9 measured, 0 skipped",
    "back\rover\x08\x7f",
    "c1\x9b2J\x85",
    "right\u202eleft\u2066\u200f",
    "line\u2028paragraph\u2029",
    "層",
    "é",
]


def command(*arguments):
    return [sys.executable, "-P", "-m", "rmt_rank", *map(str, arguments)]


def measured(path, *arguments, **options):
    return subprocess.run(command("measure", path, *arguments), capture_output=True, **options)


def shell(line, *arguments):
    words = command(*arguments)
    return subprocess.run(
        ["bash", "-c", line.replace("COMMAND", '"$@"'), "bash", *words],
        capture_output=True,
        text=True,
        timeout=600,
    )


def on_terminal(width, *arguments):
    """Return the output of a command on a terminal of a given width."""
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        command(*arguments), stdout=end, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(end)
        written = b""
        try:
            while piece := os.read(main, 65536):
                written += piece
        except OSError:  # the terminal was closed
            pass
        finally:
            os.close(main)
            process.kill()
    return written.decode().replace("\r\n", "\n")


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=A, b=A * np.arange(1, 5), bias=np.ones(3))
    return path


@pytest.fixture
def named(tmp_path):
    path = tmp_path / "names.npz"
    np.savez(path, **dict.fromkeys(NAMES, A))
    return path


# --- strings of a user ----------------------------------------------------------------------------


def test_control_characters_are_escaped():
    everything = "".join(map(chr, range(0x11000)))
    assert shown(everything).isprintable()
    assert shown("a b é 層 🙂 \\ [x] :smile:") == "a b é 層 🙂 \\ [x] :smile:"
    assert shown("\n\x1b\x9b\u202e\u2028\udcff") == r"\n\x1b\x9b\u202e\u2028\udcff"


@pytest.mark.parametrize("terminal", [False, True])
def test_names_of_arrays_are_shown_as_they_are(named, terminal):
    text = on_terminal(200, "measure", named) if terminal else measured(named).stdout.decode()
    lines = text.splitlines()
    assert len(lines) == len(NAMES) + 2
    assert lines[-1] == f"{len(NAMES)} measured, 0 skipped"
    for name, line in zip(NAMES, lines[1:], strict=False):
        assert line.startswith(f"{shown(name)}  ")
    assert all(line.isprintable() for line in lines)


def test_names_of_files_and_reasons_are_shown_as_they_are(tmp_path):
    folder = tmp_path / "[red]a\n\x1b[2J\u202e"
    folder.mkdir()
    np.savez(folder / "x.npz", **{name: np.ones(3) for name in NAMES}, good=A)
    (folder / "bad.npz").write_bytes(b"\x1b[2J\n[/red]")
    np.save(folder / "y.npy", np.zeros((2, 2), dtype=[("f\n\x1b[2J", "f4")]))
    for output in (
        [measured(folder / "x.npz", folder / "bad.npz", folder / "y.npy", folder / "none")],
        [measured(folder / "x.npz", "--tau", "\n[/b]\x1b"), measured("--csv", folder / "no" / "x")],
    ):
        for done in output:
            for text in (done.stdout.decode(), done.stderr.decode()):
                assert all(line.isprintable() for line in text.split("\n"))
                assert "Traceback" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["study", "show", "[/b]\n\x1b[2J"],
        ["study", "run", "[/b]\n\x1b[2J.toml"],
        ["experiment", "[/b]\n\x1b[2J"],
        ["experiment", "convergence", "--report", "no/[/b]\n\x1b[2J"],
        ["figure", "[/b]\n\x1b[2J"],
        ["figure", "convergence-pdf", "--numbers", "[/b]\n\x1b[2J"],
        ["verify", "[/b]\n\x1b[2J"],
        ["verify", "theorem1", "--json", "no/[/b]\n\x1b[2J"],
        ["verify", "theorem1", "--\n\x1b[2J"],
        ["[/b]\n\x1b[2J"],
    ],
)
def test_errors_of_every_command_show_strings_as_they_are(arguments, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run(arguments)
    assert stop.value.code == 2
    text = capsys.readouterr().err
    assert text.splitlines()[0].count("[2J") == 1
    assert re.fullmatch(r"Try 'rmt-rank.* --help'\.", text.splitlines()[1])
    assert all(line.isprintable() for line in text.split("\n"))


def test_a_parser_of_a_subcommand_escapes_too(capsys):
    parser = Parser()
    parser.add_subparsers().add_parser("x")
    with pytest.raises(SystemExit):
        parser.parse_args(["x", "--\n"])
    assert capsys.readouterr().err.splitlines()[0].endswith("unrecognized arguments: --\\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8", "utf-16"])
def test_streams_that_cannot_encode_a_name(named, encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = measured(named, "nothing-層.npy", env=environment)
    assert done.returncode == 1
    text = done.stdout.decode(encoding)
    assert ("層" if encoding.startswith("utf") else r"\u5c64") in text
    assert text.splitlines()[-1] == f"{len(NAMES)} measured, 0 skipped, 1 not read"
    assert "No such file" in done.stderr.decode(encoding)


def test_columns_are_straight_where_names_cannot_be_encoded(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=A, 層層=A)
    done = measured(path, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    head, *lines, _ = done.stdout.decode().splitlines()
    assert lines[1].startswith(r"\u5c64\u5c64  ")
    assert {line.index("6x4") + 3 for line in lines} == {head.index("shape") + 5}


def test_names_that_are_not_text(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff\x9b")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("the file system takes no names that are not UTF-8")
    path = str(folder / "x.npy")
    other = tmp_path / "y.npy"
    np.save(path, A)
    np.save(other, A)
    csv_path, json_path = tmp_path / "x.csv", tmp_path / "x.json"
    done = measured(path, other, "--csv", csv_path, "--json", json_path)
    assert done.returncode == 0
    assert r"\udcff\udc9b/x.npy" in done.stdout.decode()
    assert json.loads(json_path.read_text())[0]["file"] == path
    with csv_path.open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["file"] == shown(path)
    bad = folder / "no" / "x.csv"
    assert measured(path, "--csv", bad).returncode == 2


def test_a_csv_has_a_line_per_array_whatever_its_name(named, tmp_path):
    out = tmp_path / "x.csv"
    assert run(["measure", str(named), "--csv", str(out)]) == 0
    lines = out.read_text(encoding="utf-8").split("\n")
    assert len(lines) == len(NAMES) + 2
    assert all(line.isprintable() for line in lines)
    out = tmp_path / "x.json"
    assert run(["measure", str(named), "--json", str(out)]) == 0
    assert [row["array"] for row in json.loads(out.read_text())] == NAMES


# --- layout ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 60, 80, 160])
@pytest.mark.parametrize("several", [False, True])
def test_numbers_are_whole_at_every_width(tmp_path, width, several):
    path = tmp_path / "x.npz"
    names = ["a", "model.layers.0.self_attn.q_proj.weight", "層" * 30]
    arrays = {
        name: np.random.default_rng(i).normal(size=(700, 3)) * [1, 1e-3, 1]
        for i, name in enumerate(names)
    }
    np.savez(path, **arrays)
    paths = [path, path] if several else [path]
    text = on_terminal(width, "measure", *paths)
    for name in names:
        rank = format(float(rank_measures(arrays[name]).effective_rank), ".5g")
        assert text.count(f"700x3  {rank.rjust(9)}") + text.count(
            f"700x3  {rank.rjust(14)}"
        ) == len(paths)
    assert "…" not in text
    table = text[: text.rindex("\nnot shown")] if "not shown" in text else text
    rows = [line for line in table.splitlines() if str(path) not in line]
    # below 32 columns a name, a shape and a rank do not fit, and the terminal folds
    assert all(cell_len(line) <= max(width, 32) for line in rows)
    folded = "".join(line[: line.find("700x3")] if "700x3" in line else line for line in rows)
    for name in names:
        assert name in folded.replace(" ", "")
    for name in ("roy", "stable", "threshold", "numerical"):
        assert name in text  # as a column, or in the list of those not shown


def test_a_pipe_gets_a_line_per_matrix(tmp_path):
    path = tmp_path / ("long" * 40)
    path.mkdir()
    name = "model." * 40 + "weight"
    np.savez(path / "x.npz", **{name: A, "b": A})
    np.save(path / "y.npy", A)
    for width in ("20", "80"):
        done = measured(path / "x.npz", path / "y.npy", env=os.environ | {"COLUMNS": width})
        head, *lines, last = done.stdout.decode().splitlines()
        assert last == "3 measured, 0 skipped"
        words = [line.split() for line in (head, *lines)]
        assert {len(line) for line in words} == {8}
        assert [line[1] for line in words] == ["array", name, "b", "y"]
        assert words[0][3] == "effective_rank"


def test_skipped_arrays_share_their_file_and_reason(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=A, **{f"norm.{i}": np.ones(3) for i in range(50)})
    text = measured(path).stdout.decode()
    assert text.count(str(path)) == 1
    assert text.count("it has 1 dimension, not 2") == 1
    assert "norm.49" in text


# --- outputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "redirection"),
    [
        ("-", "| cat"),
        ("/dev/stdout", "| cat"),
        ("/proc/self/fd/1", "| cat"),
        ("-", "> {0}; cat {0}"),
        ("/dev/stdout", ">> {0}; cat {0}"),
    ],
)
def test_standard_output_holds_the_data_alone(archive, tmp_path, place, redirection):
    line = f"COMMAND {redirection.format(tmp_path / 'out')}"
    done = shell(line, "measure", archive, "--csv", place)
    assert [row["array"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["a", "b", "bias"]
    line = f"COMMAND {redirection.format(tmp_path / 'other')}"
    done = shell(line, "measure", archive, "--json", place)
    assert len(json.loads(done.stdout)) == 3
    assert done.stderr == ""
    assert not (tmp_path / "-").exists()


def test_the_file_that_standard_output_goes_to(archive, tmp_path):
    out = tmp_path / "out.csv"
    done = shell(f"COMMAND > {out}", "measure", archive, "--csv", out)
    assert done.returncode == 0
    assert len(out.read_text().splitlines()) == 4


def test_other_pipes_and_devices(archive, tmp_path):
    fifo, copy = tmp_path / "fifo", tmp_path / "copy"
    os.mkfifo(fifo)
    line = f"cat {fifo} > {copy} & COMMAND; wait"
    done = shell(line, "measure", archive, "--csv", fifo)
    assert len(copy.read_text().splitlines()) == 4
    assert "2 measured, 1 skipped" in done.stdout
    done = shell(f"COMMAND 3> {copy}", "measure", archive, "--csv", "/dev/fd/3")
    assert len(copy.read_text().splitlines()) == 4
    done = shell("COMMAND 2>&1 >/dev/null", "measure", archive, "--json", "/dev/stderr")
    assert len(json.loads(done.stdout)) == 3
    done = shell("COMMAND", "measure", archive, "--csv", "/dev/null")
    assert (done.returncode, done.stderr) == (0, "")


def refused(monkeypatch, capsys, *arguments):
    """Message of a command that ends with code 2 before any work."""

    def never(*_arguments):
        raise AssertionError("it works")

    monkeypatch.setattr("rmt_rank.commands.measure.rows", never)
    with pytest.raises(SystemExit) as stop:
        run(list(map(str, arguments)))
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_no_output_replaces_an_input(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", A)
    np.save("b.npy", A)
    Path("link.csv").symlink_to("a.npy")
    os.link("a.npy", "hard.csv")
    Path("note.csv").write_text("Dear")
    content = Path("a.npy").read_bytes()
    for option in ("--csv", "--json"):
        for path in ("a.npy", "./a.npy", "link.csv", "hard.csv", tmp_path / "a.npy"):
            words = f"{option} must not be a file that is read, got '{Path(path)}'"
            assert words in refused(monkeypatch, capsys, "measure", "b.npy", "a.npy", option, path)
        # a file that is read although it holds no arrays
        assert "must not be a file that is read" in refused(
            monkeypatch, capsys, "measure", "b.npy", "note.csv", option, "note.csv"
        )
        # the name of the output was forgotten
        assert f"{option} must not end in .npy, .npz, .safetensors" in refused(
            monkeypatch, capsys, "measure", option, "a.npy", "b.npy"
        )
        with Path("a.npy").open("r+b") as file:
            assert "must not be a file that is read" in refused(
                monkeypatch, capsys, "measure", "a.npy", option, f"/dev/fd/{file.fileno()}"
            )
    assert Path("a.npy").read_bytes() == content
    assert Path("note.csv").read_text() == "Dear"


@pytest.mark.parametrize(
    "arguments",
    [
        ["measure", "b.npy", "--csv"],
        ["measure", "b.npy", "--json"],
        ["verify", "metrics.errata.definition-4", "--json"],
        ["verify", "theorem1", "--figure"],
        ["experiment", "init-pdf", "--tiny", "--csv"],
        ["experiment", "init-pdf", "--tiny", "--report"],
    ],
)
def test_no_output_replaces_arrays_or_results(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("b.npy", A)
    np.savez("arrays.npz", A)
    results = {
        # by their first bytes
        "array.png": Path("b.npy").read_bytes(),
        "archive.png": Path("arrays.npz").read_bytes(),
        "model.png": struct.pack("<Q", 2) + b"{}",
        "pickle.png": b"\x80\x04.",
        "declaration.png": dump_json("declaration of a study", {}),
    }
    for name, content in results.items():
        Path(name).write_bytes(content)
        message = refused(monkeypatch, capsys, *arguments, name)
        assert f"{arguments[-1]} must not replace a file of arrays or results, got" in message
        assert Path(name).read_bytes() == content
    if arguments[-1] != "--figure":  # which has other endings
        for name in ("new.npy", "new.NPZ", "new.safetensors"):
            message = refused(monkeypatch, capsys, *arguments, name)
            assert f"{arguments[-1]} must not end in .npy, .npz, .safetensors" in message
            assert not Path(name).exists()


def test_a_full_device_does_not_lose_the_table(archive, tmp_path):
    out = tmp_path / "x.json"
    done = measured(archive, "--csv", "/dev/full", "--json", out)
    assert done.returncode == 2
    assert b"could not write --csv /dev/full: No space left on device" in done.stderr
    assert b"2 measured, 1 skipped" in done.stdout
    assert len(json.loads(out.read_text())) == 3


@pytest.mark.parametrize(
    ("arguments", "redirection", "code", "error"),
    [
        ([], ">&-", 0, ""),
        ([], ">&- 2>&-", 0, ""),
        (["missing.npy"], "2>&-", 1, ""),
        (["missing.npy"], "2>/dev/full", 2, ""),
        (["--json", "-"], ">&-", 2, "standard output is closed"),
        (["--json", "/dev/stdout"], ">&-", 2, "standard output is closed"),
        (["--json", "-"], ">/dev/full", 2, "could not write: "),
        (["--json", "-"], "| true", 141, ""),
        (["--csv", "/dev/fd/77"], "", 2, "Bad file descriptor"),
        (["--csv", "/dev"], "", 2, "Is a directory"),
    ],
)
def test_streams_that_are_closed_or_full(archive, arguments, redirection, code, error):
    line = f"set -o pipefail; COMMAND {redirection}"
    # there is no reader: wait for it to exit
    line = line.replace("| true", "2>&2 | (exec <&-; sleep 0)")
    done = shell(line, "measure", archive, *arguments)
    assert done.returncode == code
    assert error in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_pipe_is_not_opened_before_there_is_something_to_write(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    Output("--csv", fifo)  # this returns although there is no reader


def test_links_in_a_circle_and_sockets_are_refused(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match=r"--csv cannot be written: .*Too many levels"):
        Output("--csv", tmp_path / "loop")
    (tmp_path / "link").symlink_to("target")
    Output("--csv", tmp_path / "link").write(b"x")
    assert (tmp_path / "target").read_bytes() == b"x"


def test_standard_output_without_bytes(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdout", text)
    output = Output("--csv", Path("-"))
    output.write("é".encode())
    assert text.getvalue() == "é"
    with pytest.raises(ValueError, match="--csv and --json must be different"):
        refuse_same(output, Output("--json", Path("/dev/stdout")))


def test_the_other_outputs_are_written_after_one_fails(tmp_path, capsys, monkeypatch):
    outputs = [Output("--csv", tmp_path / "a"), Output("--json", tmp_path / "b")]
    right = _output.write

    def fail(path: Path, content):
        if path.name == "a":
            raise OSError(28, "No space left on device")
        right(path, content)

    monkeypatch.setattr(_output, "write", fail)
    assert not write_outputs("prog", [(each, str.encode) for each in outputs], "x")
    assert (tmp_path / "b").read_text() == "x"
    assert capsys.readouterr().err.startswith("prog: could not write --csv")


def test_evidence_on_standard_output():
    done = shell("COMMAND", "verify", "metrics.errata.definition-4", "--json", "-")
    assert json.loads(done.stdout)["complete"] is True
    assert "checks: " in done.stderr or "check: " in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_experiment_on_standard_output(capsys):
    done = shell("COMMAND 2>/dev/null", "experiment", "phases", "--tiny", "--csv", "-")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert len({len(row) for row in rows}) == 1
    assert "seconds" in rows[0]
    assert run(["experiment", "phases", "--tiny", "--report", "-", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# ")
    assert "medians (quartiles" not in printed
