"""One side of a pair: its text, and the bar that shows whether and how far it sounds."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll

from tuiprefs.tui.widgets.sample_text import SampleText
from tuiprefs.tui.widgets.sound_bar import SoundBar


class TunePanel(Vertical):
    """A framed sample."""

    DEFAULT_CSS = """
    TunePanel {
        width: 1fr;
        height: 1fr;
        border: round $border;
        border-title-color: $foreground;
        border-title-style: bold;
        border-subtitle-color: $foreground-muted;
        padding: 0 1;
    }
    TunePanel.-sounding { border: round $accent; border-title-color: $accent; }
    TunePanel VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    """

    def __init__(self, title: str, *, music: bool, id: str) -> None:
        super().__init__(id=id)
        self.border_title = title
        self.music = music
        """Whether the samples can be heard."""

    def compose(self) -> ComposeResult:
        """The text above its sound."""
        with VerticalScroll(can_focus=False):
            yield SampleText(music=self.music)
        if self.music:
            yield SoundBar()

    def show(self, text: str, subtitle: str, seconds: float, note: str) -> None:
        """Show another sample; ``note`` says why it has no sound."""
        self.border_subtitle = subtitle
        self.query_one(SampleText).text = text
        self.query_one(VerticalScroll).scroll_home(animate=False)
        if self.music:
            bar = self.query_one(SoundBar)
            bar.total, bar.note, bar.position = seconds, note, None

    def sound(self, seconds: float | None) -> None:
        """Say how far it sounds; None in silence."""
        self.set_class(seconds is not None, "-sounding")
        if self.music:
            self.query_one(SoundBar).position = seconds

    def scroll_text(self, lines: int) -> None:
        """Move the text."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
