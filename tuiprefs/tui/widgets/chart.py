"""A live chart of a few curves with axes, legend, limit line and marks for missing values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tuiprefs.tui.widgets.plot import EMPTY, THRESHOLD, Grid, Series, bounds_of, draw, short_number

GUTTER = 7
"""Columns left of the picture: a number of up to six characters and the axis."""


class Chart(Widget):
    """Curves over updates: a title line, the picture, and the x axis; redrawn only when the data changes."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title",
        "chart--value",
        "chart--axis",
        "chart--first",
        "chart--second",
        "chart--threshold",
        "chart--gap",
    }
    SERIES_CLASSES = ("chart--first", "chart--second")

    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        min-height: 4;
        .chart--title { color: $foreground; text-style: bold; }
        .chart--value { color: $foreground; }
        .chart--axis { color: $foreground-muted; }
        .chart--first { color: $primary; }
        .chart--second { color: $secondary; }
        .chart--threshold { color: $error; }
        .chart--gap { color: $error; text-style: bold; }
    }
    """

    def __init__(self, title: str = "", unit: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = title
        """The name of what is drawn."""
        self.unit = unit
        """Stands after the newest value."""
        self.series: list[Series] = []
        """The curves, at most two in different colours."""
        self.threshold: float | None = None
        """Where the limit line is drawn."""
        self.threshold_name = "limit"
        """What that line is."""
        self._strips: list[Strip] | None = None
        self._drawn_size = Size(0, 0)

    def show(
        self,
        title: str,
        unit: str,
        series: Sequence[Series],
        threshold: float | None = None,
        threshold_name: str = "limit",
    ) -> None:
        """Replace all that is drawn."""
        self.title, self.unit, self.series = title, unit, list(series)
        self.threshold, self.threshold_name = threshold, threshold_name
        self._strips = None
        self.refresh()

    def notify_style_update(self) -> None:
        """Forget the drawn rows: their colours have changed."""
        super().notify_style_update()
        self._strips = None

    def render_line(self, y: int) -> Strip:
        """One row of the chart."""
        if self._strips is None or self._drawn_size != self.size:
            self._strips = self._draw(self.size.width, self.size.height)
            self._drawn_size = self.size
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        strips = [self._title_strip(width)]
        rows = height - 2
        columns = width - GUTTER
        bounds = bounds_of(self.series, self.threshold)
        if rows < 1 or columns < 4:
            return strips
        axis = self._style("chart--axis")
        if bounds is None:
            note = "not a finite value yet" if any(one.y for one in self.series) else "no values yet"
            blank = [Strip([Segment(" " * width, self.rich_style)])] * (rows // 2)
            return [*strips, *blank, self._fit([Segment(" " * GUTTER + note, axis)], width)]
        grid = draw(self.series, bounds, columns, rows, self.threshold)
        labels = self._row_labels(rows, bounds.y_low, bounds.y_high)
        for row in range(rows):
            edge = "┤" if labels[row] else "│"
            segments = [Segment(f"{labels[row]:>{GUTTER - 1}}{edge}", axis)]
            segments += [Segment(text, self._owner_style(owner)) for text, owner in grid.runs(row)]
            strips.append(self._fit(segments, width))
        strips.append(self._fit(self._x_axis(grid, bounds.x_low, bounds.x_high), width))
        return strips

    def _title_strip(self, width: int) -> Strip:
        for labels, limit in ((True, True), (True, False), (False, False)):
            segments = self._title_segments(labels, limit)
            if sum(segment.cell_length for segment in segments) <= width:
                break
        return self._fit(segments, width)

    def _title_segments(self, labels: bool, limit: bool) -> list[Segment]:
        """The title with each curve's newest value, and as much beside it as there is room for."""
        segments = [Segment(self.title, self._style("chart--title"))]
        for index, one in enumerate(self.series):
            mark = "┄" if one.dotted else "─"
            segments.append(Segment(f"  {mark}", self._style(self.SERIES_CLASSES[min(index, 1)])))
            value = "–" if one.last is None else short_number(one.last)
            label = f" {one.label}" if one.label and labels else ""
            segments.append(Segment(f"{label} {value}{self.unit}", self._style("chart--value")))
        if self.threshold is not None and limit:
            segments.append(
                Segment(f"  {self.threshold_name} {short_number(self.threshold)}", self._style("chart--axis"))
            )
        return segments

    @staticmethod
    def _row_labels(rows: int, low: float, high: float) -> list[str]:
        labels = [""] * rows
        labels[-1] = short_number(low)
        labels[0] = short_number(high)
        if rows >= 7 and rows % 2:
            labels[rows // 2] = short_number((low + high) / 2)
        return labels

    def _x_axis(self, grid: Grid, x_low: float, x_high: float) -> list[Segment]:
        """The line below the picture with its first and last update, and × under missing values."""
        cells = ["─"] * grid.width
        first, last = short_number(x_low), short_number(x_high)
        cells[: len(first)] = list(first)
        if x_high > x_low and len(first) + len(last) + 2 < grid.width:
            cells[-len(last) :] = list(last)
        for column in grid.gaps:
            cells[column] = "×"
        axis, gap = self._style("chart--axis"), self._style("chart--gap")
        segments = [Segment(" " * (GUTTER - 1) + "└", axis)]
        return segments + [Segment(cell, gap if cell == "×" else axis) for cell in cells[: grid.width]]

    def _owner_style(self, owner: int) -> Style:
        if owner == EMPTY:
            return self.rich_style
        if owner == THRESHOLD:
            return self._style("chart--threshold")
        return self._style(self.SERIES_CLASSES[min(owner, 1)])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name)

    def _fit(self, segments: list[Segment], width: int) -> Strip:
        return Strip(segments).adjust_cell_length(width, self.rich_style).simplify()
