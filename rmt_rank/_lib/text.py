"""Strings from users on a terminal, shown unchanged except for escaped control characters."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from rmt_rank._lib.names import did_you_mean

__all__ = ["Parser", "named", "shown"]


def shown(text: object) -> str:
    r"""Return the text on one line, with every unprintable character escaped.

    Unprintable are control characters (C0, C1, newlines, tabs), marks that change the direction of
    writing, invisible characters, and surrogates, which stand for bytes of file names that are not
    UTF-8.

    Examples
    --------
    >>> print(shown("a\x1b[2J\n" + chr(0x202E)))
    a\x1b[2J\n\u202e
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def named(name: object) -> str:
    """Return a name as standard output shows it: escaped by `shown`, and '' if it is empty.

    Characters that the stream cannot encode are already escaped, so that widths are right.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return shown(name).encode(encoding, "backslashreplace").decode(encoding) or "''"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are a sentence, with user strings passed through `shown`.

    Options are not abbreviated, and for a misspelled option or choice the most similar is named.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False} | options)

    def error(self, message: str) -> NoReturn:
        """Print the message and where help is, and exit with code 2."""
        if message.startswith("unrecognized arguments: "):
            word = message.removeprefix("unrecognized arguments: ").split()[0].partition("=")[0]
            if word.startswith("--"):
                # dashes are alike in all of them
                names = [name[2:] for name in _option_names(self) if name.startswith("--")]
                message += did_you_mean(word[2:], names, prefix="--")
        self.exit(2, f"{self.prog}: error: {shown(message)}\nTry '{self.prog} --help'.\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()))
            raise


def _option_names(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a parser and of its subcommands."""
    names: list[str] = []
    for action in parser._actions:  # argparse has no public list
        names += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            names += [name for each in action.choices.values() for name in _option_names(each)]
    return names
