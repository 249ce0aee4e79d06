"""Folders of results: started once by several processes, cleared of what killed ones left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rmt_rank._output import clear_parts, create, is_part

__all__ = ["begin"]


def begin(folder: Path, name: str, declaration: Callable[[], bytes], kind: str) -> Path:
    """Path of the file that declares the content of a folder, written if there is none.

    Of several processes that begin at once, all find the declaration of the first.  One that is
    killed leaves a folder that the next run can start.

    Parameters
    ----------
    folder : Path
        New, empty, or started before.
    name : str
        Name of the file.
    declaration : callable
        Its content; called where it is needed.
    kind : str
        For messages: what the folder is to be.

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
        # unless another process has written it since
        if others and not path.exists():
            raise ValueError(
                f"{folder} exists and is not {kind}: it holds {others[0]!r}; choose another folder"
            )
        create(path, content)
    return path
