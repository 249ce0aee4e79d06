"""Allowed imports between modules, modules loaded by `import rmt_rank`, and the doctests."""

import ast
import doctest
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import rmt_rank

PACKAGE = Path(rmt_rank.__file__).parent
FOUNDATIONS = {
    "_activations",
    "_archive",
    "_array",
    "_blas",
    "_array_input",
    "_errors",
    "_file_kinds",
    "_matrix_files",
    "_folder",
    "_output",
    "_paths",
    "_random",
    "_text",
    "_validation",
    "__init__",
    "paper",
}
# each layer may import what stands in the layers before it, and itself
LAYERS = [
    FOUNDATIONS,
    {"theory", "exact", "metrics", "data"},
    {"networks"},
    {"simulation"},
    {"training"},
    {"experiments"},
    {"claims", "figures"},
    {"_measure_table"},
    {"verify", "measure", "study", "experiment", "figure"},
    {"__main__"},
]
# the public names are gathered from above
EXCEPTIONS = {
    ("__init__", room) for room in ("theory", "metrics", "simulation", "networks", "training")
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    """The subpackage, or the module at the top level, that a file belongs to."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[-1] if parts[-1] == "__main__" else parts[0]


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "rmt_rank" and "." in name:
                first = name.split(".")[1]
                is_room = (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").exists()
                yield first if is_room else "__init__"


def layer(name):
    return next(i for i, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_import_direction(path):
    here = room(path)
    for there in imported_rooms(path):
        among_foundations = {here, there} <= FOUNDATIONS
        if there == here or among_foundations or (here, there) in EXCEPTIONS:
            continue
        assert layer(there) < layer(here), f"{here} may not import {there}"


def test_exact_and_theory_share_nothing():
    for path in modules():
        if room(path) == "exact":
            assert set(imported_rooms(path)) <= {"exact"}, path


def test_only_the_seam_knows_cupy():
    for path in modules():
        if path.name != "_array.py":
            names = {n.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Name)}
            assert "cupy" not in names, path


def run(code):
    # a process of its own, away from the checkout
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    ).stdout


def loaded_by(*names):
    """Third-party packages that are loaded by accessing names of rmt_rank."""
    code = f"""
import sys
before = set(sys.modules)
import rmt_rank
{"; ".join(f"rmt_rank.{name}" for name in names)}
print(*(set(sys.modules) - before))
"""
    return {name.split(".")[0] for name in run(code).split()} - sys.stdlib_module_names


def test_import_loads_nothing_else():
    assert loaded_by() == {"lazy_loader", "rmt_rank"}


def test_the_law_is_light():
    heavy = {"sympy", "matplotlib", "cupy", "flint", "rich", "dask", "torch", "numba", "pandas"}
    assert not loaded_by("singular_value_law", "effective_rank") & heavy


def test_the_exact_road_is_there_when_asked_for():
    code = """
import sys, rmt_rank
assert "sympy" not in sys.modules and "exact" in dir(rmt_rank)
print(rmt_rank.exact.enclose_effective_rank(1))
"""
    assert run(code).startswith("-0.21686166062423")
    with pytest.raises(AttributeError, match="No rmt_rank attribute inexact"):
        _ = rmt_rank.inexact


def test_public_names():
    assert sorted(rmt_rank.__all__) == rmt_rank.__all__
    for name in rmt_rank.__all__:
        assert getattr(rmt_rank, name).__doc__


@pytest.mark.parametrize(
    "name",
    [m.name for m in pkgutil.walk_packages(rmt_rank.__path__, "rmt_rank.") if "main" not in m.name],
)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.skipif("RMT_RANK_INSTALLED" not in os.environ, reason="not run by make test")
def test_it_is_the_installed_package_that_is_tested():
    assert PACKAGE.parent.name == "site-packages"
