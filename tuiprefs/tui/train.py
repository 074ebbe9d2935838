"""The Train tab: the list of runs, the curves and alarms of one of them, and the keys that act on it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import DataTable, Static
from textual.worker import Worker

from tuiprefs.runs import control, supervisor
from tuiprefs.runs.folder import RunFolder
from tuiprefs.tui.actions import bindings
from tuiprefs.tui.dialogs import ConfirmScreen
from tuiprefs.tui.jobs import job, stop_if_cancelled
from tuiprefs.tui.messages import RunsSeen, Said
from tuiprefs.tui.run_starter import RunStarted, RunStarter
from tuiprefs.tui.run_watch import RunDetail, RunsView, RunWatch
from tuiprefs.tui.services import Services
from tuiprefs.tui.train_text import alarm_lines, heading, nothing_yet, row_cells
from tuiprefs.tui.widgets.chart import Chart
from tuiprefs.tui.widgets.row_table import RowTable

POLL_SECONDS = 0.5
HIDDEN_POLL_SECONDS = 2.0
"""How often the run folders are read; the light in the tab bar wants it while the tab is hidden, too."""

STOP_GRACE_SECONDS = 30.0
MOST_CHARTS = 4
MOST_ALARMS = 3
COLUMNS = (("", 1), ("run", 28), ("state", 9), ("update", 9), ("", 24))


@dataclass
class RunsPolled(Message):
    """The run folders were read."""

    view: RunsView

    def can_replace(self, message: Message) -> bool:
        """Only the newest view is of interest."""
        return isinstance(message, RunsPolled)


class TrainPane(RunStarter, can_focus=True):
    """Runs and what can be done with them."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("train")]

    def __init__(self, services: Services, *, id: str) -> None:
        super().__init__(services, id=id)
        self.view = RunsView([], None)
        """What was read last."""
        self.selected: str | None = None
        """The run whose curves are shown; None for the newest."""
        self._watch = RunWatch(services.project)
        self._poller: Worker[None] | None = None
        self._last_poll = 0.0

    def compose(self) -> ComposeResult:
        """The list above or beside the selected run."""
        table = RowTable(id="runs")
        for label, width in COLUMNS:
            table.add_column(label, width=width)
        table.show_header = False
        yield table
        with Vertical(id="run"):
            yield Static("", id="run-heading")
            yield Static("", id="run-alarms")
            with Grid(id="charts"):
                for place in range(MOST_CHARTS):
                    yield Chart(id=f"chart-{place}")
            with VerticalScroll(id="run-log"):
                yield Static("", id="run-log-text", markup=False)
        yield Static(nothing_yet(), id="no-runs")

    def on_mount(self) -> None:
        """Begin to look at the run folders."""
        self.set_interval(POLL_SECONDS, self._poll_if_due)
        self._poll_now()

    def activate(self) -> None:
        """The tab was opened: take the keyboard."""
        self._take_focus()
        self._poll_now()

    def deactivate(self) -> None:
        """Another tab is opened; runs are watched all the same."""

    def _take_focus(self) -> None:
        # A hidden table cannot hold the keyboard, and without a focus no key would work.
        (self if self.has_class("-empty") else self.query_one("#runs", RowTable)).focus()

    # -- reading the run folders

    def _poll_if_due(self) -> None:
        waited = time.monotonic() - self._last_poll
        if waited >= (POLL_SECONDS if self.display else HIDDEN_POLL_SECONDS) - 0.05:
            self._poll_now()

    def _poll_now(self) -> None:
        if self._poller is not None and not self._poller.is_finished:
            return
        self._last_poll = time.monotonic()
        self._poller = self._poll(self.selected)

    @job("runs")
    def _poll(self, selected: str | None) -> None:
        self.post_message(RunsPolled(self._watch.poll(selected)))

    @on(RunsPolled)
    def _show(self, message: RunsPolled) -> None:
        message.stop()
        before = self._keys_that_work()
        self.view = message.view
        if self._keys_that_work() != before:
            self.refresh_bindings()
        self._show_rows()
        if self.has_class("-empty") is bool(self.view.rows):
            had_focus = self.has_focus_within or self.screen.focused is None
            self.set_class(not self.view.rows, "-empty")
            if self.display and had_focus:
                self._take_focus()
        if self.view.detail is not None:
            self._show_detail(self.view.detail)
        self.post_message(RunsSeen(self.view.alive, self.view.alarm))

    def _show_rows(self) -> None:
        table = self.query_one("#runs", RowTable)
        names = [row.name for row in self.view.rows]
        if names != [key.value for key in table.rows]:
            chosen = self.view.detail.row.name if self.view.detail else None
            with self.prevent(DataTable.RowHighlighted):
                table.clear()
                for row in self.view.rows:
                    table.add_row(*row_cells(row), key=row.name)
                if chosen in names:
                    table.move_cursor(row=names.index(chosen))
            return
        keys = list(table.columns)
        for row in self.view.rows:
            present = table.get_row(row.name)
            for key, old, new in zip(keys, present, row_cells(row), strict=True):
                if old != new:
                    table.update_cell(row.name, key, new)

    def _show_detail(self, detail: RunDetail) -> None:
        self.query_one("#run-heading", Static).update(heading(detail))
        alarms = self.query_one("#run-alarms", Static)
        lines = alarm_lines(detail, MOST_ALARMS if self.screen.has_class("-high") else 1)
        alarms.update(lines)
        alarms.display = bool(lines)
        grid = self.query_one("#charts", Grid)
        grid.set_class(len(detail.charts) <= 1, "-one")
        grid.set_class(len(detail.charts) == 2, "-two")
        for place in range(MOST_CHARTS):
            chart = self.query_one(f"#chart-{place}", Chart)
            chart.display = place < len(detail.charts)
            if chart.display:
                data = detail.charts[place]
                chart.show(data.title, data.unit, data.series, data.limit, data.limit_name)
        log = self.query_one("#run-log-text", Static)
        if self._log_shown(detail):
            log.update(detail.log or "The log is empty.")
        self.query_one("#run-log").display = self._log_shown(detail)
        grid.display = bool(detail.charts) and not self._log_shown(detail)

    def _log_shown(self, detail: RunDetail) -> bool:
        """Asked for, or all that there is to show."""
        nothing_drawn = not any(chart.series for chart in detail.charts)
        return self.has_class("-log") or not detail.charts or (nothing_drawn and not detail.row.state.alive)

    def _keys_that_work(self) -> list[bool | None]:
        return [self.check_action(name, ()) for name in ("pause", "checkpoint", "stop", "resume", "log")]

    @on(DataTable.RowHighlighted, "#runs")
    def _select(self, event: DataTable.RowHighlighted) -> None:
        name = event.row_key.value
        if name is not None and name != self.selected:
            self.selected = name
            self._poll_now()

    # -- acting on the selected run

    @property
    def run_folder(self) -> RunFolder | None:
        """The run whose curves are shown."""
        detail = self.view.detail
        return None if detail is None else RunFolder(self.services.project.runs_dir / detail.row.name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something for the selected run."""
        run = self.view.detail.row.state if self.view.detail else None
        if action in ("pause", "checkpoint", "stop"):
            return run is not None and run.alive and not (action == "pause" and run.status == "paused")
        if action == "resume":
            return run is not None and (run.status == "paused" or run.resumable)
        if action == "log":
            return run is not None
        return True

    def action_pause(self) -> None:
        """Ask the run to wait after its present update."""
        if folder := self.run_folder:
            self._command(folder, "pause", "Pausing after the present update.")

    def action_checkpoint(self) -> None:
        """Ask the run for a checkpoint."""
        if folder := self.run_folder:
            self._command(folder, "checkpoint", "A checkpoint is asked for.")

    def action_resume(self) -> None:
        """Wake a paused run, or start a stopped or dead one where it left off."""
        folder, detail = self.run_folder, self.view.detail
        if folder is None or detail is None:
            return
        if detail.row.state.alive:
            self._command(folder, "resume", "The run goes on.")
        else:
            self._restart(folder)

    def action_stop(self) -> None:
        """Stop the run, after a question."""
        folder = self.run_folder
        if folder is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._stop(folder)

        text = "It can be resumed from its last checkpoint."
        self.app.push_screen(ConfirmScreen(f"Stop {folder.name}?", text), answered)

    def action_log(self) -> None:
        """Show the end of the log, or the curves again."""
        self.toggle_class("-log")
        if self.view.detail is not None:
            self._show_detail(self.view.detail)

    @job("command")
    def _command(self, folder: RunFolder, command: str, said: str) -> None:
        control.send(folder, {"command": command})
        self.post_message(Said(said))

    @job("command")
    def _restart(self, folder: RunFolder) -> None:
        supervisor.resume(folder)
        self.post_message(Said(f"{folder.name} goes on from its last checkpoint."))

    @job("stop")
    def _stop(self, folder: RunFolder) -> None:
        control.send(folder, {"command": "stop", "reason": "stopped by the user"})
        self.post_message(Said(f"{folder.name} is being stopped."))
        deadline = time.monotonic() + STOP_GRACE_SECONDS
        # In small steps, so that closing the app need not wait: the command is in the run's folder already.
        while supervisor.state(folder).alive and time.monotonic() < deadline:
            time.sleep(0.1)
            stop_if_cancelled()
        ended = supervisor.stop(folder, grace_seconds=0.0)
        self.post_message(Said(f"{folder.name}: {ended.reason or ended.status}"))

    @on(RunStarted)
    def _started(self, message: RunStarted) -> None:
        message.stop()
        self.selected = message.name
        self.post_message(Said(f"{message.name} has been started; it goes on when the app is closed."))
        self._poll_now()
