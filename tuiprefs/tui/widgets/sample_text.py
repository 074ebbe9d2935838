"""The text of one sample: ABC coloured and broken at bar lines, other text wrapped at words."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from tuiprefs.tui.widgets.abc_highlight import break_at_bars, highlight_abc


class SampleText(Widget):
    """Shows a sample at the width that there is; a container around it scrolls."""

    DEFAULT_CSS = """
    SampleText { width: 1fr; height: auto; }
    """

    text: reactive[str] = reactive("", layout=True)
    """What is shown."""

    def __init__(self, text: str = "", *, music: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self.music = music
        """Whether the text is ABC."""
        self.set_reactive(SampleText.text, text)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All the width there is."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the text has when broken."""
        if self.music:
            return break_at_bars(self.text, max(1, width)).count("\n") + 1
        return super().get_content_height(container, viewport, width)

    def render(self) -> Content:
        """The text in colours."""
        if self.music:
            return highlight_abc(break_at_bars(self.text, max(1, self.content_size.width)))
        return Content(self.text)
