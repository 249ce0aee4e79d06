"""The tables against themselves: what is printed as a gain, and every disagreement noted."""

import pytest

from rmt_rank.paper.tables import DISAGREEMENTS, TABLE_1, TABLE_2, TABLE_3

CIFAR = ("cifar10", "cifar100")


def test_gains_are_differences_but_for_one():
    wrong = []
    for table in (TABLE_1, TABLE_3):
        base = table[0]
        assert base.cifar10_gain is base.cifar100_gain is None
        for row in table[1:]:
            for data in CIFAR:
                gain = getattr(row, data) - getattr(base, data)
                # one decimal is printed
                if abs(gain - getattr(row, f"{data}_gain")) > 1e-9:
                    wrong.append((row[0], data, round(gain, 1)))
    assert wrong == [("stable rank", "cifar10", 0.7)]
    for row in TABLE_2:
        assert row.gain == pytest.approx(row.expanded - row.original, abs=1e-9)


def test_the_tables_share_two_rows():
    both = next(row for row in TABLE_1 if row[:3] == (2, True, True))
    assert TABLE_1[0][3:] == TABLE_3[0][1:]
    assert both[3:] == next(row for row in TABLE_3 if row.name == "expansion 2")[1:]


def test_the_disagreements_match_the_tables():
    four = [row for row in TABLE_1 if row.factor == 4]
    assert (max(r.cifar100_gain for r in four), max(r.cifar10_gain for r in four)) == (6.5, 2.2)
    rows = {row.name: row for row in TABLE_3}
    assert rows["expansion 2 and l1"][2::2] == (2.8, 6.3)
    assert max(r.cifar10 for r in TABLE_1 if r.factor == 2) == max(r.cifar10 for r in four) == 89.1
    assert [r[:4] for r in TABLE_1[1:] if r.cifar10_gain < 0] == [(8, True, False, 85.9)]
    assert rows["expansion 2 and l2"].cifar100 < rows["expansion 2"].cifar100
    assert len(DISAGREEMENTS) == 6
