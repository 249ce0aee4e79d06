"""Check that pages, docstrings, comments, messages and test names are in plain English.

    python validation/prose.py [FILE...]

The script reports ``file:line`` for each word or phrase that RULES forbids, with what to write
instead, and exits with 1 if there is any.  Without arguments it reads every page and every Python
file of the checkout.  Code is not prose: fenced blocks, words in backticks, formulas and doctests
are skipped.
"""

import ast
import functools
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/*.md", "docs/how-to/*.md", "validation/*.md", "validation/benchmarks/*.md")
SOURCES = (
    "rmt_rank/**/*.py",
    "rmt_rank/**/*.pyi",
    "tests/**/*.py",
    "validation/**/*.py",
    "docs/examples/**/*.py",
)
EVERYWHERE = frozenset({"page", "docstring", "comment", "string", "test name"})


class Rule(NamedTuple):
    """A pattern, what to write instead, and the kinds of text that it applies to.

    Spaces in a pattern stand for any white space, and case is ignored.
    """

    pattern: str
    instead: str
    kinds: frozenset[str] = EVERYWHERE


COMPARATIVE = r"(?:\w+er|more|less|worse|doubt)\b"
NUMBER = r"(?:\d+(?:\.\d+)?|one|two|three|four|several|many)"
UNIT = "(?:step|curve|second|layer|depth|width|sample|row|column)"

RULES = (
    Rule(r"\broads?\b", "implementation, method or reference implementation"),
    Rule(r"\b(held|hold|holds|holding) (\w+ )?against\b", "compared with"),
    Rule(r"\b(become|becomes|became) of\b", "the limit of, or how ... is handled"),
    Rule(r"\bknows? (no\b|nothing)", "does not depend on"),
    Rule(
        rf"(?<!there)(?<!\bit) (is|are|was|were) no (?!{COMPARATIVE})\w",
        "is not a, or there is no",
    ),
    Rule(r"\bbegun\b", "started or initial"),
    Rule(r"\b(go|goes|gone|going|went) on\b", "continue or resume"),
    Rule(r"\blikewise\b", "the sentence again, or also"),
    Rule(r"\bby the way\b", "nothing"),
    Rule(r"\bwhole numbers?\b", "integer"),
    Rule(r"\bin the place of\b", "instead of"),
    Rule(r"\b(to|can|could|may|cannot) be had\b", "available"),
    Rule(r"\b(told|tells?) (\w+ )?from\b", "distinguished from"),
    Rule(r"\b(told|said) (above|below|there)\b", "reported"),
    Rule(r"\b(see|sees|seen) to (it|all|that)\b", "ensure"),
    Rule(r"\bmade ready\b", "prepared, or validated and scaled"),
    Rule(
        rf"\b{NUMBER} ((?!as\b|for\b|is\b|in\b|of\b|on\b)\w+ )?an? {UNIT}\b",
        "per step",
    ),
    Rule(r"\b(in (any|either|ascending|increasing|this)|not their) sequence\b", "order"),
    Rule(r"\b\d+ holds, \d", "hold"),
    Rule(r"\bthe seam\b", "the interface"),
    Rule(
        r"\A(what|whether|of|how|that|where|which|by which|of which) ",
        "an imperative, or a noun phrase that names the result",
        frozenset({"docstring"}),
    ),
    Rule(
        r"(?m:^)[^\S\n]{4,}(?-i:Of) ",
        "the noun, as in: variance of",
        frozenset({"docstring"}),
    ),
    Rule(
        r"\A(whether|of|that|by which|of which) ",
        "a sentence, or a noun phrase that names the value",
        frozenset({"comment"}),
    ),
    Rule(
        r"\Atest (what|whether|how|of|that) ",
        "the property, as a statement",
        frozenset({"test name"}),
    ),
)

# Files and texts in which a forbidden word is right, with the reason.
ALLOWED: tuple[tuple[str, str, str], ...] = (
    ("validation/prose.py", r"", "it names what it forbids"),
    ("tests/test_prose.py", r"", "it breaks every rule on purpose"),
    ("tests/commands/test_verify.py", r"holds, \d", "the summary of verify"),
)


class Text(NamedTuple):
    """A piece of prose: where it starts, what it is, and its words."""

    line: int
    kind: str
    words: str


class Finding(NamedTuple):
    """A place where a rule is broken."""

    line: int
    kind: str
    found: str
    instead: str


def _blank(match: re.Match[str]) -> str:
    """Code is replaced by its line ends, so that lines keep their numbers."""
    return "\n" * match[0].count("\n") or "…"


def without_code(text: str) -> str:
    """Text without code blocks, code spans, formulas, link targets and doctests."""
    text = re.sub(r"^ *(```+|~~~+|:::+).*?^ *\1 *$", _blank, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ *>>>.*\n(?:^ *\S.*\n)*", _blank, text, flags=re.MULTILINE)
    text = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", _blank, text, flags=re.DOTALL)
    text = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", _blank, text, flags=re.DOTALL)
    return re.sub(r"\]\([^)]*\)", _blank, text)


def _comments(source: str) -> Iterator[Text]:
    """Comments; those on lines that follow one another are one text."""
    lines: list[tuple[int, int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            own = not token.line[:column].strip()
            lines.append((row, column if own else -row, token.string.lstrip("#:").strip()))
    while lines:
        first, column, _ = lines[0]
        count = 1
        while count < len(lines) and lines[count][:2] == (first + count, column):
            count += 1
        yield Text(first, "comment", "\n".join(words for *_, words in lines[:count]))
        del lines[:count]


def _strings(source: str) -> Iterator[Text]:
    """Docstrings, other strings of several words, and names of tests."""
    nodes = list(ast.walk(ast.parse(source)))
    documented = set()
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                documented.add(first.value)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Text(node.lineno, "test name", node.name.replace("_", " "))
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            kind = "docstring" if node in documented else "string"
            yield Text(node.lineno, kind, node.value)


def texts(path: Path) -> list[Text]:
    """Return the prose of a Markdown page or of a Python file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [Text(1, "page", source)]
    return [*_comments(source), *_strings(source)]


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the expression of a rule's pattern."""
    return re.compile(pattern.replace(" ", r"\s+"), flags=re.IGNORECASE)


def findings(path: Path) -> list[Finding]:
    """Return the places of a file where a rule is broken."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    allowed = [words for pattern, words, _ in ALLOWED if fnmatch(name, pattern)]
    found = set()
    for text in texts(path):
        words = without_code(text.words)
        for rule in RULES:
            if text.kind not in rule.kinds:
                continue
            for match in compiled(rule.pattern).finditer(words):
                around = " ".join(words[max(0, match.start() - 40) : match.end() + 40].split())
                if any(re.search(each, around) for each in allowed):
                    continue
                line = text.line + words.count("\n", 0, match.start())
                shown = " ".join(match[0].split())
                found.add(Finding(line, text.kind, shown, rule.instead))
    return sorted(found)


def files() -> list[Path]:
    """Return the pages and Python files of the checkout."""
    return sorted({path for pattern in PAGES + SOURCES for path in ROOT.glob(pattern)})


def main(arguments: list[str]) -> int:
    count = 0
    for path in [Path(name).resolve() for name in arguments] or files():
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        for line, kind, found, instead in findings(path):
            print(f"{name}:{line}: {kind}: '{found}'; write: {instead}")
            count += 1
    return min(count, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
