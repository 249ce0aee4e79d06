"""Sessions for environments other than .venv: `nox --list` shows them.

What runs in .venv is a target of the Makefile, which the sessions lint, docs, preprint and readme
call.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
TEST = nox.project.dependency_groups(PROJECT, "test")


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """Run the fast tests on the oldest Python and the oldest version of every dependency."""
    extras = PROJECT["project"]["optional-dependencies"]
    bounds = [
        *PROJECT["project"]["dependencies"],
        *(each for name, extra in extras.items() if name != "gpu" for each in extra),
    ]
    constraints = Path(session.create_tmp()) / "oldest.txt"
    constraints.write_text("\n".join(bounds).replace(">=", "=="))
    # finitefree, which one test compares with, needs a newer python-flint
    test = [each for each in TEST if not each.startswith("finitefree")]
    session.install(".", *test, "--constraint", str(constraints))
    # old versions use what newer ones of their own dependencies have deprecated
    silent = ("-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning")
    _pytest(session, "-m", "not slow", *silent)


@nox.session(python=PYTHONS[0])
def wheel(session: nox.Session) -> None:
    """Build the wheel, and run its fast tests on the oldest Python and NumPy (make dist)."""
    session.run("make", "dist", external=True)
    (built,) = Path("dist").glob("*.whl")
    numpy = next(each for each in PROJECT["project"]["dependencies"] if each.startswith("numpy"))
    session.install(str(built), *TEST, numpy.replace(">=", "==") + ".*")
    _pytest(session, "-m", "not slow")


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """Run the fast tests on the newest version of every dependency."""
    session.install("--upgrade", ".", *TEST)
    _pytest(session, "-m", "not slow")


@nox.session(default=False)
def gpu(session: nox.Session) -> None:
    """Run tests and benchmarks on a CUDA device and write validation/reports/gpu.md."""
    session.install(".[gpu]", *TEST)
    session.run("python", "-P", "validation/benchmarks/gpu.py", *session.posargs)


@nox.session(default=False)
def nvrtc(session: nox.Session) -> None:
    """Compile the kernels for devices, which needs no device; the wheel takes 90 MB."""
    session.install(".", "nvidia-cuda-nvrtc-cu12>=12.6", *TEST)
    _pytest(session, "-k", "compiles_for_devices", "tests/simulation/products/test_fused.py")


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style and types (make check)."""
    session.run("make", "check", external=True)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error (make docs)."""
    session.run("make", "docs", external=True)


@nox.session(venv_backend="none")
def preprint(session: nox.Session) -> None:
    """Typeset the paper in docs/preprint (make preprint)."""
    session.run("make", "preprint", external=True)


@nox.session(venv_backend="none")
def readme(session: nox.Session) -> None:
    """Run the README's Python blocks in an environment with the package only (make readme)."""
    session.run("make", "readme", external=True)


def _pytest(session: nox.Session, *options: str) -> None:
    """Run pytest on the installed package, with one BLAS thread."""
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    session.run("pytest", *options, *session.posargs, env={"RMT_RANK_INSTALLED": "1"} | threads)
