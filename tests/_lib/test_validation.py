"""Checks of arguments, and messages that are short for any value."""

import decimal
import fractions
import math
import sys

import numpy as np
import pytest

from rmt_rank._lib import validation as _validation
from rmt_rank._lib.validation import (
    boolean,
    choice,
    integer,
    integer_widths,
    integers,
    real,
    real_array,
    require_memory,
    sequence,
    shown,
)


class Hostile:
    """An object that raises on every access."""

    def __repr__(self):
        raise RuntimeError("no text")

    def __len__(self):
        raise RuntimeError("no length")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array")


@pytest.mark.parametrize(
    "value",
    [10**400, -(10**5000), [10**5000], "a" * 10**6, {1: 10**5000}, Hostile(), np.zeros((90, 90))],
    ids=lambda value: type(value).__name__,
)
def test_shown_is_short_and_one_line(value):
    text = shown(value)
    assert 0 < len(text) < 200
    assert text.isprintable()


def test_size_of_a_large_integer_is_shown():
    assert shown(10**400) == "about 1e+400"
    assert shown(-3 * 10**5000) == "about -1e+5000"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**64, 2.0**64),
        (2**70, 2.0**70),
        (-(10**300), -1e300),
        (fractions.Fraction(1, 3), 1 / 3),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.25), 0.25),
        (np.uint8(7), 7.0),
        (np.array(3), 3.0),
        (5e-324, 5e-324),
        (sys.float_info.max, sys.float_info.max),
    ],
)
def test_real_takes_every_real_number(value, expected):
    assert real("x", value) == expected
    assert real_array("x", [value, value]).tolist() == [expected, expected]


@pytest.mark.parametrize("value", [10**400, -(10**5000), math.inf, math.nan], ids=shown)
def test_real_refuses_what_is_not_a_finite_float(value):
    with pytest.raises(ValueError, match=r"^x must be finite"):
        real("x", value)
    with pytest.raises(ValueError, match=r"^x must be finite"):
        real_array("x", [1, value])


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "abc",
        b"a",
        1j,
        object(),
        decimal.Decimal(1),
        {},
        {1},
        (i for i in (1, 2)),
        [[1], [1, 2]],
        [1, None],
        [True, 2**70],
        np.array([True]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        Hostile(),
        np.ma.array([1.0, 2.0], mask=[True, False]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_real_refuses_other_types(value):
    for check in (real, real_array):
        with pytest.raises(TypeError, match=r"^x must "):
            check("x", value)


def test_bounds_are_named():
    with pytest.raises(ValueError, match=r"^x must be finite and > 0 and <= 1, got 2.0$"):
        real("x", 2, above=0, at_most=1)
    with pytest.raises(ValueError, match=r"^n must be an integer >= 1 and <= 2\*\*53, got about"):
        integer("n", 10**400, at_least=1, at_most=2**53)
    with pytest.raises(ValueError, match=r"^n must be an integer >= 1, got about -1e\+5000$"):
        integer("n", -(10**5000), at_least=1)
    assert integer("seed", 2**127, at_least=0) == 2**127


@pytest.mark.parametrize("value", [True, np.True_, 1.0, "1", b"1", None, 1j, [1]])
def test_integer_refuses_other_types(value):
    with pytest.raises(TypeError, match=r"^n must be an integer"):
        integer("n", value, at_least=0)


@pytest.mark.parametrize(
    "value", [b"ab", "ab", bytearray(b"ab"), {1: 2, 3: 4}, {1, 2}, iter([1, 2]), 3, None]
)
def test_only_lists_and_their_like_are_sequences(value):
    for check in (integer_widths, lambda v: integers("widths", v, at_least=0)):
        with pytest.raises(TypeError, match=r"^widths must be a sequence of integers"):
            check(value)


def test_sequences():
    assert integer_widths(range(2, 5)) == integer_widths(np.array([2, 3, 4])) == (2, 3, 4)
    with pytest.raises(TypeError, match=r"^x must be a sequence of numbers"):
        sequence("x", np.ones((2, 2)), "numbers")
    with pytest.raises(ValueError, match=r"^widths must have at least 2 entries"):
        integer_widths([3])


@pytest.mark.parametrize("value", ["abc", None, 1, 0, [], b"a"])
def test_boolean_refuses_all_but_booleans(value):
    with pytest.raises(TypeError, match=r"^flag must be True or False"):
        boolean("flag", value)


def test_choice_shows_any_value():
    for value in (10**5000, Hostile(), [], None):
        with pytest.raises(ValueError, match=r"^kind must be one of 'a', 'b', got "):
            choice("kind", value, ("a", "b"))


@pytest.mark.parametrize(
    "value", [range(10**12), range(10**30), np.broadcast_to(0.0, 10**13)], ids=shown
)
def test_sequences_beyond_memory_are_refused_before_they_are_read(value):
    for check in (real_array, lambda n, v: sequence(n, v, "numbers")):
        with pytest.raises(ValueError, match=r"^x must "):
            check("x", value)


def test_memory_that_is_needed_and_available_is_named(monkeypatch):
    monkeypatch.setattr(_validation, "available_memory", lambda: 2.0**31)
    require_memory("width", 2**31)
    with pytest.raises(ValueError, match=r"^width must be smaller.* 3 GiB.* 2 GiB are available"):
        require_memory("width", 3 * 2**30)


def test_limits_of_containers_count(tmp_path, monkeypatch):
    file = tmp_path / "memory.max"
    monkeypatch.setattr(_validation, "_CGROUPS", (file, tmp_path / "absent"))
    file.write_text("max\n")
    whole = _validation.available_memory()
    file.write_text("1048576\n")
    assert _validation.available_memory() == 2**20 < whole
