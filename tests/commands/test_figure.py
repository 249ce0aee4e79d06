"""`rmt-rank figure`: names, files, redrawn figures, and error messages."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from matplotlib.text import Text

from rmt_rank.__main__ import run
from rmt_rank._lib import atomic
from rmt_rank.paper import experiments
from rmt_rank.paper.experiments.experiment import run_experiment
from rmt_rank.paper.experiments.report import report
from rmt_rank.paper.figures import FIGURES, figure, find
from rmt_rank.paper.figures.numbers import netcdf, opened
from rmt_rank.paper.figures.style import DOUBLE, SINGLE, STYLES, style

xarray = pytest.importorskip("xarray", reason="xarray is not installed")

NAME = "rank-measures"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a figure and what it was drawn from."""
    folder = tmp_path_factory.mktemp("figure") / "out"
    assert run(["figure", NAME, "--tiny", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def plain(monkeypatch):
    """Draw a plain picture where a test is about files, numbers or styles."""

    def drawn(*_arguments):
        canvas = figure.Figure()
        canvas.subplots().set_title("plain")
        return canvas

    monkeypatch.setattr("rmt_rank.commands.figure.drawn", drawn)


def test_list(capsys):
    assert run(["figure", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FIGURES)
    assert lines[0] == (
        "init-pdf                 Distribution of the rank of Gram matrices at initialisation "
        "(fig1, captions:fig1)"
    )
    # the experiment where its name is another
    assert lines[1].endswith("(fig2, captions:fig2, experiment convergence)")


def test_names_and_aliases_are_unique_and_find_their_figures():
    found = [find(name) for name in FIGURES]
    assert [each.name for each in found] == list(FIGURES)
    aliases = [alias for each in found for alias in each.aliases]
    assert len(set(aliases)) == len(aliases)
    for each in found:
        assert all(find(alias) is each for alias in each.aliases)
        if each.experiment is not None:
            assert experiments.find(each.experiment).name == each.experiment


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        # numbers of the second revision, and of the list of captions
        ("fig2", "convergence-pdf"),
        ("captions:fig2", "convergence-pdf"),
        ("fig4", "optimizers"),
        ("captions:fig3", "optimizers"),
        ("fig5", "parameterization"),
        ("captions:fig4", "parameterization"),
        ("fig8", "reparameterization"),
        ("captions:fig7", "reparameterization"),
        ("fig9", "residual"),
        ("captions:fig13", "residual"),
        ("fig10", "rank-measures"),
        ("captions:fig8", "rank-measures"),
        ("captions:fig9", "least-squares-ablation"),
        # as a user may write them
        ("FIG4", "optimizers"),
        ("4", "optimizers"),
        ("Captions:Fig3", "optimizers"),
        ("Optimizers", "optimizers"),
        ("init_pdf", "init-pdf"),
    ],
)
def test_aliases(alias, name):
    assert find(alias).name == name


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure(name, tiny_runs, tmp_path, monkeypatch, capsys):
    savefig, canvases = figure.Figure.savefig, []

    def png(canvas, file, **options):
        # a PDF takes longer than all the rest, see test_every_pdf, and so do 300 dots per inch
        if options["format"] == "pdf":
            return file.write(b"%PDF")
        canvases.append(canvas)
        canvas.set_dpi(100)
        return savefig(canvas, file, **options | {"dpi": 100})

    monkeypatch.setattr(figure.Figure, "savefig", png)
    monkeypatch.setattr(
        "rmt_rank.commands.figure.run_experiment",
        lambda experiment, *_, **__: tiny_runs(experiment.name),
    )
    assert run(["figure", name, "--tiny", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    each = find(name)
    assert printed.startswith(f"{name}: {each.title}\n")
    settings = {} if each.experiment is None else experiments.find(each.experiment).settings("tiny")
    assert figure.caption(each, settings) in " ".join(printed.split())
    fits_a_page(*canvases)
    suffixes = {"png", "pdf"} | ({"nc", "md"} if each.experiment else set())
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {f"{name}.{suffix}" for suffix in suffixes}
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / f"{name}.pdf").read_bytes() == b"%PDF"
    if each.experiment is None:
        return
    # what is saved says what the fresh numbers say
    dataset = xarray.load_dataset(tmp_path / f"{name}.nc", engine="scipy")
    assert report(dataset) == (tmp_path / f"{name}.md").read_text()
    words = " ".join(printed.split())
    for finding in experiments.find(each.experiment).judge(dataset):
        assert f"{finding.verdict.value}: {finding.sentence}" in words


# Points; the smallest letters that journals print, and inches of a page's height.
SMALLEST, HIGHEST = 6, 9


def fits_a_page(canvas):
    """Assert a journal's width, readable letters, and texts that are whole and apart."""
    width, height = canvas.get_size_inches()
    assert width in (SINGLE, DOUBLE)
    assert height <= HIGHEST
    texts = shown(canvas)
    assert min(text.get_fontsize() for text in texts) >= SMALLEST
    boxes = np.array([text.get_window_extent().extents for text in texts])
    words = [text.get_text() for text in texts]
    # a pixel, as letters are put on whole ones
    outside = (boxes[:, :2] < -1).any(1) | (boxes[:, 2:] > np.array(canvas.bbox.size) + 1).any(1)
    assert [word for word, out in zip(words, outside, strict=True) if out] == []
    low = np.maximum(boxes[:, np.newaxis, :2], boxes[np.newaxis, :, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], boxes[np.newaxis, :, 2:])
    # boxes are a little higher than the letters in them
    meet = np.triu((high - low > 2).all(axis=-1), 1)
    assert [(words[i], words[j]) for i, j in np.argwhere(meet)] == []


def shown(canvas):
    """Texts that are drawn: not those of ticks beyond the axis, nor of axes that are off."""
    hidden = set()
    for axes in canvas.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            for tick in ticks:
                if not axes.axison or not low - slack <= tick.get_loc() <= high + slack:
                    hidden |= {tick.label1, tick.label2}
        if not axes.axison:
            hidden |= {axes.xaxis.label, axes.yaxis.label, axes.title}
    texts = canvas.findobj(lambda each: isinstance(each, Text) and each.get_visible())
    return [text for text in texts if text.get_text().strip() and text not in hidden]


# a diagram, lines and a map; the others take longer
QUICK = ("reparameterization", "phases", "depth-width-map")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FIGURES],
)
def test_every_pdf(name, tiny_runs, tmp_path):
    each = find(name)
    dataset = each.experiment and tiny_runs(each.experiment)
    with style("screen"):
        figure.drawn(each, dataset).savefig(tmp_path / "x.pdf")
    whole_pdf(tmp_path / "x.pdf")


