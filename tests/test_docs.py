"""The examples of the documentation and the README."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

from rmt_rank.paper.claims import CLAIMS

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("docs/how-to/*.md")]),
]
# names in its tables, each of which has a page of its own
REFERENCE = tuple(
    dict.fromkeys(
        re.findall(r"^   (rmt_rank\.\S+)$", (ROOT / "docs/reference.md").read_text(), re.M)
    )
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_the_pages(page, monkeypatch):
    if page.name == "torch.md":
        pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(page), module_relative=False).failed == 0


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


def test_links_have_a_text_where_the_site_is_not_built():
    empty = {
        page.name for page in Path(ROOT, "docs").rglob("*.md") if "[](" in page.read_text("utf-8")
    }
    assert not empty


def test_files_that_are_named_are_there():
    """Paths in backticks, from the top of the checkout, the package or the page's folder."""
    pages = [*ROOT.glob("*.md"), *PAGES, *ROOT.glob("validation/**/*.md")]
    sources = [*ROOT.glob("rmt_rank/**/*.py"), *ROOT.glob("tests/**/*.py")]
    missing = []
    for file in sorted(pages + sources):
        for path in re.findall(
            r"`([\w./-]+/[\w-]+\.(?:py|md|csv|json|txt|toml))`", file.read_text()
        ):
            if not any((top / path).exists() for top in (ROOT, ROOT / "rmt_rank", file.parent)):
                missing.append((str(file.relative_to(ROOT)), path))
    assert missing == []


def test_the_report_on_the_page_of_verify_is_the_committed_one():
    report = (ROOT / "validation/reports/theorem1.txt").read_text()
    shown = (ROOT / "docs/verify.md").read_text().split("```text\n")[2].split("```")[0]
    lines = set(report.splitlines())
    assert {line for line in shown.splitlines() if line not in lines} == {"..."}


def test_statuses_on_pages_are_those_of_the_claims():
    """In every row of a table that has a cell with claims alone and one with a status."""
    statuses = {claim.name: claim.status for claim in CLAIMS}
    seen = 0
    for page in (ROOT / "docs").glob("*.md"):
        for line in page.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("| ").split("|")]
            parts = [name.strip("` ") for cell in cells for name in cell.split(",")]
            names = [name for name in parts if name in statuses]
            given = [cell for cell in cells if cell in statuses.values()]
            for name in names if given and line.startswith("|") else []:
                # the limit law itself is known, and a row of its own; the claim is its evidence
                if "Monte Carlo" not in line and "last line" not in line:
                    assert statuses[name] == given[0], f"{page.name}: {line}"
                    seen += 1
    assert seen > 20


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_the_section_that_argues_a_claim_has_its_status(claim):
    page, _, section = claim.argued.partition(", ")
    text = (ROOT / page).read_text()
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    assert re.search(rf"\*{claim.status}\b|\| {claim.status} \|", text, re.I)


def test_the_table_of_the_theorem_page_is_the_committed_report():
    report = (ROOT / "validation/reports/theorem1.txt").read_text()
    rows = {" ".join(line.split()) for line in report.splitlines()}
    page = (ROOT / "docs/theorem1.md").read_text()
    table = page.split("| width | depth | chains |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(table) == 6
    for row in table:
        assert " ".join(row.replace("|", " ").split()) in rows


def test_variances_of_the_monte_carlo_page_are_the_committed_report():
    report = (ROOT / "validation/reports/control_variates.md").read_text()
    page = (ROOT / "docs/monte-carlo.md").read_text()
    table = page.split("| field | width | depth | variance divided by |")[1].split("\n\n")[0]
    for row in table.splitlines()[2:]:
        field, width, depth, shown = (cell.strip() for cell in row.strip("|").split("|"))
        (line,) = (
            line
            for line in report.splitlines()
            if line.startswith(f"| {field} | {width} | {depth} | ") and line.count("|") == 8
        )
        exact = float(line.strip("|").split("|")[-1])
        # two digits are shown
        assert float(shown.replace(" ", "")) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(
    ("name", "head", "depths"),
    [
        ("convergence", "| task rank | depth 1 |", (1, 2, 4, 8, 16)),
        ("parameterization", "| initial weights | depth 1 |", (1, 2, 4, 8)),
    ],
)
def test_medians_of_the_experiments_page_are_the_committed_reports(name, head, depths):
    report = (ROOT / f"validation/reports/experiment-{name}.md").read_text()
    page = (ROOT / "docs/experiments.md").read_text()
    rows = page.split(head)[1].split("\n\n")[0].splitlines()[2:]
    assert len(rows) == 3
    for row in rows:
        numbers = [cell.strip() for cell in row.strip("|").split("|")][1 : 1 + len(depths)]
        pairs = [(depth, x) for depth, x in zip(depths, numbers, strict=True) if x]
        # reports print three decimals, or four digits without zeros at the end
        texts = (
            ", ".join(f"{d}: {x}" for d, x in pairs),
            ", ".join(f"{d}: {float(x):.4g}" for d, x in pairs),
        )
        assert any(text in report for text in texts)


SHELVES = ("", ".metrics", ".networks", ".nonlinear", ".study", ".theory", ".exact", ".data")


def test_the_reference_lists_every_public_name():
    public = {}
    for shelf in (f"rmt_rank{each}" for each in SHELVES):
        module = importlib.import_module(shelf)
        for name in module.__all__:
            public.setdefault(id(getattr(module, name)), []).append(f"{shelf}.{name}")
    missing = [
        names
        for names in public.values()
        if not inspect.ismodule(_named(names[0])) and not set(names) & set(REFERENCE)
    ]
    assert missing == []


@pytest.mark.parametrize("name", REFERENCE)
def test_every_name_of_the_reference_has_an_example(name):
    if name.startswith("rmt_rank.torch"):
        pytest.importorskip("torch", reason="PyTorch is not installed")
    assert ">>> " in (_named(name).__doc__ or "")


def _named(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
