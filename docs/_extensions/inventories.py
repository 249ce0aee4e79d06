"""Inventories of other projects' documentation for intersphinx, where they can be fetched."""

import urllib.request
from pathlib import Path

SECONDS = 5.0


def reachable(projects: dict[str, str], folder: Path) -> dict[str, tuple[str, str]]:
    """Return the intersphinx mapping of the projects whose inventory is here or can be fetched.

    An inventory is fetched once and kept in `folder`.  Projects that cannot be reached are left
    out, because intersphinx would warn of them, and warnings are errors in this build.
    """
    mapping = {}
    for name, address in projects.items():
        file = folder / f"{name}.inv"
        if not file.exists():
            try:
                with urllib.request.urlopen(f"{address}objects.inv", timeout=SECONDS) as answer:
                    content = answer.read()
            except OSError:
                continue
            if not content.startswith(b"# Sphinx inventory"):
                continue
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        mapping[name] = (address, str(file))
    return mapping
