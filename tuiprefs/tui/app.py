"""The Textual app: three tabs, the key bar, and what concerns all of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from tuiprefs.music.quiet import own_stderr
from tuiprefs.project.errors import UserError
from tuiprefs.project.project import Project
from tuiprefs.store.database import Store
from tuiprefs.tui.actions import Action, bindings
from tuiprefs.tui.help import HelpScreen
from tuiprefs.tui.messages import JobFailed, RunsSeen, Said, SoundOpened
from tuiprefs.tui.palette import ActionCommands
from tuiprefs.tui.rate import RatePane
from tuiprefs.tui.run_starter import BlindTestAsked
from tuiprefs.tui.samples import SamplesPane
from tuiprefs.tui.services import Services
from tuiprefs.tui.theme import SIXTEEN, THEMES, theme_for
from tuiprefs.tui.train import TrainPane
from tuiprefs.tui.widgets.key_bar import KeyBar
from tuiprefs.tui.widgets.status_bar import StatusBar
from tuiprefs.tui.widgets.tab_bar import TABS, TabBar

LEAVING_SECONDS = 3.0
"""Time that the app has to close by itself after a signal."""

NEWS_SECONDS = 6.0
"""How long a line of news stays in the status bar."""

Tab = Literal["rate", "train", "samples"]
Pane = RatePane | TrainPane | SamplesPane


class TuiprefsApp(App[int]):
    """The whole app on one project."""

    TITLE = "tuiprefs"
    CSS_PATH = ["app.tcss", "rate.tcss", "train.tcss", "samples.tcss", "forms.tcss"]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    COMMANDS: ClassVar = {ActionCommands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012

    def __init__(self, services: Services, initial_tab: Tab = "rate") -> None:
        # With NO_COLOR not even greys: Textual leaves all colours out only with the terminal's own.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.services = services
        """The project and what works on it."""
        self.initial_tab: Tab = initial_tab
        """The tab that is open at first."""
        self.error_log: Path = services.project.cache_dir / "errors.log"
        """Where jobs write tracebacks of errors that they have no sentence for."""
        self.animation_level = "none"
        if self.no_color:
            # Textual takes NO_COLOR out of the environment; child processes shall still see it.
            os.environ.setdefault("NO_COLOR", "1")
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = SIXTEEN.name if self.no_color else theme_for(self.console.color_system)

    @property
    def tab(self) -> Tab:
        """The tab that is open."""
        current = self.query_one("#tabs", ContentSwitcher).current
        return "train" if current == "train" else "samples" if current == "samples" else "rate"

    def compose(self) -> ComposeResult:
        """The tab bar, the three tabs, the status and the keys."""
        yield TabBar(self.services.project.root.name)
        with ContentSwitcher(initial=self.initial_tab, id="tabs"):
            yield RatePane(self.services, id="rate")
            yield TrainPane(self.services, id="train")
            yield SamplesPane(self.services, id="samples")
        yield StatusBar()
        yield KeyBar()

    def on_mount(self) -> None:
        """Leave cleanly on the signals that end a terminal; without this it would stay in raw mode."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, self._leave_on_signal, number)
        self.action_show_tab(self.initial_tab)

    def _leave_on_signal(self, number: int) -> None:
        # A hang-up comes with SIGCONT, on which Textual takes hold of the terminal again. It is gone: the
        # thread that writes to it dies, and leaving would wait for it for ever. Ratings are on disk by now.
        last_resort = threading.Timer(LEAVING_SECONDS, os._exit, (128 + number,))
        last_resort.daemon = True
        last_resort.start()
        self.exit(128 + number, return_code=128 + number)

    def on_unmount(self) -> None:
        """Silence, and give the signals back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.remove_signal_handler(number)
        self.services.close_player()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Nothing: the palette is made from the registry of actions."""
        return ()

    # -- actions

    def action_show_tab(self, tab: Tab) -> None:
        """Open a tab and give it the keyboard."""
        if tab != self.tab:
            self.pane(self.tab).deactivate()
        self.query_one("#tabs", ContentSwitcher).current = tab
        self.query_one(TabBar).active = tab
        self.pane(tab).activate()

    def action_next_tab(self, step: int) -> None:
        """Open the tab before or after."""
        order = list(TABS)
        self.action_show_tab(order[(order.index(self.tab) + step) % len(order)])  # type: ignore[arg-type]

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen(self.tab))

    async def perform(self, action: Action) -> None:
        """Do what an entry of the palette says, in the tab that it belongs to."""
        if action.scope == "app":
            await self.run_action(action.method, self)
            return
        self.action_show_tab(action.scope)
        if not await self.run_action(action.method, self.pane(action.scope)):
            self.notify(f"That cannot be done now: {action.help}", severity="warning")

    def pane(self, tab: Tab) -> Pane:
        """The content of a tab."""
        kinds: dict[Tab, type[Pane]] = {"rate": RatePane, "train": TrainPane, "samples": SamplesPane}
        return self.query_one(f"#{tab}", kinds[tab])

    # -- messages of the tabs

    @on(JobFailed)
    def _job_failed(self, message: JobFailed) -> None:
        self.notify(message.sentence, severity="error", timeout=10, markup=False)

    @on(Said)
    def _said(self, message: Said) -> None:
        bar = self.query_one(StatusBar)
        bar.news = message.text

        def forget() -> None:
            if bar.news == message.text:
                bar.news = ""

        self.set_timer(NEWS_SECONDS, forget)

    @on(BlindTestAsked)
    def _blind_test_asked(self, message: BlindTestAsked) -> None:
        self.action_show_tab("rate")
        self.query_one(RatePane).begin_blind(message.request)

    @on(SoundOpened)
    def _sound_opened(self, message: SoundOpened) -> None:
        self.query_one(StatusBar).sound = message.description

    @on(RunsSeen)
    def _runs_seen(self, message: RunsSeen) -> None:
        bar = self.query_one(TabBar)
        bar.alive, bar.alarm = message.alive, message.alarm


def run_app(project: Project, store: Store, *, initial_tab: Tab | None = None) -> int:
    """Run the app in this terminal until it is closed; returns the exit code.

    Raises:
        UserError: this is no terminal that an app can draw on.
    """
    check_terminal(os.environ.get("TERM", ""))
    project.cache_dir.mkdir(parents=True, exist_ok=True)
    # What C libraries print at any moment goes to a file and not across the screen.
    with own_stderr(project.cache_dir / "stderr.log"):
        app = TuiprefsApp(Services.of(project, store), initial_tab or "rate")
        app.run()
    return app.return_code or 0


def check_terminal(term: str) -> None:
    """UserError where nothing can be drawn: ``TERM=dumb``, or input or output that is no terminal."""
    if term in ("", "dumb", "unknown"):
        raise UserError(
            f"The app cannot draw on a terminal of the type “{term or 'unset'}”: "
            "set TERM to what yours is (such as xterm-256color), or use the other commands."
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "The app needs a terminal for its input and output; use the other commands in a script."
        )
