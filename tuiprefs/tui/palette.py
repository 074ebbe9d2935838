"""The command palette's entries, made from the registry of actions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tuiprefs.tui.actions import ACTIONS, Action

if TYPE_CHECKING:
    from tuiprefs.tui.app import TuiprefsApp

HIDDEN = {"app.command_palette"}


class ActionCommands(Provider):
    """Offers every action; those of another tab open that tab first."""

    async def discover(self) -> Hits:
        """Everything, the open tab's actions first."""
        for action in self._actions():
            yield DiscoveryHit(action.title, partial(self._app.perform, action), help=action.key_names)

    async def search(self, query: str) -> Hits:
        """What matches ``query``."""
        matcher = self.matcher(query)
        for action in self._actions():
            score = matcher.match(action.title)
            if score > 0:
                perform = partial(self._app.perform, action)
                yield Hit(score, matcher.highlight(action.title), perform, help=action.key_names)

    @property
    def _app(self) -> TuiprefsApp:
        return cast("TuiprefsApp", self.app)

    def _actions(self) -> Iterator[Action]:
        tab = self._app.tab
        shown = (action for action in ACTIONS if action.id not in HIDDEN)
        return iter(sorted(shown, key=lambda action: (action.scope != tab, action.scope == "app")))
