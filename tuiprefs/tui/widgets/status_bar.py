"""One line of news at the left, and where the sound goes at the right."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class StatusBar(Widget):
    """Stands above the keys."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    StatusBar { height: 1; padding: 0 1; color: $foreground-muted; }
    """

    news: reactive[str] = reactive("")
    """The last thing that happened."""
    sound: reactive[str] = reactive("")
    """What plays the sound, or why nothing does."""

    def render(self) -> Content:
        """The line; the news is cut where both do not fit."""
        width = self.content_size.width
        sound = Content.styled(self.sound, "$foreground-muted").truncate(width, ellipsis=True)
        room = max(0, width - sound.cell_length - 2)
        news = Content.styled(self.news, "$foreground").truncate(room, ellipsis=True)
        gap = width - news.cell_length - sound.cell_length
        return news + " " * max(0, gap) + sound
