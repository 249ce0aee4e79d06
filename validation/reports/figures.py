"""Every figure at full size: reports of the experiments, and small pictures, into this folder.

python validation/reports/figures.py FOLDER [NAME ...]; the numbers are kept in FOLDER, and a run
that was interrupted goes on there.  All of them take about an hour on two cores.
"""

import sys
from pathlib import Path

import xarray

from rmt_rank import figure
from rmt_rank.figures import FIGURES, find
from rmt_rank.figures.figure import drawn
from rmt_rank.figures.style import style

HERE = Path(__file__).parent
PICTURES = HERE / "figures"
DOTS_PER_INCH = 90


def main(folder, names):
    code = figure.main([*names, "--full", "--jobs", "2", "--out", str(folder)])
    if code:
        sys.exit(code)
    PICTURES.mkdir(exist_ok=True)
    for each in map(find, names):
        dataset = None
        if each.experiment is not None:
            dataset = xarray.load_dataset(folder / f"{each.name}.nc", engine="scipy")
            report = (folder / f"{each.name}.md").read_text()
            (HERE / f"experiment-{each.experiment}.md").write_text(report)
        with style("screen"):
            drawn(each, dataset).savefig(PICTURES / f"{each.name}.png", dpi=DOTS_PER_INCH)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: figures.py FOLDER [NAME ...]")
    main(Path(sys.argv[1]), sys.argv[2:] or list(FIGURES))
