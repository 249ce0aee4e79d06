"""One version, and one list of requirements, in all files of a release."""

import re
import tomllib
from pathlib import Path

import rmt_rank

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / ".conda/recipe.yaml").read_text()


def test_one_version():
    assert f'version: "{rmt_rank.__version__}"' in RECIPE
    assert f"\nversion: {rmt_rank.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_pages_name_all_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.match(r"[\w-]+", each)[0] for each in project["dependencies"]]
    page = (ROOT / "docs/get-started.md").read_text(encoding="utf-8").lower()
    assert [name for name in names if name not in page] == []
    assert len(names) == 10  # README says so


def test_the_recipe_requires_what_the_project_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.sub("matplotlib(?=>)", "matplotlib-base", x) for x in project["dependencies"]}
    run = RECIPE.split("  run:\n")[1].split("\n\n")[0]
    listed = {line.strip("- ").replace(" ", "") for line in run.splitlines()}
    assert listed == needed | {"python" + project["requires-python"]}
