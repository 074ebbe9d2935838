"""One line that says whether a tune sounds, and how far it has come."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget


class SoundBar(Widget):
    """``▶ ━━━━━━────── 3.2 / 10 s`` while it sounds, ``■`` and an empty line while it does not."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"bar--played", "bar--rest", "bar--clock", "bar--sounding"}
    DEFAULT_CSS = """
    SoundBar {
        height: 1;
        .bar--played { color: $accent; }
        .bar--rest { color: $foreground-muted; }
        .bar--clock { color: $foreground-muted; }
        .bar--sounding { color: $accent; text-style: bold; }
    }
    """

    position: reactive[float | None] = reactive(None)
    """Seconds since the beginning, or None when it is silent."""
    total: reactive[float] = reactive(0.0)
    """Seconds that will be played."""
    note: reactive[str] = reactive("")
    """Stands in place of the bar, e.g. why there is no sound."""

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        style = self.get_component_rich_style
        if self.note:
            segments = [Segment(self.note, style("bar--clock"))]
            return Strip(segments).adjust_cell_length(width, self.rich_style)
        if self.total <= 0:
            return Strip([Segment("─" * width, style("bar--rest"))])
        sounding = self.position is not None
        clock = f" {self.position or 0.0:.1f} / {self.total:g} s"
        length = max(0, width - len(clock) - 2)
        share = min(1.0, (self.position or 0.0) / self.total)
        played = round(share * length)
        return Strip(
            [
                Segment("▶ " if sounding else "■ ", style("bar--sounding" if sounding else "bar--rest")),
                Segment("━" * played, style("bar--played")),
                Segment("─" * (length - played), style("bar--rest")),
                Segment(clock, style("bar--sounding" if sounding else "bar--clock")),
            ]
        ).adjust_cell_length(width, self.rich_style)
