"""The first line: the name, the three tabs with their keys, live runs, and the project."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tuiprefs.tui.actions import find, key_name

TABS = {"rate": "Rate", "train": "Train", "samples": "Samples"}
NAME = "tuiprefs"
SEPARATOR = "  "


class TabBar(Widget):
    """Shows the tabs; clicking one opens it too."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TabBar {
        height: 1;
        padding: 0 1;
        background: $panel;
    }
    """

    active: reactive[str] = reactive("rate")
    """The tab that is open."""
    alive: reactive[int] = reactive(0)
    """Runs that are alive."""
    alarm: reactive[bool] = reactive(False)
    """Whether one of them has an alarm."""

    def __init__(self, project_name: str) -> None:
        super().__init__()
        self.project_name = project_name
        """Stands at the right end."""

    def render(self) -> Content:
        """The line."""
        line = Content.styled(NAME, "bold $primary") + SEPARATOR
        for tab in TABS:
            line += SEPARATOR + self._tab(tab)
        rest = self.content_size.width - line.cell_length - len(self.project_name)
        if rest > 0:
            line += " " * rest + Content.styled(self.project_name, "$foreground-muted")
        return line

    async def on_click(self, event: events.Click) -> None:
        """Open the tab that was clicked."""
        place = event.get_content_offset(self)
        left = len(NAME + SEPARATOR)
        for tab in TABS:
            right = left + len(SEPARATOR) + self._tab(tab).cell_length
            if place is not None and left <= place.x < right:
                await self.run_action(f"app.show_tab('{tab}')")
            left = right

    def _tab(self, tab: str) -> Content:
        key = key_name(find(f"app.show_tab.{tab}").keys[0])
        # Brackets show the open tab where there are no colours.
        left, right = ("[", "]") if tab == self.active else (" ", " ")
        style = "bold $foreground" if tab == self.active else "$foreground-muted"
        content = Content.assemble((key, "$accent"), (f"{left}{TABS[tab]}", style))
        if tab == "train" and self.alive:
            light = (" !", "bold $error") if self.alarm else (" ●", "$success")
            content += Content.assemble(light, (str(self.alive), "$foreground-muted"))
        return content + Content.styled(right, style)
