"""Curves: nothing is lost, nothing crashes."""

from __future__ import annotations

import math

import pytest

from tuiprefs.tui.widgets.plot import (
    THRESHOLD,
    Bounds,
    Grid,
    Series,
    bounds_of,
    draw,
    short_number,
)

NAN, INF = math.nan, math.inf


def series(*ys: float, **options: bool) -> Series:
    return Series("", list(range(1, len(ys) + 1)), list(ys), **options)


def dots(grid: Grid) -> set[tuple[int, int]]:
    """All dots that are set, as (column, row); the bits are those of Unicode's braille block."""
    rows = {0: (0x01, 0x08), 1: (0x02, 0x10), 2: (0x04, 0x20), 3: (0x40, 0x80)}
    return {
        (column * 2 + side, row * 4 + line)
        for row, bits in enumerate(grid.bits)
        for column, cell in enumerate(bits)
        for line, pair in rows.items()
        for side in (0, 1)
        if cell & pair[side]
    }


def drawn(one: Series, width: int = 10, height: int = 4, threshold: float | None = None) -> Grid:
    bounds = bounds_of([one], threshold)
    assert bounds is not None
    return draw([one], bounds, width, height, threshold)


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right():
    grid = drawn(series(0, 1), width=2, height=1)
    assert dots(grid) >= {(0, 3), (3, 0)}
    # Each column has a dot, and neighbouring columns differ by one row at most: the line is whole.
    by_column = {x: [y for column, y in dots(grid) if column == x] for x in range(4)}
    for x in range(3):
        assert min(abs(a - b) for a in by_column[x] for b in by_column[x + 1]) <= 1


def test_two_dots_are_the_braille_cell_that_unicode_gives_them():
    grid = Grid(1, 1)
    grid.dot(0, 0, 0)
    grid.dot(1, 3, 0)
    assert list(grid.runs(0)) == [("\u2881", 0)]


@pytest.mark.parametrize("length", [100, 1_000, 10_000])
def test_a_spike_of_one_update_survives(length):
    values = [0.0] * length
    values[length // 3] = 1.0
    grid = drawn(series(*values))
    columns = {x for x, y in dots(grid) if y == 0}
    assert columns
    assert all(abs(x - round((length // 3) / (length - 1) * 19)) <= 1 for x in columns)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_what_is_not_finite_is_a_marked_gap(bad):
    grid = drawn(series(1, 1, 1, 1, bad, 1, 1, 1, 1, 1), width=10)
    whole = drawn(series(1, 1, 1, 1, 1, 1, 1, 1, 1, 1), width=10)
    assert dots(grid) < dots(whole)
    assert len(grid.gaps) == 1
    assert not whole.gaps


def test_a_gap_among_thousands_is_still_marked():
    values = [1.0] * 10_000
    values[5_000] = NAN
    assert drawn(series(*values)).gaps == {5}


@pytest.mark.parametrize("values", [(), (NAN,), (INF, -INF), (NAN, NAN, NAN)])
def test_without_a_finite_value_there_are_no_bounds(values):
    assert bounds_of([series(*values)]) is None


@pytest.mark.parametrize("value", [5.0, -5.0, 0.0])
def test_one_point_is_a_block_that_can_be_seen(value):
    assert len(dots(drawn(series(value)))) == 4
    bounds = Bounds(0, 1, value, value + 1)
    assert len(dots(draw([series(value)], bounds, 10, 4))) == 4


def test_a_point_between_two_gaps_is_seen():
    grid = drawn(series(1, 1, 1, NAN, 2, NAN, 1, 1, 1), width=20)
    assert len([1 for _x, y in dots(grid) if y < 2]) == 4


@pytest.mark.parametrize("value", [0.0, 7.0, -3.0, 1e-300])
def test_a_constant_is_a_level_line(value):
    grid = drawn(series(*[value] * 20))
    rows = {y for _x, y in dots(grid)}
    assert len(rows) == 1
    assert {x for x, _y in dots(grid)} == set(range(20))


def test_values_at_the_ends_of_the_range_of_floats_do_not_overflow():
    grid = drawn(series(1.7e308, -1.7e308, 0.0))
    assert dots(grid)


def test_updates_with_holes_stand_where_they_belong():
    one = Series("", [0, 1, 9], [0.0, 0.0, 1.0])
    grid = draw([one], Bounds(0, 9, 0, 1), 5, 1)
    # The two early points stand in the first two dot columns of ten, the last one in the last.
    assert {(0, 3), (1, 3), (9, 0)} <= dots(grid)


def test_x_that_stands_still_is_one_cell():
    one = Series("", [3, 3, 3], [1.0, 2.0, 3.0])
    bounds = bounds_of([one])
    assert bounds is not None
    assert {x for x, _y in dots(draw([one], bounds, 10, 4))} == {0, 1}


def test_a_near_limit_is_drawn_and_a_far_one_does_not_flatten_the_curve():
    near, far = bounds_of([series(0, 10)], 15.0), bounds_of([series(0, 10)], 100.0)
    assert near is not None
    assert far is not None
    assert (near.y_low, near.y_high) == (0, 15)
    assert (far.y_low, far.y_high) == (0, 10)
    grid = drawn(series(0, 10), threshold=15.0)
    assert THRESHOLD in grid.owner[0]
    assert not any(THRESHOLD in row for row in drawn(series(0, 10), threshold=100.0).owner)


def test_later_series_own_the_cells_they_share():
    first, second = series(0, 1), series(1, 0)
    bounds = bounds_of([first, second])
    assert bounds is not None
    grid = draw([first, second], bounds, 10, 4)
    assert {owner for row in grid.owner for owner in row} == {-1, 0, 1}


def test_a_dotted_line_is_thinner_than_a_whole_one():
    values = [1.0] * 40
    assert len(dots(drawn(series(*values, dotted=True)))) == len(dots(drawn(series(*values)))) / 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.5, "0.500"),
        (-0.0351, "-0.035"),
        (14.13, "14.1"),
        (213.4, "213"),
        (9999.0, "9999"),
        (12_345.0, "12.3k"),
        (999_999.0, "1M"),
        (1_234_567.0, "1.23M"),
        (12_345_678.0, "12.3M"),
        (1e20, "1e20"),
        (0.00012, "1e-4"),
        (NAN, "nan"),
        (INF, "inf"),
        (-INF, "-inf"),
    ],
)
def test_short_numbers(value, text):
    assert short_number(value) == text


def test_short_numbers_are_short():
    for exponent in range(-308, 308):
        for digits in (1.0, 9.9949, 9.996, -1.0, -9.9949, -9.996):
            assert len(short_number(digits * 10.0**exponent)) <= 6, digits * 10.0**exponent
