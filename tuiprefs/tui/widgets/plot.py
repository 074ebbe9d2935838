"""Curves as braille dots: pure functions from numbers to a grid of cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

BRAILLE = 0x2800
DOT_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of each dot in a braille cell: [column 0 or 1][row 0 to 3], as Unicode numbers them."""

STRETCH_BITS = tuple(
    tuple(tuple(sum(bits[first : last + 1]) for last in range(4)) for first in range(4)) for bits in DOT_BITS
)
"""Bits of neighbouring dots in one column of a cell: [column][first row][last row]."""

EMPTY = -1
THRESHOLD = -2


@dataclass(frozen=True)
class Series:
    """One curve. ``x`` must not fall; ``y`` may hold NaN and infinities, which are drawn as gaps."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    dotted: bool = False

    @property
    def last(self) -> float | None:
        """The newest value, or None where there is none."""
        return self.y[-1] if self.y else None


@dataclass(frozen=True)
class Bounds:
    """The part of the plane that is shown."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float


@dataclass
class Grid:
    """A picture of ``width`` x ``height`` cells, each of 2 x 4 dots."""

    width: int
    height: int
    bits: list[bytearray] = field(init=False)
    owner: list[list[int]] = field(init=False)
    """Which series a cell belongs to (its colour); EMPTY or THRESHOLD."""
    gaps: set[int] = field(default_factory=set)
    """Columns of cells in which a value is missing or not finite."""

    def __post_init__(self) -> None:
        self.bits = [bytearray(self.width) for _ in range(self.height)]
        self.owner = [[EMPTY] * self.width for _ in range(self.height)]

    def dot(self, x: int, y: int, owner: int) -> None:
        """Set the dot in column ``x`` and row ``y``, counted from the top left."""
        row, column = y >> 2, x >> 1
        self.bits[row][column] |= DOT_BITS[x & 1][y & 3]
        self.owner[row][column] = owner

    def column(self, x: int, top: int, bottom: int, owner: int) -> None:
        """Set the dots of column ``x`` from row ``top`` to row ``bottom``, a cell at a time."""
        cell, stretches = x >> 1, STRETCH_BITS[x & 1]
        last_row = bottom >> 2
        for row in range(top >> 2, last_row + 1):
            first = max(0, top - row * 4)
            last = bottom & 3 if row == last_row else 3
            self.bits[row][cell] |= stretches[first][last]
            self.owner[row][cell] = owner

    def runs(self, row: int) -> Iterable[tuple[str, int]]:
        """The text of a row, cut where the owner changes."""
        start = 0
        owners, bits = self.owner[row], self.bits[row]
        for column in range(1, self.width + 1):
            if column == self.width or owners[column] != owners[start]:
                text = "".join(chr(BRAILLE + bit) if bit else " " for bit in bits[start:column])
                yield text, owners[start]
                start = column


def bounds_of(series: Sequence[Series], threshold: float | None = None) -> Bounds | None:
    """The smallest bounds that hold every finite value; None if there is no finite value at all.

    The threshold is let in only where it at most doubles the height, since a far limit would flatten
    the curve that it is there to watch.
    """
    ranges = [found for one in series if (found := _range(one.y))]
    if not ranges:
        return None
    low, high = min(low for low, _high in ranges), max(high for _low, high in ranges)
    drawn = [one for one in series if one.y]
    x_low, x_high = min(one.x[0] for one in drawn), max(one.x[len(one.y) - 1] for one in drawn)
    if threshold is not None and math.isfinite(threshold):
        wide_low, wide_high = min(low, threshold), max(high, threshold)
        if wide_high - wide_low <= 2 * (high - low):
            low, high = wide_low, wide_high
    if high == low:
        margin = abs(high) * 0.1 or 1.0
        low, high = low - margin, high + margin
    if not math.isfinite(high - low):
        # Values near the ends of the floating-point range, whose difference overflows.
        low, high = low / 4, high / 4
    return Bounds(x_low, x_high, low, high)


def _range(values: Sequence[float]) -> tuple[float, float] | None:
    """The lowest and highest finite value."""
    # One sum tells whether all are finite, which is the usual case and far cheaper than a look at each.
    if not math.isfinite(sum(values)):
        values = [value for value in values if math.isfinite(value)]
    return (min(values), max(values)) if values else None


