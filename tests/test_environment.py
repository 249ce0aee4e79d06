"""Commands in unusual environments."""

import os
import pkgutil
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import rmt_rank
from rmt_rank.__main__ import run
from rmt_rank.paper.figures.style import style

# A figure that is drawn without computing anything.
DRAW = ["figure", "reparameterization", "--out"]

# Each takes a process of its own, so that settings that do not touch one another stand together.
SURROUNDINGS = {
    # inherited by processes that a notebook starts, even if they lack the notebook's packages
    "notebook": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "unknown backend, no home, C locale, thread counts that are not numbers": {
        "MPLBACKEND": "nonsense",
        "HOME": None,
        "COLUMNS": "abc",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "OMP_NUM_THREADS": "abc",
        "OPENBLAS_NUM_THREADS": "-1",
    },
    "empty backend, home not a folder, unknown locale, warnings as errors": {
        "MPLBACKEND": "",
        "HOME": os.devnull,
        "XDG_CACHE_HOME": None,
        "XDG_CONFIG_HOME": None,
        "LC_ALL": None,
        "LANG": "xx_YY",
        "PYTHONWARNINGS": "error",
    },
    "window backend, no folder for matplotlib or temporary files, plain terminal, ASCII": {
        "MPLBACKEND": "qtagg",
        "MPLCONFIGDIR": os.devnull,
        "TERM": "dumb",
        "NO_COLOR": "1",
        "COLUMNS": "0",
        "LINES": "-1",
        "TMPDIR": os.devnull,
        "PYTHONIOENCODING": "ascii",
    },
}
FLAGS = [["-I"], ["-OO"], ["-X", "dev", "-W", "error"]]


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_figures_are_drawn_anywhere(start, tmp_path, name):
    changed = SURROUNDINGS[name]
    environment = {k: v for k, v in os.environ.items() if k not in changed}
    environment |= {k: v for k, v in changed.items() if v is not None}
    command = [sys.executable, "-P", "-m", "rmt_rank", *DRAW]
    done = start(*command, tmp_path / "out", env=environment).outcome()
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".pdf", ".png"}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Environment whose processes share bytecode, which -OO compiles anew without it."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_figures_are_listed_with_any_flags(start, compiled, flags):
    if flags == ["-I"] and "PYTHONPATH" in os.environ:
        pytest.skip("the package is found by PYTHONPATH, which -I ignores")
    environment = (compiled if flags == ["-OO"] else os.environ) | {"MPLBACKEND": "nonsense"}
    command = [sys.executable, *flags, "-m", "rmt_rank", "figure", "--list"]
    # nothing is written into the working folder
    done = start(*command, env=environment, cwd="/").outcome()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("torch", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_everything_is_there_without_docstrings(start, compiled, torch):
    if torch:
        pytest.importorskip("torch", reason="PyTorch is not installed")
    modules = [m.name for m in pkgutil.walk_packages(rmt_rank.__path__, "rmt_rank.")]
    modules = [name for name in modules if name.startswith("rmt_rank.torch") == torch]
    script = f"""
import importlib, sys
from rmt_rank.__main__ import run
assert False, "-OO leaves out this line"
if run.__doc__ is not None:
    raise SystemExit("there are docstrings")
for name in {[name for name in modules if not name.endswith("__main__")]}:
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        getattr(module, public)
for command in ("experiment", "figure", "verify"):
    if run([command, "--list"]):
        raise SystemExit(command)
for command in ("experiment", "figure", "measure", "study", "verify", ""):
    try:
        run([*command.split(), "--help"])
    except SystemExit as stopped:
        if stopped.code:
            raise
"""
    command = [sys.executable, "-OO", "-P", "-W", "error", "-c", script]
    done = start(*command, env=compiled).outcome()
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: rmt-rank verify" in done.stdout


def test_numbers_are_the_same_without_docstrings(start, compiled):
    script = """
import rmt_rank
from rmt_rank.networks.linear import LinearNetwork
law = rmt_rank.singular_value_law(3)
problem = rmt_rank.networks.least_squares_problem(4, 2, 3, rng=1)
result = rmt_rank.networks.train(problem, LinearNetwork((4, 4, 4)), steps=20, seeds=1, rng=1)
print(
    law.cdf(0.3),
    law.rvs(size=2, random_state=1),
    rmt_rank.limit_effective_rank(2),
    rmt_rank.exact.differential_effective_rank(2, digits=20),
    rmt_rank.estimate("effective_rank", width=4, depth=2, samples=40, rng=1).value,
    rmt_rank.sample_singular_values(3, 2, 2, rng=1),
    result.weights,
)
"""
    plain, optimized = (
        start(sys.executable, "-P", *flags, "-c", script, env=environment).outcome()
        for flags, environment in (([], os.environ), (["-OO"], compiled))
    )
    assert plain.returncode == 0, plain.stderr
    assert optimized.stdout == plain.stdout


SETTINGS = """
backend: nonsense
font.size: 40
savefig.format: bogus
text.usetex: True
"""


def test_a_file_of_settings_changes_no_figure(start, tmp_path):
    (tmp_path / "matplotlibrc").write_text(SETTINGS)
    done = start(sys.executable, "-P", "-m", "rmt_rank", *DRAW, "set", cwd=tmp_path).outcome()
    assert done.returncode == 0, done.stderr
    assert run([*DRAW, str(tmp_path / "plain")]) == 0
    pictures = [tmp_path / name / "reparameterization.png" for name in ("set", "plain")]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_a_file_of_settings_that_is_not_text_is_named(start, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe\x00")
    command = [sys.executable, "-P", "-m", "rmt_rank", "figure", "--list"]
    done = start(*command, cwd=tmp_path).outcome()
    assert done.returncode == 2
    assert "matplotlib cannot be imported: 'utf-8' codec can't decode" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("backend", ["svg", "nonsense"])
def test_the_backend_of_the_user_is_kept(start, backend):
    script = f"""
import os
import rmt_rank.paper.figures.style
import matplotlib
assert os.environ["MPLBACKEND"] == {backend!r}
with rmt_rank.paper.figures.style.style():
    pass
print(matplotlib.get_backend(auto_select=False))
"""
    options = {"env": os.environ | {"MPLBACKEND": backend}}
    done = start(sys.executable, "-P", "-c", script, **options).outcome()
    assert (done.returncode, done.stderr) == (0, "")
    # if the variable names no backend, none is chosen yet
    assert done.stdout == ("svg\n" if backend == "svg" else "None\n")


def test_a_figure_of_the_user_keeps_its_backend_and_its_settings():
    before = {**mpl.rcParams}
    backend = plt.get_backend()
    with style("dark"):
        plt.close(plt.figure())
        assert plt.get_backend() == backend
    assert {**mpl.rcParams} == before
