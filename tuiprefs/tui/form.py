"""A form of one line per field, filled in with the keyboard, that closes only when all of it makes sense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Select, Static

T = TypeVar("T")


@dataclass(frozen=True)
class FormField:
    """One line of a form."""

    name: str
    label: str
    value: str
    """What it begins with."""
    help: str
    """Shown while the field is being filled in."""
    choices: tuple[str, ...] = ()
    """What can be chosen; empty where anything can be typed."""
    heading: str = ""
    """Stands above the field, where a new group of fields begins."""


class FormError(Exception):
    """What is wrong with a form, and in which field."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field
        """The field to mend; empty where it is several."""


class FormScreen(ModalScreen[T | None], Generic[T]):
    """Shows fields; enter hands their texts to ``accept``, whose result closes the form."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("ctrl+s", "submit", "Start", show=False),
        Binding("up", "move(-1)", "Field above", show=False, priority=True),
        Binding("down", "move(1)", "Field below", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        fields: Sequence[FormField],
        accept: Callable[[dict[str, str]], T],
        hint: str = "start",
    ) -> None:
        super().__init__()
        self.heading = title
        """Stands in the border."""
        self.fields = list(fields)
        """All lines."""
        self.accept = accept
        """Makes the result of the texts, or raises ``FormError``."""
        self.hint = hint
        """What enter does, in a word."""

    def compose(self) -> ComposeResult:
        """The fields, a line of help, and a line for what is wrong."""
        with Vertical(classes="dialog wide form") as box:
            box.border_title = self.heading
            box.border_subtitle = f"enter {self.hint} · ↑ ↓ field · esc cancel"
            with VerticalScroll(id="form-fields", can_focus=False):
                for field in self.fields:
                    if field.heading:
                        yield Label(field.heading, classes="form-heading")
                    with Horizontal(classes="form-row"):
                        yield Label(field.label, classes="form-label")
                        yield self._editor(field)
            yield Static("", id="form-help")
            yield Static("", id="form-error")

    @staticmethod
    def _editor(field: FormField) -> Input | Select[str]:
        if field.choices:
            options = [(choice, choice) for choice in field.choices]
            value = field.value if field.value in field.choices else field.choices[0]
            return Select(options, value=value, allow_blank=False, compact=True, id=f"field-{field.name}")
        return Input(
            field.value, placeholder="(unset)", compact=True, select_on_focus=False, id=f"field-{field.name}"
        )

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Explain the field that has the keyboard."""
        for field in self.fields:
            if event.widget.id == f"field-{field.name}":
                text = f"{field.help} Enter opens the list." if field.choices else field.help
                self.query_one("#form-help", Static).update(Content.styled(text, "$foreground-muted"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The arrows move between fields, but within an open list of choices."""
        return action != "move" or not isinstance(self.focused, OptionList)

    def action_move(self, step: int) -> None:
        """Go to the field above or below."""
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    @on(Input.Submitted)
    def action_submit(self) -> None:
        """Close with the result, or say what is wrong and go there."""
        try:
            result = self.accept(self.values())
        except FormError as error:
            self.query_one("#form-error", Static).update(Content.styled(str(error), "$error"))
            if error.field:
                self.query_one(f"#field-{error.field}").focus()
            return
        self.dismiss(result)

    def values(self) -> dict[str, str]:
        """The text in each field."""
        texts: dict[str, str] = {}
        for field in self.fields:
            editor = self.query_one(f"#field-{field.name}")
            if isinstance(editor, Input):
                texts[field.name] = editor.value.strip()
            elif isinstance(editor, Select):
                texts[field.name] = str(editor.value)
        return texts

    def action_cancel(self) -> None:
        """Close without a result."""
        self.dismiss(None)
