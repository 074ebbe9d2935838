"""What the Train tab shows of the runs, read from their folders piece by piece; no Textual, used by a job."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

from tuiprefs.project.errors import TuiprefsError
from tuiprefs.project.project import Project
from tuiprefs.runs.alarms import heartbeat_alarm
from tuiprefs.runs.folder import RunFolder, list_runs
from tuiprefs.runs.journal import JournalReader
from tuiprefs.runs.state import RunState, state
from tuiprefs.tui.run_charts import CHARTS, ChartData, key_figure

LINES_AT_ONCE = 20_000
"""Journal lines read in one go, so that a huge journal appears in pieces and not after a wait."""

RECHECK = 10
"""A run that has ended is looked at again only every so many polls: somebody may have resumed it."""

LOG_BYTES = 16_384


@dataclass(frozen=True)
class RunRow:
    """One run in the list."""

    name: str
    kind: str
    state: RunState
    alarm: str | None
    """The worst level among its alarms."""
    figure: str
    """Its most telling number."""


@dataclass(frozen=True)
class RunDetail:
    """The run that is selected."""

    row: RunRow
    parents: dict[str, str]
    charts: list[ChartData]
    alarms: list[str]
    """What its alarms say, newest last."""
    log: str
    """The end of what it printed."""
    problem: str | None
    """Why its folder cannot be read."""


@dataclass(frozen=True)
class RunsView:
    """All runs, newest first, and the selected one."""

    rows: list[RunRow]
    detail: RunDetail | None

    @property
    def alive(self) -> int:
        """How many are at work."""
        return sum(row.state.alive for row in self.rows)

    @property
    def alarm(self) -> bool:
        """Whether one of those has an alarm."""
        return any(row.state.alive and row.alarm for row in self.rows)


@dataclass
class Follower:
    """Keeps up with one run's journals."""

    folder: RunFolder
    columns: dict[str, tuple[array[float], array[float]]] = field(default_factory=dict)
    """For each metric the updates and the values."""
    last: dict[str, float] = field(default_factory=dict)
    """The newest value of each metric."""
    alarms: list[dict[str, Any]] = field(default_factory=list)
    state: RunState = field(default_factory=lambda: RunState("new"))
    _age: int = 0

    def __post_init__(self) -> None:
        self._metrics = JournalReader(self.folder.metrics_path)
        self._events = JournalReader(self.folder.events_path)
        self._restarts = (0, 0)

    def poll(self, often: bool) -> None:
        """Read what is new; ``often`` also where the run has ended long ago."""
        self._age += 1
        settled = self.state.status in ("finished", "stopped", "failed", "died")
        if settled and not often and self._age % RECHECK:
            return
        self.state = state(self.folder)
        rows, events = self._metrics.read_new(LINES_AT_ONCE), self._events.read_new(LINES_AT_ONCE)
        metrics_restarts, events_restarts = self._restarts
        if self._metrics.restarts != metrics_restarts:
            self.columns, self.last = {}, {}
        if self._events.restarts != events_restarts:
            self.alarms = []
        self._restarts = (self._metrics.restarts, self._events.restarts)
        for row in rows:
            self._take(row)
        self.alarms += [event for event in events if event.get("event") == "alarm"]

    def _take(self, row: dict[str, Any]) -> None:
        update = row.get("update")
        if not isinstance(update, int | float):
            return
        for key, value in row.items():
            if "/" in key and isinstance(value, int | float):
                x, y = self.columns.setdefault(key, (array("d"), array("d")))
                x.append(update)
                y.append(value)
                self.last[key] = float(value)

    @property
    def alarm(self) -> str | None:
        """The worst level among the alarms."""
        levels = {alarm.get("level") for alarm in self.alarms}
        return "critical" if "critical" in levels else "warning" if levels else None


class RunWatch:
    """All runs of a project. Not for several threads at once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._followers: dict[str, Follower] = {}

    def poll(self, selected: str | None) -> RunsView:
        """Look at every run; ``selected`` (or else the newest) is read with all that there is to show."""
        folders = list_runs(self.project)[::-1]
        names = {folder.name for folder in folders}
        self._followers = {name: one for name, one in self._followers.items() if name in names}
        chosen = selected if selected in names else folders[0].name if folders else None
        rows = []
        for folder in folders:
            follower = self._followers.setdefault(folder.name, Follower(folder))
            follower.poll(often=folder.name == chosen)
            rows.append(self._row(follower))
        detail = None
        if chosen is not None:
            row = next(row for row in rows if row.name == chosen)
            detail = self._detail(self._followers[chosen], row)
        return RunsView(rows, detail)

    def _row(self, follower: Follower) -> RunRow:
        kind = follower.folder.name.split("-")[2]
        silent = heartbeat_alarm(follower.state, self.project.settings.alarms)
        alarm = follower.alarm or (silent.level if silent else None)
        return RunRow(follower.folder.name, kind, follower.state, alarm, key_figure(kind, follower.last))

    def _detail(self, follower: Follower, row: RunRow) -> RunDetail:
        lines = [f"{alarm.get('name', 'alarm')}: {alarm.get('message', '')}" for alarm in follower.alarms]
        silent = heartbeat_alarm(follower.state, self.project.settings.alarms)
        if silent is not None:
            lines.append(f"{silent.name}: {silent.message}")
        log = log_tail(follower.folder)
        try:
            spec = follower.folder.spec
        except TuiprefsError as error:
            return RunDetail(row, {}, [], lines, log, str(error))
        charts = [
            chart.data(follower.columns, spec.settings, self.project.settings.alarms)
            for chart in CHARTS.get(row.kind, ())
        ]
        return RunDetail(row, spec.parents, charts, lines, log, None)


def log_tail(folder: RunFolder) -> str:
    """The end of a run's log, without control characters."""
    try:
        with folder.log_path.open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.split("\r")[-1] for line in text.split("\n")]
    return "\n".join("".join(c for c in line if c.isprintable()) for line in lines).strip()


def progress_text(run: RunState) -> str:
    """``12/60``, or as much of it as is known."""
    if run.update is None:
        return ""
    return str(run.update) if run.total_updates is None else f"{run.update}/{run.total_updates}"


def duration(seconds: float) -> str:
    """``3 s``, ``4 min 10 s`` or ``2 h 5 min``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
