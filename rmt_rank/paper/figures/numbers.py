"""The numbers of a figure in a NetCDF file, written and read back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rmt_rank._lib.archive import blank_seal, check, described, parsed, read, sealed
from rmt_rank._lib.optional import optional
from rmt_rank._lib.validation import choice, integer
from rmt_rank.paper.experiments import EXPERIMENTS, find
from rmt_rank.paper.experiments.experiment import SIZES

__all__ = ["KIND", "netcdf", "opened"]

# Kind of the file, as named in its seal.
KIND = "file of the numbers of a figure"


def netcdf(dataset: Any) -> bytes:
    """Return the content of a sealed NetCDF file with the Dataset of an experiment."""
    with_seal = dataset.assign_attrs({"seal": blank_seal(KIND)})
    with_seal.attrs = {"seal": with_seal.attrs.pop("seal"), **with_seal.attrs}
    return sealed(bytes(with_seal.to_netcdf(engine="scipy")))


def opened(path: Path) -> Any:
    """Return the Dataset that `netcdf` wrote.

    Raises
    ------
    ImportError
        If xarray is not installed.
    OSError
        If there is no such file, or the system cannot read it.
    ValueError
        If it is damaged, was written by another version, or is another kind of file.
    """
    xarray = optional("a figure", "xarray", "figures")

    content = read(path, KIND)
    with described(path, KIND):
        dataset = xarray.load_dataset(io.BytesIO(content), engine="scipy")
        attributes = dataset.attrs
        del attributes["seal"]
        choice("experiment", attributes["experiment"], tuple(EXPERIMENTS))
        choice("size", attributes["size"], SIZES)
        integer("seed", int(attributes["seed"]), at_least=0)
        settings, _ = (parsed(attributes[name]) for name in ("settings", "versions"))
        attributes["machine"].encode()
        keys = find(attributes["experiment"]).cells(settings)[0].keys()
        if missing := sorted(keys - set(dataset.coords)):
            raise ValueError(f"it has no {', '.join(missing)}")
        for name, variable in dataset.variables.items():
            check(str(name), variable.values, "biufSUO", variable.shape)
        check("seconds", dataset.seconds.values, "f", dataset.seconds.shape, at_least=0)
    return dataset
