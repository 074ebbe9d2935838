"""The keys that work now, on the last lines of the screen, as many lines as the width asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget

from tuiprefs.tui.actions import ACTIONS, Action, find, key_name

SEPARATOR = "  "


class KeyBar(Widget):
    """Like Textual's footer, but it wraps, and takes its words from the registry of actions."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyBar {
        width: 1fr;
        height: auto;
        max-height: 3;
        padding: 0 1;
        background: $panel;
        color: $foreground-muted;
    }
    """

    def on_mount(self) -> None:
        """Follow the bindings, which change with the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines that the keys need."""
        return max(1, len(self._lines(width)))

    def render(self) -> Content:
        """The keys."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        for entry in self._entries():
            if lines and lines[-1].cell_length + len(SEPARATOR) + entry.cell_length <= width:
                lines[-1] = lines[-1] + SEPARATOR + entry
            else:
                lines.append(entry)
        return lines

    def _entries(self) -> Iterator[Content]:
        """One entry for each action, or for each group of actions that share a label."""
        for _group, members in groupby(self._shown(), key=lambda action: action.group or action.id):
            actions = list(members)
            keys = "".join(key_name(action.keys[0]) for action in actions)
            yield Content.assemble((keys, "bold $accent"), " ", (actions[0].label, "$foreground"))

    def _shown(self) -> list[Action]:
        active = {
            bound.binding.id: bound.enabled
            for bound in self.screen.active_bindings.values()
            if bound.binding.show and bound.binding.id
        }
        order = {action.id: place for place, action in enumerate(ACTIONS)}
        ids = sorted((id_ for id_ in active if id_ in order and active[id_]), key=order.__getitem__)
        return [find(id_) for id_ in ids]
