"""Every figure at full size: reports, small pictures, and all verdicts in figures.md, here.

python validation/reports/figures.py FOLDER; the numbers are kept in FOLDER, and a run that was
interrupted resumes there.  It takes about an hour of processor time, and needs PyTorch.
"""

import importlib.util
import sys
from pathlib import Path

import xarray

from rmt_rank._lib.optional import missing
from rmt_rank.commands import figure
from rmt_rank.paper import experiments
from rmt_rank.paper.figures import FIGURES, find
from rmt_rank.paper.figures.figure import caption, drawn, settings_of
from rmt_rank.paper.figures.style import style

HERE = Path(__file__).parent
PICTURES = HERE / "figures"


def main(folder):
    if importlib.util.find_spec("torch") is None:
        sys.exit(missing("a figure of convolutional networks", "torch", "torch"))
    code = figure.main(["all", "--full", "--jobs", "2", "--out", str(folder)])
    if code:
        sys.exit(code)
    PICTURES.mkdir(exist_ok=True)
    lines = [
        "# Every figure of the paper, and ours: verdicts",
        "",
        "Made by `python validation/reports/figures.py`, which runs `rmt-rank figure all --full`. "
        "The reports have the statistics behind each verdict, all numbers, settings, versions, "
        "machine and time.",
    ]
    told = set()
    for each in map(find, FIGURES):
        dataset = None
        numbers = ", ".join(each.aliases) or "not in the paper"
        lines += ["", f"## {each.name}", "", f"{each.title} ({numbers})."]
        if each.experiment is not None:
            dataset = xarray.load_dataset(folder / f"{each.name}.nc", engine="scipy")
            name = f"experiment-{each.experiment}.md"
            (HERE / name).write_text((folder / f"{each.name}.md").read_text())
            lines[-1] += f" [Report]({name})."
            if each.experiment not in told:
                lines += ["", "| verdict | sentence |", "|--|--|"]
                for finding in experiments.find(each.experiment).judge(dataset):
                    words = f"{finding.sentence} ({finding.reference})".replace("|", "\\|")
                    lines.append(f"| {finding.verdict.value} | {words} |")
            told.add(each.experiment)
        with style("screen"):
            drawn(each, dataset).savefig(PICTURES / f"{each.name}.png")
        lines += ["", f"![{each.title}](figures/{each.name}.png)"]
        lines += ["", caption(each, settings_of(dataset))]
    (HERE / "figures.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: figures.py FOLDER")
    main(Path(sys.argv[1]))
