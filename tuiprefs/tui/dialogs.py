"""Small dialogs: a question with yes or no, and a text to read."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class ConfirmScreen(ModalScreen[bool]):
    """Asks before something that is not easily taken back; any key but ``y`` and enter is a no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes", show=False),
        Binding("n,escape,q,x", "answer(False)", "No", show=False),
    ]

    def __init__(self, question: str, consequence: str) -> None:
        super().__init__()
        self.question = question
        """What is asked."""
        self.consequence = consequence
        """What a yes would do."""

    def compose(self) -> ComposeResult:
        """The question, what follows from a yes, and the two keys."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self.question, "bold"))
            yield Static(Content.styled(self.consequence, "$foreground-muted"), classes="gap")
            yield Static(Content.assemble(("y", "bold $accent"), " yes    ", ("n", "bold $accent"), " no"))

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)


class TextScreen(ModalScreen[None]):
    """Shows a text until a key closes it."""

    AUTO_FOCUS = "VerticalScroll"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,o", "dismiss", "Close", show=False)]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self.heading = title
        """Stands in the border."""
        self.text = text
        """What is shown."""

    def compose(self) -> ComposeResult:
        """A box with the text."""
        with Vertical(classes="dialog wide low") as box:
            box.border_title = self.heading
            box.border_subtitle = "esc close"
            with VerticalScroll():
                yield Static(self.text)
