"""Files of trained models, taken out of wheels, and helpers to read them."""

import importlib.metadata
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rmt_rank.inspection.matrices import NamedMatrix, matrices
from rmt_rank.inspection.tensors import tensors


class Read:
    """Matrices and skipped tensors of a source, by name and in order."""

    def __init__(self, source, **options):
        self.everything = everything = list(matrices(tensors(source), **options))
        self.names = [each.name for each in everything]
        self.found = {each.name: each for each in everything if isinstance(each, NamedMatrix)}
        self.skipped = {each.name: each for each in everything if not isinstance(each, NamedMatrix)}
        assert len(self.found) + len(self.skipped) <= len(everything)
        for each in self.skipped.values():
            assert each.why
            assert "\n" not in each.why
            assert len(each.why) < 500
        for each in self.found.values():
            assert each.matrix.ndim == 2
            assert each.matrix.dtype in (np.float32, np.float64, np.complex64, np.complex128)

    def __getitem__(self, name):
        return self.found[name].matrix

    def why(self, name):
        return self.skipped[name].why

    @property
    def errors(self):
        return {name: each.why for name, each in self.skipped.items() if each.error}


@pytest.fixture
def read():
    return Read


@pytest.fixture(scope="session")
def real_model(tmp_path_factory):
    """Return a function that gives the path of a file of a trained model, or skips the test.

    The file comes from the installed package, without importing it, or from a wheel in the folder
    that the environment variable RMT_RANK_MODELS names.
    """
    folder = tmp_path_factory.mktemp("models")

    def find(package, version, member):
        target = folder / f"{package}-{version}-{Path(member).name}"
        if target.exists():
            return target
        wheels = os.environ.get("RMT_RANK_MODELS")
        pattern = f"{package.replace('-', '_')}-{version}-*.whl".lower()
        for wheel in sorted(Path(wheels).iterdir()) if wheels else ():
            if Path(wheel.name.lower()).match(pattern):
                with zipfile.ZipFile(wheel) as archive:
                    target.write_bytes(archive.read(member))
                return target
        try:
            installed = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            installed = None
        if installed is not None and installed.version == version:
            path = Path(installed.locate_file(member))
            if path.exists():
                return path
        pytest.skip(
            f"{package} {version} is neither installed nor a wheel in the folder that "
            "RMT_RANK_MODELS names"
        )

    return find
