"""Allowed imports between modules, modules loaded by `import rmt_rank`, and the doctests."""

import ast
import doctest
import functools
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import rmt_rank

PACKAGE = Path(rmt_rank.__file__).parent
# Each part may import the parts before it, and itself.  A part with a dot is a folder, or a module,
# inside another; those that stand together do not import each other.
ORDER = [
    {"_lib", "paper.tables"},
    {"exact._precision"},
    {"exact._numbers"},
    {"theory.gaussian", "theory.numerics", "metrics", "data", "exact"},
    {"theory"},
    {"theory.limit_rank"},
    {"networks"},
    {"simulation.products"},
    {"simulation.means"},
    {"simulation.study"},
    {"training"},
    {"inspection"},
    {"torch"},
    {"paper.experiments"},
    {"paper.claims", "paper.figures"},
    {"commands"},
    {"__init__", "__main__", "figures", "nonlinear", "study", "verify"},
]
# parts whose folders are subjects: none imports another, but for what ORDER lists before
BY_SUBJECT = {"theory", "exact"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


@functools.cache
def tree(path):
    return ast.parse(path.read_text())


def module_name(path):
    """Dotted name of a file inside the package; that of the folder for `__init__.py`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if len(parts) > 1 and parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


def imported_modules(path):
    """Dotted names of the modules of the package that a file imports."""
    for node in ast.walk(tree(path)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] != "rmt_rank":
                continue
            parts = name.split(".")[1:]
            while parts and not (
                PACKAGE.joinpath(*parts).is_dir()
                or PACKAGE.joinpath(*parts).with_suffix(".py").exists()
            ):
                parts.pop()
            yield ".".join(parts) or "__init__"


def part(name):
    """The longest entry of ORDER that holds a module, and its place."""
    return max(
        (len(each), each, place)
        for place, parts in enumerate(ORDER)
        for each in parts
        if name == each or name.startswith(f"{each}.")
    )[1:]


def subject(name):
    return ".".join(name.split(".")[:2])


def forbidden(path):
    """Return the modules that a module imports from above, or from another subject."""
    here = module_name(path)
    if path.name == "__init__.py" and "." not in here:
        return []  # it gathers names from what stands below
    own, place = part(here)
    found = []
    for there in imported_modules(path):
        if there == "__init__":
            continue
        other, before = part(there)
        below = before < place if own != other else own not in BY_SUBJECT
        if not below and not (own == other and subject(here) == subject(there)):
            found.append(there)
    return found


def test_import_direction():
    assert {str(path): names for path in modules() if (names := forbidden(path))} == {}


def test_exact_and_theory_share_nothing():
    for path in modules():
        if module_name(path).split(".")[0] == "exact":
            assert {name.split(".")[0] for name in imported_modules(path)} <= {"exact"}, path


def test_one_function_imports_the_layers_for_pytorch():
    found = {
        module_name(path)
        for path in modules()
        if module_name(path).split(".")[0] != "torch"
        and any(name.split(".")[0] == "torch" for name in imported_modules(path))
    }
    user = "paper.experiments.trained.convolutional_networks"
    assert found == {user}
    # in a function, so that the module is importable without PyTorch
    body = tree(PACKAGE / f"{user.replace('.', '/')}.py").body
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "torch" not in ast.unparse(node)


def test_only_one_module_imports_cupy():
    for path in modules():
        if module_name(path) != "_lib.array":
            names = {n.id for n in ast.walk(tree(path)) if isinstance(n, ast.Name)}
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


def test_every_part_is_described():
    page = (Path(__file__).parents[1] / "docs/architecture.md").read_text(encoding="utf-8")
    allowed = page.split("```text")[1].split("```")[0]
    for folder in PACKAGE.iterdir():
        if (folder / "__init__.py").exists():
            assert f"| `{folder.name}` |" in page
            assert folder.name in allowed


def test_import_loads_nothing_else():
    assert loaded_by() == {"lazy_loader", "rmt_rank"}


def test_the_law_is_light():
    heavy = {"sympy", "matplotlib", "cupy", "flint", "rich", "dask", "torch", "numba", "pandas"}
    assert not loaded_by("singular_value_law", "effective_rank") & heavy


@pytest.mark.parametrize("command", ["experiment", "figure"])
def test_listing_loads_no_distributions(command):
    code = f"""
import sys
from rmt_rank.__main__ import run
run(["{command}", "--list"])
print("scipy.stats" in sys.modules, "sympy" in sys.modules)
"""
    assert run(code).splitlines()[-1] == "False False"


def test_exact_is_imported_when_it_is_first_used():
    code = """
import sys, rmt_rank
assert "sympy" not in sys.modules and "exact" in dir(rmt_rank)
print(rmt_rank.exact.enclose_effective_rank(1))
"""
    assert run(code).startswith("-0.21686166062423")
    with pytest.raises(AttributeError, match="has no attribute 'inexact'; did you mean 'exact'"):
        _ = rmt_rank.inexact


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("train", "did you mean 'networks.train'"),
        ("efective_rank", "did you mean 'effective_rank'"),
        ("stabel_rank", "did you mean 'metrics.stable_rank'"),
    ],
)
def test_missing_names_get_a_hint(name, hint):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; {hint}"):
        getattr(rmt_rank, name)
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        _ = rmt_rank.xyzzy


@pytest.mark.parametrize(
    ("module", "name", "hint"),
    [
        (rmt_rank.metrics, "stabel_rank", "; did you mean 'stable_rank'"),
        (rmt_rank.networks, "tran", "; did you mean 'train'"),
        (rmt_rank.theory, "tracy_widm", "; did you mean 'tracy_widom'"),
        (rmt_rank.exact, "momnt", "; did you mean 'moment'"),
        (rmt_rank.nonlinear, "phse", "; did you mean 'phase'"),
        (rmt_rank.study, "Stud", "; did you mean 'Study'"),
        (rmt_rank.data, "load_digit", "; did you mean 'load_digits'"),
        (rmt_rank.paper, "figure", "; did you mean 'figures'"),
        (rmt_rank.theory, "xyzzy", ""),
    ],
)
def test_missing_names_of_modules_get_a_hint(module, name, hint):
    message = f"module '{module.__name__}' has no attribute '{name}'{hint}"
    with pytest.raises(AttributeError, match=rf"^{message}\??$"):
        getattr(module, name)


def test_modules_of_the_paper_are_attributes():
    code = """
import sys, rmt_rank
assert dir(rmt_rank.paper) == ["claims", "experiments", "figures", "tables"]
assert "rmt_rank.paper.tables" not in sys.modules
print(len(rmt_rank.paper.tables.TABLE_1) > 0)
"""
    assert run(code) == "True\n"


def test_public_names():
    assert sorted(rmt_rank.__all__) == rmt_rank.__all__
    for name in rmt_rank.__all__:
        assert getattr(rmt_rank, name).__doc__


@pytest.mark.parametrize(
    "name",
    [m.name for m in pkgutil.walk_packages(rmt_rank.__path__, "rmt_rank.") if "main" not in m.name],
)
def test_docstring_examples(name):
    if name.startswith("rmt_rank.torch"):
        pytest.importorskip("torch", reason="PyTorch is not installed")
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.skipif("RMT_RANK_INSTALLED" not in os.environ, reason="not run by make test")
def test_the_installed_package_is_tested():
    assert PACKAGE.parent.name == "site-packages"
