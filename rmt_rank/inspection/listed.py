"""Names with the reasons that they share, one line for each reason."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rmt_rank._lib.text import shown

__all__ = ["listed"]

# Names that are listed for each reason.
_LISTED = 3


def listed(what: str, found: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each reason, with the first names that have it.

    Parameters
    ----------
    what : str
        The first words of every line.
    found : iterable of (str, str)
        Names, as they are shown, and reasons.  Reasons that differ only in their numbers stand
        together, and empty ones are left out.

    Returns
    -------
    list of str

    Examples
    --------
    >>> why = "it has 1 dimension, not a matrix"
    >>> listed("skipped", [("a", why)])
    ['skipped a: it has 1 dimension, not a matrix']
    >>> listed("skipped", [(name, why) for name in "abcde"])
    ['skipped a, b, c and 2 more: each has 1 dimension, not a matrix']
    """
    reasons: dict[str, tuple[list[str], list[str]]] = {}
    for name, why in found:
        if why:
            whys, names = reasons.setdefault(re.sub(r"\d+", "0", why), ([], []))
            whys.append(why)
            names.append(name)
    lines = []
    for whys, names in reasons.values():
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        why = whys[0] if len(names) == 1 else _of_several(whys)
        lines.append(f"{what} {', '.join(names[:_LISTED])}{more}: {shown(why)}")
    return lines


def _of_several(whys: list[str]) -> str:
    """Turn a clause about one, such as "it has 1 dimension", into one about several."""
    same = len(set(whys)) == 1
    who, why = "each" if same else "the first", whys[0]
    if why.startswith("it "):
        why = who + why[2:]
    elif re.match(r"(all of )?its ", why):
        why = f"for {who}, {why}"
    return why if same else f"{why}; the others are alike"
