"""Strings from users on a terminal, shown unchanged except for escaped control characters."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

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
    """An ArgumentParser whose errors pass user strings through `shown`."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with code 2."""
        super().error(shown(message))
