"""Random signs: the exact mean of the effective rank of GA."""

import math

import pytest

from rmt_rank.paper.claims.finite_width.independent_entries import limit_ratio, rank_ratio


def test_two_rows_are_counted_by_hand():
    # R = 0, 1, 2 with probabilities 1/4, 1/2, 1/4: rank one, A itself, rank one
    assert rank_ratio(2, 0.1) == pytest.approx(0.5)
    assert limit_ratio(2) == 0.5


def test_the_ratio_tends_to_its_limit_from_both_numbers_of_rows():
    for rows, above in ((4, False), (5, True), (8, True)):
        far, near = (abs(rank_ratio(rows, s) - limit_ratio(rows)) for s in (1e-6, 1e-12))
        # the distance is proportional to 1/(1 + log(1/s)), which is 0.068 and 0.035 here
        assert near == pytest.approx(far / 2, rel=0.1)
        assert (limit_ratio(rows) > 1) is above


def test_many_rows_follow_the_expansion():
    # R = m (1 + d)/2 and E sqrt((1 - d)/(1 + d)) = 1 + E d^2/2 + 3 E d^4/8 + ..., where E d^2 = 1/m
    # and E d^4 is below 3/m^2: the second term is below 9/(4m) of the first
    for m in (64, 256):
        assert math.isclose(limit_ratio(m) - 1, 1 / (2 * m), rel_tol=3 / m)
