"""Sentences about packages that are not installed name extras that exist."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from rmt_rank._lib.optional import not_installed, optional

ROOT = Path(__file__).parents[2]
# calls with a literal extra: optional("purpose", "module", "extra")
CALL = re.compile(r'\b(?:optional|not_installed|needed)\(\s*f?"[^"]*",\s*"([\w.]+)",\s*"(\w+)"')
READER = re.compile(r'\bneeded\(\s*"([\w.]+)",\s*"(\w+)"')


def test_an_installed_package_is_imported():
    assert optional("this", "math") is sys.modules["math"]


@pytest.mark.parametrize("error", [ImportError, ValueError])
def test_a_missing_package(error, monkeypatch):
    for module in ("sklearn", "sklearn.datasets"):  # other tests may have imported the second
        monkeypatch.setitem(sys.modules, module, None)
    words = "this needs the package scikit-learn: pip install scikit-learn"
    with pytest.raises(error, match=f"^{words}$"):
        optional("this", "sklearn.datasets", error=error)
    assert not_installed("this", "sklearn", "data") == f"{words} (or the extra 'data')"


def test_every_extra_that_a_sentence_names_installs_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    sources = [path.read_text() for path in ROOT.glob("rmt_rank/**/*.py")]
    found = {call for text in sources for each in (CALL, READER) for call in each.findall(text)}
    assert len(found) >= 10
    for module, extra in found:
        package = {"sklearn": "scikit-learn"}.get(
            module.partition(".")[0], module.partition(".")[0]
        )
        assert any(re.split(r"[><=]", each)[0] == package for each in extras[extra]), (
            module,
            extra,
        )