def draw(
    series: Sequence[Series], bounds: Bounds, width: int, height: int, threshold: float | None = None
) -> Grid:
    """Draw the curves into a grid of ``width`` x ``height`` cells (both at least 1).

    Each column of dots is filled from the lowest to the highest value that falls into it, so that a
    spike of one update among thousands is seen; neighbouring columns are joined by a line, except
    across a value that is not finite.
    """
    grid = Grid(width, height)
    if threshold is not None and bounds.y_low <= threshold <= bounds.y_high:
        row = _row(threshold, bounds, height)
        for x in range(0, width * 2, 2):
            grid.dot(x, row, THRESHOLD)
    for index, one in enumerate(series):
        _draw_one(grid, one, index, bounds)
    return grid


def _row(y: float, bounds: Bounds, height: int) -> int:
    dots = height * 4 - 1
    place = (bounds.y_high - y) / (bounds.y_high - bounds.y_low) * dots
    return min(dots, max(0, round(place)))


def _draw_one(grid: Grid, one: Series, index: int, bounds: Bounds) -> None:
    columns = grid.width * 2 - 1
    span = bounds.x_high - bounds.x_low
    scale = columns / span if span > 0 else 0.0
    dots = grid.height * 4 - 1
    x_low, y_high = bounds.x_low, bounds.y_high
    y_scale = dots / (y_high - bounds.y_low)
    previous: tuple[int, int] | None = None
    column, top, bottom, alone = -1, 0, 0, True
    for x_value, y_value in zip(one.x, one.y, strict=False):
        x = int((x_value - x_low) * scale + 0.5)
        if y_value - y_value != 0:  # NaN or infinite; cheaper than math.isfinite in this inner loop
            if column >= 0:
                _end_segment(grid, column, top, bottom, index, one.dotted, alone)
            grid.gaps.add(min(x, columns) >> 1)
            previous, column, alone = None, -1, True
            continue
        place = (y_high - y_value) * y_scale
        y = 0 if place <= 0 else dots if place >= dots else int(place + 0.5)
        if x == column:
            top, bottom = min(top, y), max(bottom, y)
        else:
            if column >= 0:
                _column(grid, column, top, bottom, index, one.dotted)
            if previous is not None:
                _join(grid, previous, (x, y), index, one.dotted)
                alone = False
            column, top, bottom = x, y, y
        previous = (x, y)
    if column >= 0:
        _end_segment(grid, column, top, bottom, index, one.dotted, alone)


def _end_segment(grid: Grid, x: int, top: int, bottom: int, owner: int, dotted: bool, alone: bool) -> None:
    """The last column before a gap or the end. A point without neighbours is made big enough to be seen."""
    if not alone:
        _column(grid, x, top, bottom, owner, dotted)
        return
    if top == bottom:
        # Two rows, of which the lower one may not fall out of the picture.
        top = min(top, grid.height * 4 - 2)
        bottom = top + 1
    left = x - x % 2
    for column in (left, left + 1):
        _column(grid, column, top, bottom, owner, dotted=False)


def _column(grid: Grid, x: int, top: int, bottom: int, owner: int, dotted: bool) -> None:
    if dotted and x % 4 >= 2 and bottom - top < 2:
        return
    grid.column(x, top, bottom, owner)


def _join(grid: Grid, start: tuple[int, int], end: tuple[int, int], owner: int, dotted: bool) -> None:
    """The line between two points, without its ends; steep parts are filled vertically."""
    (x0, y0), (x1, y1) = start, end
    width = x1 - x0
    previous = y0
    for x in range(x0 + 1, x1 + 1):
        y = y0 + round((y1 - y0) * (x - x0) / width)
        if not (dotted and x % 4 >= 2):
            # Half of a steep step belongs to the column it comes from, half to the one it goes to.
            middle = (previous + y) // 2
            if y > previous + 1:
                grid.column(x - 1, previous, middle, owner)
                grid.column(x, middle + 1, y, owner)
            elif y < previous - 1:
                grid.column(x, y, middle, owner)
                grid.column(x - 1, middle + 1, previous, owner)
            else:
                grid.dot(x, y, owner)
        previous = y


def short_number(value: float) -> str:
    """A number in at most six characters, with about three significant digits."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size = abs(value)
    if size < 1e-99:
        return "0"
    if size >= 9.995e14 or size < 9.995e-4:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    if size >= 9_999.5:
        for divisor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if size >= 0.9995 * divisor:
                return _three_digits(value / divisor) + unit
    return _three_digits(value) if size >= 0.9995 else f"{value:.3f}"


def _three_digits(value: float) -> str:
    size = abs(value)
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
