"""The help screen: every key, made from the registry of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label

from tuiprefs.tui.actions import SCOPE_TITLES, Scope, actions_of


class HelpScreen(ModalScreen[None]):
    """All keys, those of the open tab first."""

    AUTO_FOCUS = "#help-text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter", "dismiss", "Close", show=False),
    ]

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope
        """The open tab."""

    def compose(self) -> ComposeResult:
        """A box with a scrolling list."""
        with Vertical(classes="dialog wide") as box:
            box.border_title = "Keys"
            box.border_subtitle = "↑ ↓ scroll · esc close"
            with VerticalScroll(id="help-text"):
                scopes = sorted(SCOPE_TITLES, key=lambda scope: (scope != self.scope, scope != "app"))
                for scope in scopes:
                    yield Label(SCOPE_TITLES[scope], classes="help-heading")
                    for action in actions_of(scope):
                        with Horizontal(classes="help-row"):
                            yield Label(action.key_names or "palette", classes="help-keys", markup=False)
                            yield Label(action.help, classes="help-words")
