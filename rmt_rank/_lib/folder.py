"""Folders of results: created once by several processes, cleared of leftovers of killed ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rmt_rank._lib.atomic import clear_parts, create, is_part

__all__ = ["begin"]


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
