"""The preprint: its tables name claims, commands and numbers that exist, and it compiles."""

import csv
import re
from pathlib import Path

import pytest

from rmt_rank.paper.claims import CLAIMS
from rmt_rank.paper.claims.finite_width.independent_entries import limit_ratio

ROOT = Path(__file__).parents[1]
PREPRINT = ROOT / "docs" / "preprint"
TEXT = "\n".join(path.read_text() for path in sorted(PREPRINT.glob("*.typ")))


def rows(name):
    with (PREPRINT / name).open(newline="") as file:
        return list(csv.DictReader(file))


def labels(text):
    return set(re.findall(r"@((?:thm|lem|cor|prop|sec|fig|tab|eq)-[\w-]*\w)", text))


@pytest.mark.parametrize("row", rows("claims.csv"), ids=lambda row: row["claim"])
def test_status_is_that_of_the_claim(row):
    statuses = {claim.name: claim.status for claim in CLAIMS}
    assert row["status"] == statuses[row["claim"]]


def test_every_theorem_has_a_claim_or_a_report():
    named = labels(str(rows("claims.csv"))) | labels(str(rows("numbers.csv")))
    stated = set(re.findall(r"^\] <((?:thm|lem|prop)-[\w-]+)>", TEXT, re.M))
    assert stated
    assert stated <= named


def test_commands_run_scripts_and_claims_that_exist():
    names = {claim.name for claim in CLAIMS}
    commands = [row["command"] for row in rows("numbers.csv")]
    commands += re.findall(r"`((?:python|rmt-rank|make) [^`]+)`", TEXT)
    assert len(commands) > 8
    for command in commands:
        match command.split():
            case "python", script:
                assert (ROOT / script).is_file(), command
            case "rmt-rank", "verify", *claims:
                assert set(claims) <= names | {"all", "NAME"}, command
            case "make", target:
                assert f"\n{target}:" in (ROOT / "Makefile").read_text(), command
            case _:
                pytest.fail(command)


@pytest.mark.parametrize("row", rows("numbers.csv"), ids=lambda row: row["where"])
def test_numbers_are_those_of_the_reports(row):
    report = (ROOT / row["report"]).read_text()
    # 0.0842(25) stands for 0.0842(0.0025), as the reports print it
    report = re.sub(r"\((?:0\.0*)([1-9]\d*)\)", r"(\1)", report)
    if row["numbers"].startswith("all "):
        return
    for number in row["numbers"].split("; "):
        assert number in report, number
        assert number in TEXT, number


def test_limit_of_random_signs():
    (printed,) = re.findall(r"which is \$([\d.]+)\$ at \$m = 5\$", TEXT)
    assert f"{limit_ratio(5):.4f}" == printed


def test_references_have_targets():
    entries = set(re.findall(r"^@\w+\{(\w+),", (PREPRINT / "references.bib").read_text(), re.M))
    cited = set(re.findall(r"(?<![\w.{/])@(\w+)\b(?!-)", TEXT)) - {"eq"}
    assert cited == entries
    tables = "\n".join((PREPRINT / name).read_text() for name in ("claims.csv", "numbers.csv"))
    assert labels(TEXT + tables) <= set(re.findall(r"<([\w-]+)>", TEXT))


def test_it_compiles_without_warnings(tmp_path):
    typst = pytest.importorskip("typst", reason="typst is not installed")
    output = tmp_path / "preprint.pdf"
    _, warnings = typst.compile_with_warnings(PREPRINT / "main.typ", output=output)
    assert warnings == []
    assert output.read_bytes().startswith(b"%PDF")
