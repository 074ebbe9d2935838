"""The help screen: every key, made from the registry of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

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
                yield Static(self._text())

    def _text(self) -> Content:
        scopes = sorted(SCOPE_TITLES, key=lambda scope: (scope != self.scope, scope != "app"))
        parts = [self._section(scope) for scope in scopes]
        return Content("\n\n").join(parts)

    @staticmethod
    def _section(scope: Scope) -> Content:
        lines = [Content.styled(SCOPE_TITLES[scope], "bold $primary")]
        for action in actions_of(scope):
            keys = action.key_names or "palette"
            lines.append(Content.assemble((f"  {keys:<14}", "bold $accent"), (action.help, "$foreground")))
        return Content("\n").join(lines)
