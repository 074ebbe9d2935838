"""A few calm words in the middle of an otherwise empty tab, perhaps with a progress bar."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

BAR_WIDTH = 40


class Notice(Widget):
    """A title, a text, and perhaps how much of something is done."""

    DEFAULT_CSS = """
    Notice { height: 1fr; content-align: center middle; text-align: center; padding: 0 4; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = Content("")

    def show(self, title: str, text: str = "", done: int | None = None, total: int | None = None) -> None:
        """Replace the words; ``done`` of ``total`` draws a bar."""
        parts = [Content.styled(title, "bold $foreground")]
        if done is not None and total:
            played = round(BAR_WIDTH * min(1.0, done / total))
            bar = Content.assemble(
                ("━" * played, "$accent"), ("─" * (BAR_WIDTH - played), "$foreground-muted")
            )
            parts.append(bar + Content.styled(f"  {done} of {total}", "$foreground-muted"))
        if text:
            parts.append(Content.styled(text, "$foreground-muted"))
        self._content = Content("\n\n").join(parts)
        self.refresh(layout=True)

    def render(self) -> Content:
        """The words."""
        return self._content
