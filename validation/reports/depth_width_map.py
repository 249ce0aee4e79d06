"""The depth-width map: the experiment's cells into depth_width_map.csv, and the docs' picture.

python validation/reports/depth_width_map.py; about five minutes on one core, with numba.
"""

from pathlib import Path

from rmt_rank.paper.experiments.finite_width import depth_width_map
from rmt_rank.paper.figures.figure import drawn
from rmt_rank.paper.figures.finite_width.depth_width_map import FIGURE
from rmt_rank.paper.figures.style import style

HERE = Path(__file__).parent
COLUMNS = ["rank", "error", "simulated", "limit_rank", "corrected_rank"]


def main():
    dataset = depth_width_map.run("full")
    cells = dataset[COLUMNS].to_dataframe(["depth", "width"])
    cells["simulated"] = cells.simulated == 1
    cells.to_csv(HERE / "depth_width_map.csv", float_format="%.6g")
    with style():
        picture = HERE.parents[1] / "docs" / "_static" / "depth_width_map.png"
        drawn(FIGURE, dataset).savefig(picture)


if __name__ == "__main__":
    main()
