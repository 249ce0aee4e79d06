"""The float64 road against the tables of validation/reference, made by the exact road."""

import csv
from pathlib import Path

import numpy as np
import pytest

import rmt_rank

REFERENCE = Path(__file__).parents[2] / "validation" / "reference"


def rows(name):
    with (REFERENCE / name).open() as file:
        assert file.readline().startswith("# made by: python validation/reference/")
        return list(csv.DictReader(file))


LAW = rows("fuss_catalan_law.csv")
RANK = rows("effective_rank.csv")


def law_column(name):
    return np.array([float(row[name]) for row in LAW])


@pytest.mark.parametrize("method", ["pdf", "cdf", "sf"])
def test_law_to_the_last_digits(method):
    # The bound that the documentation promises: 1e-13, and as much again for each unit of
    # condition, which pays for the last bit of x.
    assert len(LAW) == 12 * 18
    x = np.array([float.fromhex(row["x_hex"]) for row in LAW])
    value = getattr(rmt_rank.fuss_catalan, method)(x, law_column("depth"))
    bound = 1e-13 * (1 + np.abs(law_column(f"slope_{method}")))
    assert np.all(np.abs(value / law_column(method) - 1) <= bound)


@pytest.mark.parametrize("method", ["pdf", "cdf", "sf"])
def test_law_of_singular_values_follows_from_its_square(method):
    # Where sigma^2 is exact in float64 the two laws are tied: cdf(sigma) = cdf(sigma^2),
    # pdf(sigma) = 2 sigma pdf(sigma^2).
    depth = law_column("depth")
    sigma = np.sqrt(law_column("x")).astype(np.float32).astype(np.float64)
    keep = sigma > 1e-30
    sigma, depth = sigma[keep], depth[keep]
    squared = getattr(rmt_rank.fuss_catalan, method)(sigma**2, depth)
    if method == "pdf":
        squared = squared * 2 * sigma
    value = getattr(rmt_rank.singular_value_law, method)(sigma, depth)
    # near the edge both are conditioned alike; x is exact, x_max and its root are not
    inside = sigma**2 < 0.999 * rmt_rank.fuss_catalan.support(depth)[1]
    np.testing.assert_allclose(value[inside], squared[inside], rtol=2e-12)


@pytest.mark.parametrize("depth", sorted({float(row["depth"]) for row in LAW}))
@pytest.mark.parametrize("method", ["pdf", "cdf", "sf"])
def test_many_points_at_one_depth_take_the_fitted_guess(method, depth):
    rows = [row for row in LAW if float(row["depth"]) == depth]
    x = np.array([float.fromhex(row["x_hex"]) for row in rows])
    value = getattr(rmt_rank.fuss_catalan, method)(np.resize(x, 20_000), depth)
    bound = 1e-13 * (1 + np.abs([float(row[f"slope_{method}"]) for row in rows]))
    expected = np.array([float(row[method]) for row in rows])
    assert np.all(np.abs(value / np.resize(expected, 20_000) - 1) <= np.resize(bound, 20_000))


@pytest.mark.parametrize("row", RANK, ids=lambda row: "{depth}-{power}-{order}".format(**row))
def test_effective_rank_and_derivative(row):
    options = {"power": float(row["power"]), "order": float(row["order"])}
    depth = float(row["depth"])
    rho = rmt_rank.differential_effective_rank(depth, **options)
    slope = rmt_rank.differential_effective_rank_derivative(depth, **options)
    assert rho == pytest.approx(float(row["rho"]), rel=1e-13, abs=0)
    assert slope == pytest.approx(float(row["drho_ddepth"]), rel=1e-13, abs=0)
