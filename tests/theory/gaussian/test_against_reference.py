"""The float64 implementation against the tables that `rmt_rank.exact` made."""

import csv
from pathlib import Path

import numpy as np
import pytest

import rmt_rank

REFERENCE = Path(__file__).parents[3] / "validation" / "reference"


def rows(name):
    with (REFERENCE / name).open() as file:
        assert file.readline().startswith("# made by: python validation/reference/")
        return list(csv.DictReader(file))


LAW = rows("fuss_catalan_law.csv")
RANK = rows("effective_rank.csv")


METHODS = ["pdf", "cdf", "sf"]
LAWS = [rmt_rank.fuss_catalan, rmt_rank.singular_value_law]


def check_law(law, method, rows, copies=1):
    """Compare a law with rows of the table, up to the bound that the documentation promises.

    It is 1e-13, and as much again for each unit of condition, which pays for the last bit of x.
    """

    def column(name):
        return np.resize([float(row[name]) for row in rows], copies * len(rows))

    x = np.resize([float.fromhex(row["x_hex"]) for row in rows], copies * len(rows))
    value = getattr(law, method)(x, column("depth"))
    expected = column(method)
    # the cdf of a deep square may lie below the smallest float
    normal = expected > np.finfo(float).tiny
    assert np.all(value[~normal] <= np.finfo(float).tiny)
    bound = 1e-13 * (1 + np.abs(column(f"slope_{method}")))
    error = np.abs(value[normal] / expected[normal] - 1)
    assert np.all(error <= bound[normal])


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("method", METHODS)
def test_law_to_the_last_digits(law, method):
    rows = [row for row in LAW if row["law"] == law.name]
    assert len(rows) == 12 * 18
    check_law(law, method, rows)


@pytest.mark.parametrize("depth", sorted({float(row["depth"]) for row in LAW}))
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("method", METHODS)
def test_many_points_at_one_depth_take_the_table(law, method, depth):
    rows = [row for row in LAW if row["law"] == law.name and float(row["depth"]) == depth]
    check_law(law, method, rows, copies=6000)  # 108,000 points: enough for every table


@pytest.mark.parametrize("row", RANK, ids=lambda row: "{depth}-{power}-{order}".format(**row))
def test_effective_rank_and_derivative(row):
    options = {"power": float(row["power"]), "order": float(row["order"])}
    depth = float(row["depth"])
    rho = rmt_rank.limit_effective_rank(depth, **options)
    slope = rmt_rank.limit_effective_rank(depth, derivative=True, **options)
    assert rho == pytest.approx(float(row["rho"]), rel=1e-13, abs=0)
    assert slope == pytest.approx(float(row["drho_ddepth"]), rel=1e-13, abs=0)
