"""Packages that are not installed with this one: their import, and one sentence for all of them."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["not_installed", "optional"]

# Names to install, where they differ from the module's.
_PACKAGES = {"sklearn": "scikit-learn", "pytorch_lightning": "lightning"}


def not_installed(purpose: str, module: str, extra: str = "") -> str:
    """Return the sentence that says which package is missing and how to install it.

    Parameters
    ----------
    purpose : str
        What needs the package: the subject of the sentence.
    module : str
        The module that could not be imported, of any depth.
    extra : str
        The extra of this package that installs it, if there is one.

    Returns
    -------
    str

    Examples
    --------
    >>> not_installed("--parquet", "pyarrow.parquet", "parquet")
    "--parquet needs the package pyarrow: pip install pyarrow (or the extra 'parquet')"
    """
    top = module.partition(".")[0]
    package = _PACKAGES.get(top, top)
    also = f" (or the extra {extra!r})" if extra else ""
    return f"{purpose} needs the package {package}: pip install {package}{also}"


def optional(
    purpose: str, module: str, extra: str = "", *, error: type[Exception] = ImportError
) -> Any:
    """Import a module of a package that need not be installed.

    Parameters
    ----------
    purpose, module, extra : str
        As in `not_installed`.
    error : type
        What is raised; readers of files raise a ValueError, which costs one file only.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        Or `error`, if the module cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as cause:
        raise error(not_installed(purpose, module, extra)) from cause
