"""The check of the prose: it reports every forbidden phrase, and nothing in the checkout."""

import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "validation/prose.py"))
RULES, findings, main = SCRIPT["RULES"], SCRIPT["findings"], SCRIPT["main"]

# a text that breaks each rule, in the order of the rules
WRONG = [
    "Compute it by the fast road.",
    "The law is held against quadrature.",
    "This is what becomes of zeros.",
    "The limit knows no depth.",
    "A list is no array.",
    "A run that was begun.",
    "The run goes on.",
    "The other is computed likewise.",
    "It is, by the way, exact.",
    "Depths are whole numbers.",
    "A matrix in the place of a vector.",
    "The file is not to be had.",
    "Laws that are told from a point.",
    "The reason is told below.",
    "The caller sees to it.",
    "Singular values made ready.",
    "It takes 20 operations a layer.",
    "Factors in any sequence.",
    "68 checks: 57 holds, 11 refuted",
    "All arrays pass the seam.",
    "What a claim is.",
    "    Of the weight.",
    "Of the weight alone.",
    "def test_what_a_file_holds(): ...",
]
FORMS = {
    "page": "{}\n",
    "docstring": 'def f():\n    """{}"""\n',
    "comment": "# {}\n",
    "string": 'x = "{}"\n',
    "test name": "{}\n",
}


def test_every_rule_has_a_text():
    assert len(RULES) == len(WRONG)


@pytest.mark.parametrize("number", range(len(WRONG)), ids=WRONG.__getitem__)
def test_a_forbidden_phrase_is_reported(number, tmp_path, capsys):
    rule, text = RULES[number], WRONG[number]
    for kind, form in FORMS.items():
        if kind in rule.kinds and (kind == "test name") == text.startswith("def "):
            file = tmp_path / ("page.md" if kind == "page" else "module.py")
            file.write_text(
                ("" if kind == "docstring" else "\n") + form.format(text), encoding="utf-8"
            )
            (found,) = findings(file)
            assert (found.line, found.kind, found.instead) == (2, kind, rule.instead)
            assert main([str(file)]) == 1
            assert capsys.readouterr().out.startswith(f"{file}:2: {kind}: '")


def test_phrases_may_span_lines_and_code_is_left_out(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("A law that is held\nagainst another.\n")
    assert [found.line for found in findings(page)] == [1]
    page.write_text("```text\nthe fast road\n```\n\n`begun`, $begun$, [x](begun.md)\n")
    assert findings(page) == []
    file = tmp_path / "module.py"
    file.write_text(
        '"""Return x.\n\n>>> begun = 1\n>>> begun\n1\n"""\nbegun = "begun"\n', encoding="utf-8"
    )
    assert findings(file) == []


def test_plain_sentences_pass(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "There is no limit. The error is no larger than 1. It tells us so. What is it?\n"
    )
    assert findings(page) == []
