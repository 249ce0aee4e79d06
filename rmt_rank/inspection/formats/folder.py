"""Folders of models: shards with their index, and folders inside, such as those of Hugging Face.

Only files inside the folder are read, whatever an index says.  If the index disagrees with the
shards that are there, a `Skipped` says so and the shards are read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from rmt_rank._lib.reasons import special
from rmt_rank.inspection.tensor import Skipped, Tensor
from rmt_rank.inspection.tensors import is_model, read_file

__all__ = ["read"]

# Suffixes in the order in which they are preferred, where a folder has a model in several formats.
_PREFERRED = (".safetensors", ".gguf", ".onnx", ".bin", ".pth", ".pt", ".keras", ".h5", ".npz")
_INDEX = ".index.json"
# An index of 100,000 tensors takes some 10 MB.
_LARGEST_INDEX = 2**26
# Files of a training run that hold no weights.
_OTHERS = ("optimizer", "scheduler", "scaler", "rng_state", "training_args", "events.")


def read(path: Path) -> Iterator[Tensor | Skipped]:
    """Yield the tensors of all models in a folder; names inside folders have them as a prefix."""
    found = False
    for place, folders, names in os.walk(path):  # links to folders are not followed
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(place)
        inside = here.relative_to(path).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        for each in _folder(here, sorted(names)):
            found = True
            if isinstance(each, Skipped):
                yield each._replace(name=prefix + each.name)
            else:
                yield _renamed(prefix, each)
    if not found:
        yield Skipped(path.name or str(path), "the folder has no file of weights", error=True)


def _renamed(prefix: str, each: Tensor) -> Tensor:
    return Tensor(prefix + each.name, each.shape, each.dtype, each.load, each.layer)


def _folder(folder: Path, names: list[str]) -> Iterator[Tensor | Skipped]:
    """Yield the tensors of the preferred files of one folder, and reasons for the others."""
    models = [name for name in names if is_model(Path(name))]
    for name in [name for name in models if name.startswith(_OTHERS)]:
        models.remove(name)
        yield Skipped(name, "it holds the state of the training, not the model")
    for name in [name for name in models if not (folder / name).exists()]:
        models.remove(name)
        yield Skipped(name, "it is a link to a file that is not there", error=True)
    suffixes = {Path(name).suffix.lower() for name in models}
    best = next((suffix for suffix in _PREFERRED if suffix in suffixes), None)
    chosen = [name for name in models if best is None or Path(name).suffix.lower() == best]
    for name in models:
        if name not in chosen:
            yield Skipped(name, f"the {best} files of the folder are read instead")
    several = len(chosen) > 1 and best not in (".safetensors", ".bin")
    held: set[str] = set()
    for name in chosen:
        for each in read_file(folder / name):
            prefix = f"{name}/" if several and each.name != name else ""
            held.add(each.name)
            if isinstance(each, Skipped):
                yield each._replace(name=prefix + each.name)
            else:
                yield _renamed(prefix, each)
    for name in names:
        if name.endswith(_INDEX) and best is not None and best + _INDEX in name.lower():
            yield from _disagreement(folder, name, chosen, held)


def _disagreement(
    folder: Path, name: str, shards: list[str], held: set[str]
) -> Iterator[Tensor | Skipped]:
    """Yield one line for each way in which an index differs from the shards that were read."""
    try:
        status = (folder / name).stat()
        if special(status.st_mode) or status.st_size > _LARGEST_INDEX:
            raise ValueError(name)
        listed = json.loads((folder / name).read_text("utf-8"))["weight_map"]
        tensors, files = set(listed), set(map(str, listed.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield Skipped(name, "the index cannot be read; the shards that are there are", error=True)
        return
    base = name.removesuffix(_INDEX)
    stem = base.rpartition(".")[0]
    ours = {shard for shard in shards if shard.startswith(stem)}
    for words, missing, error in (
        ("lists shards that are not in the folder", files - set(shards), True),
        ("does not list shards that are in the folder and were read", ours - files, False),
        ("lists tensors that no shard holds", tensors - held, True),
    ):
        if missing:
            some = ", ".join(sorted(missing)[:3]) + ", ..." * (len(missing) > 3)
            yield Skipped(name, f"the index {words} ({len(missing)}): {some}", error=error)
