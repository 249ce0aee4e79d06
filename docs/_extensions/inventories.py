"""A Sphinx extension: intersphinx without the projects whose inventory cannot be fetched."""

import urllib.request
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

SECONDS = 5.0


def leave_out(app: Sphinx, config: Config) -> None:
    """Keep the projects whose inventory is here or can be fetched.

    An inventory is fetched once and kept beside the pages.  Of the others intersphinx would warn,
    and warnings are errors in this build.
    """
    folder = Path(app.outdir).parent / "inventories"
    mapping = {}
    for name, (address, _) in config.intersphinx_mapping.items():
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
    config.intersphinx_mapping = mapping


def setup(app: Sphinx) -> dict[str, bool]:
    """Run before intersphinx reads the mapping, at 800."""
    app.connect("config-inited", leave_out, priority=400)
    return {"parallel_read_safe": True}
