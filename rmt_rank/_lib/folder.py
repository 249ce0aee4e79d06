"""Folders of results: created once by several processes, cleared of leftovers of killed ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rmt_rank._lib.archive import dump_json, load_json
from rmt_rank._lib.atomic import clear_parts, create, is_part, write

__all__ = ["begin", "declared"]


def declared(
    folder: Path,
    name: str,
    seal: str,
    kind: str,
    content: Callable[[], dict[str, Any]],
    kept: Callable[[], dict[str, Any] | None],
) -> dict[str, Any]:
    """Return the declaration of a folder; write it if the folder is new, or if it was lost.

    Parameters
    ----------
    folder, name, kind
        As in `begin`.
    seal : str
        Kind of the file, as named in its seal.
    content : callable
        Returns what the file declares; called only if there is nothing in the folder.
    kept : callable
        Returns what the results in the folder belong to, if that is what the caller is going to
        do, and None otherwise; called only if the file is missing or damaged.

    Raises
    ------
    OSError, ValueError
        Those of `begin`; ValueError if the file is damaged and nothing is kept.

    Warns
    -----
    UserWarning
        If the file was missing or damaged, and was written again.
    """
    path = folder / name
    if folder.is_dir() and _lost(path, seal) and (found := kept()) is not None:
        write(path, dump_json(seal, found))
        warnings.warn(
            f"{path} was missing or damaged, and was written again: the results beside it belong "
            "to this run",
            stacklevel=2,
        )
    begin(folder, name, lambda: dump_json(seal, content()), kind)
    try:
        return load_json(path, seal)
    except ValueError as error:
        raise ValueError(f"{error}; remove it, or choose another folder") from error


def _lost(path: Path, seal: str) -> bool:
    try:
        load_json(path, seal)
    except (FileNotFoundError, ValueError):
        return True
    return False


def begin(folder: Path, name: str, declaration: Callable[[], bytes], kind: str) -> Path:
    """Return the path of the file that declares a folder's content; write it if there is none.

    If several processes start at once, all use the declaration of the first.  A process that is
    killed leaves a folder that the next run can use.

    Parameters
    ----------
    folder : Path
        Folder that is new, empty, or already has a declaration.
    name : str
        Name of the file.
    declaration : callable
        Returns the content of the file; called only if it is needed.
    kind : str
        Kind of the folder, for messages.

    Raises
    ------
    OSError
        If the folder cannot be made, or the file cannot be written.
    ValueError
        If the folder holds something else, or is not a folder.
    """
    path = folder / name
    if folder.is_symlink() and not folder.exists():
        raise ValueError(f"{folder} is a link to {folder.readlink()}, which does not exist")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} exists and is not a folder; choose another")
    folder.mkdir(parents=True, exist_ok=True)
    clear_parts(folder)
    if not path.exists():
        content = declaration()
        others = sorted(each.name for each in folder.iterdir() if not is_part(each.name))
        # unless another process has written it in the meantime
        if others and not path.exists():
            raise ValueError(
                f"{folder} exists and is not {kind}: it holds {others[0]!r}; choose another folder"
            )
        create(path, content)
    return path