def whole_pdf(path):
    pdf = path.read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.rstrip().endswith(b"%%EOF")
    # whole fonts as outlines, none left to the reader's machine
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf


def test_numbers_are_drawn_again_without_computing(made, tmp_path, monkeypatch, capsys):
    def never(*_arguments, **_options):
        raise AssertionError("it computes")

    monkeypatch.setattr("rmt_rank.commands.figure.run_experiment", never)
    numbers = made / f"{NAME}.nc"
    assert run(["figure", NAME, "--numbers", str(numbers), "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {f"{NAME}.png", f"{NAME}.pdf"}
    for suffix in ("png", "pdf"):
        same = f"{NAME}.{suffix}"
        assert (tmp_path / same).read_bytes() == (made / same).read_bytes()
    whole_pdf(tmp_path / f"{NAME}.pdf")
    dataset = xarray.load_dataset(numbers, engine="scipy")
    words = " ".join(capsys.readouterr().out.split())
    for finding in experiments.find(NAME).judge(dataset):
        assert f"{finding.verdict.value}: {finding.sentence}" in words


@pytest.mark.parametrize(
    ("given", "words"), [(["--quick"], "--quick --seed 0"), (["--tiny", "--seed", "1"], "--tiny ")]
)
def test_a_figure_of_another_run_is_kept(given, words, made, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in made.iterdir()}
    with pytest.raises(SystemExit) as stopped:
        run(["figure", "residual", NAME, *given, "--out", str(made)])
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert f"{NAME}.nc was made with --tiny --seed 0, not {words}" in message
    assert message.endswith("; choose another --out\nTry 'rmt-rank figure --help'.\n")
    # before anything is computed
    assert {path.name: path.stat().st_mtime_ns for path in made.iterdir()} == before


def test_a_file_that_is_not_a_figure_is_kept(tmp_path, capsys):
    (tmp_path / f"{NAME}.nc").write_text("Dear")
    with pytest.raises(SystemExit):
        run(["figure", NAME, "--tiny", "--out", str(tmp_path)])
    assert "by another version of rmt_rank; choose another --out" in capsys.readouterr().err
    assert (tmp_path / f"{NAME}.nc").read_text() == "Dear"


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_the_numbers_are_not_replaced_by_a_picture(link, made, tmp_path, capsys):
    numbers = tmp_path / "numbers.nc"
    numbers.write_bytes((made / f"{NAME}.nc").read_bytes())
    link(numbers, tmp_path / f"{NAME}.pdf")
    with pytest.raises(SystemExit) as stopped:
        drawn(numbers, tmp_path)
    assert stopped.value.code == 2
    assert "--out must not be a file that is read, got " in capsys.readouterr().err
    assert numbers.read_bytes() == (made / f"{NAME}.nc").read_bytes()
    assert not (tmp_path / f"{NAME}.png").exists()


def drawn(numbers, folder):
    return run(["figure", NAME, "--numbers", str(numbers), "--out", str(folder)])


def test_damage_anywhere_in_numbers(made, tmp_path):
    content = (made / f"{NAME}.nc").read_bytes()
    path = tmp_path / "numbers.nc"
    damaged = [content[:size] for size in range(0, len(content), len(content) // 40)]
    damaged += [content + b"\0", content + content, b"\0" + content]
    for i in range(0, 8 * len(content), 8 * len(content) // 300 + 1):
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        damaged.append(bytes(flipped))
    for each in damaged:
        path.write_bytes(each)
        with pytest.raises(
            ValueError, match=r"numbers\.nc cannot be read as a file of the numbers"
        ):
            opened(path)
    path.write_bytes(content)
    whole = xarray.load_dataset(path, engine="scipy")
    assert whole.attrs.pop("seal").startswith("rmt_rank file of the numbers of a figure, format 1")
    assert opened(path).identical(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.drop_vars("seconds"), "seconds"),
        (lambda data: data.assign(seconds=-data.seconds), "its seconds must be >= 0"),
        (lambda data: data.drop_vars("depth"), "it has no depth"),
        (lambda data: data[["seconds"]], ""),
        (lambda data: data.assign_attrs(experiment="none"), "experiment must be one of"),
        (lambda data: data.assign_attrs(size="huge"), "size must be one of"),
        (lambda data: data.assign_attrs(seed=-1), "seed must be an integer >= 0"),
        (lambda data: data.assign_attrs(seed="one"), "invalid literal"),
        (lambda data: data.assign_attrs(settings="[" * 100_000), "it is nested too deeply"),
        (lambda data: data.assign_attrs(settings="{}"), ""),
        (lambda data: data.assign_attrs(versions="[]"), "it holds a list, not an object"),
    ],
)
def test_numbers_that_cannot_be(made, tmp_path, change, words, capsys):
    """Wrong content is refused even if its digest is right."""
    path = tmp_path / "numbers.nc"
    path.write_bytes(netcdf(change(opened(made / f"{NAME}.nc"))))
    with pytest.raises(SystemExit) as stopped:
        drawn(path, tmp_path / "out")
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "numbers.nc cannot be read as a file of the numbers of a figure: " in error
    assert words in error


@pytest.mark.usefixtures("plain")
def test_a_folder_is_cleared_of_what_a_killed_command_left(made, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    left = tmp_path / f".rmt_rank-part-{atomic._machine()}-{process.pid}-abcd_123"
    left.touch()
    assert drawn(made / f"{NAME}.nc", tmp_path) == 0
    assert not left.exists()


@pytest.mark.usefixtures("plain")
def test_any_seed(tmp_path):
    seed = 10**26
    command = ["figure", "phases", "--tiny", "--seed", str(seed), "--out", str(tmp_path / "one")]
    assert run(command) == 0
    assert run(command) == 0
    assert f"--tiny --seed {seed}`" in (tmp_path / "one" / "phases.md").read_text()
    numbers = str(tmp_path / "one" / "phases.nc")
    assert run(["figure", "phases", "--numbers", numbers, "--out", str(tmp_path / "two")]) == 0


@pytest.mark.usefixtures("plain")
def test_an_interrupted_figure_resumes(made, tmp_path, monkeypatch):
    """With the cells that are there: all of them, so that nothing is computed."""
    monkeypatch.setattr("rmt_rank.paper.experiments.experiment._compute", None)
    folder = shutil.copytree(made, tmp_path / "copy")
    assert run(["figure", NAME, "--tiny", "--out", str(folder)]) == 0
    assert (folder / f"{NAME}.nc").read_bytes() == (made / f"{NAME}.nc").read_bytes()
    # there are no cells of another seed
    with pytest.raises(TypeError, match="not callable"):
        run_experiment(experiments.find(NAME), "tiny", seed=1)


@pytest.mark.usefixtures("plain")
def test_styles_give_different_pictures(tmp_path):
    pictures = set()
    for name in STYLES:
        command = ["figure", "reparameterization", "--style", name]
        assert run([*command, "--out", str(tmp_path / name)]) == 0
        pictures.add((tmp_path / name / "reparameterization.png").read_bytes())
    assert len(pictures) == len(STYLES)


def test_all_is_every_name_once(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("rmt_rank.commands.figure._make", lambda each, *_: shown.append(each.name))
    assert run(["figure", "fig4", "all", "residual", "--out", str(tmp_path)]) == 0
    assert shown == list(FIGURES)


def test_data_that_figures_share_is_computed_once(tmp_path, monkeypatch, made):
    from dataclasses import replace

    twin = replace(find(NAME), name="twin")
    monkeypatch.setattr("rmt_rank.commands.figure._chosen", lambda _names: [find(NAME), twin])
    runs = []
    dataset = xarray.load_dataset(made / f"{NAME}.nc", engine="scipy")

    def once(*_arguments, **_options):
        runs.append(1)
        return dataset

    monkeypatch.setattr("rmt_rank.commands.figure.run_experiment", once)
    assert run(["figure", NAME, "twin", "--tiny", "--out", str(tmp_path)]) == 0
    assert runs == [1]
    assert (tmp_path / "twin.png").read_bytes() == (tmp_path / f"{NAME}.png").read_bytes()


def test_files_are_written_whole(made, tmp_path, monkeypatch):
    """A picture that fails half way leaves the old one, and no other file."""
    (tmp_path / f"{NAME}.png").write_text("old")

    def breaks(*_arguments, **_options):
        raise OSError("the disk is full")

    monkeypatch.setattr(figure.Figure, "savefig", breaks)
    with pytest.raises(SystemExit):
        run(["figure", NAME, "--numbers", str(made / f"{NAME}.nc"), "--out", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.png"]
    assert (tmp_path / f"{NAME}.png").read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "NAME is required; --list shows them"),
        (["nothing"], "figure must be one of 'init-pdf', "),
        (["fig99"], "a number (fig4, captions:fig3), or all on the command line, got 'fig99'"),
        (["optimisers"], "got 'optimisers'; did you mean 'optimizers'?"),
        (["fgi4"], "got 'fgi4'; did you mean 'fig4'?"),
        ([NAME, "optimizers", "--data", "mnist"], "data goes with experiments on images"),
        ([NAME, "--out", ""], "--out must not be empty"),
        ([NAME, "--jobs", "0"], "--jobs must be an integer >= 1, got 0"),
        ([NAME, "--seed", "-1"], "seed must be an integer >= 0, got -1"),
        ([NAME, "--style", "loud"], "argument --style: invalid choice: 'loud'"),
        ([NAME, "--tiny", "--full"], "not allowed with argument"),
        ([NAME, "--numbers", "none.nc"], "--numbers cannot be read: none.nc"),
        (
            [NAME, "--numbers", "letter.txt"],
            "letter.txt cannot be read as a file of the numbers of a figure: it has no",
        ),
        (
            [NAME, "--numbers", "none.nc", "--tiny", "--seed", "0", "--jobs", "1"],
            "--numbers computes nothing: not with --tiny, --seed, --jobs",
        ),
        ([NAME, "residual", "--numbers", "none.nc"], "--numbers goes with one figure"),
        (["reparameterization", "--numbers", "none.nc"], "and not with a diagram"),
        ([NAME, "--out", "letter.txt"], "--out cannot be a folder: letter.txt (File exists)"),
        ([NAME, "--out", "letter.txt/a"], "--out cannot be a folder: letter.txt/a (Not a dir"),
    ],
)
def test_wrong_usage_is_refused_in_a_sentence(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(SystemExit) as stopped:
        run(["figure", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch, capsys):
    def refuse(*_arguments, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    # what the system says to all but root
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(SystemExit) as stopped:
        run(["figure", NAME, "--tiny", "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert "--out cannot be written" in capsys.readouterr().err


def test_numbers_of_another_experiment(made, tmp_path, capsys):
    numbers = str(made / f"{NAME}.nc")
    with pytest.raises(SystemExit) as stopped:
        run(["figure", "residual", "--numbers", numbers, "--out", str(tmp_path)])
    assert stopped.value.code == 2
    message = "--numbers must hold the experiment 'residual', got 'rank-measures' in"
    assert message in capsys.readouterr().err


def test_an_interrupted_command_keeps_its_cells(tmp_path, start, until):
    command = [sys.executable, "-m", "rmt_rank.figures", "convergence-pdf", "--quick"]
    process = start(*command, "--out", tmp_path)
    cells = tmp_path / "cells" / "convergence-quick-0"
    until(lambda: process.poll() is not None or list(cells.glob("*.npz")))
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    done = process.outcome()
    # a process that the signal itself ends is 130 to a shell, too
    assert done.returncode in (130, -signal.SIGINT)
    assert done.stderr == "python -m rmt_rank.figures: interrupted; run it again to resume\n"
    assert done.stdout == ""
    assert list(cells.glob("*.npz"))
