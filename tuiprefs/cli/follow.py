"""Watching a run from the command line until it ends."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tuiprefs.cli.common import narrate
from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.runs.folder import RunFolder, read_object
from tuiprefs.runs.journal import JournalReader
from tuiprefs.runs.supervisor import RunState, state, stop

POLL_SECONDS = 0.3
QUIET_REPORT_SECONDS = 15.0
ENDED = ("finished", "stopped", "failed", "died")

# What is worth a column while a run of each kind goes on: metric and short name.
SHOWN = {
    "lm": (("lm/loss", "loss"), ("lm/heldout_loss", "held-out")),
    "reward": (("reward/loss", "loss"), ("reward/heldout_accuracy", "held-out accuracy")),
    "policy": (("objective/score", "score"), ("objective/kl", "KL"), ("objective/entropy", "entropy")),
    "sample": (),
}


class _Watch:
    """Reads a run's new metrics and alarms and keeps the newest value of each metric."""

    def __init__(self, folder: RunFolder) -> None:
        self.kind = folder.spec.kind
        self.latest: dict[str, Any] = {}
        self._metrics = JournalReader(folder.metrics_path)
        self._events = JournalReader(folder.events_path)

    def read(self) -> list[str]:
        """Take in what is new; returns the sentences of new alarms."""
        for line in self._metrics.read_new():
            self.latest.update(line)
        return [str(event["message"]) for event in self._events.read_new() if event.get("event") == "alarm"]

    def figures(self) -> str:
        known = [
            (name, self.latest[key]) for key, name in SHOWN[self.kind] if self.latest.get(key) is not None
        ]
        return "  ".join(f"{name} {value:.3f}" for name, value in known)


def follow(folder: RunFolder) -> RunState:
    """Show a run's progress on stderr until it has ended well.

    An interrupt (Ctrl-C) stops the run, which leaves a checkpoint, and is raised again.

    Raises:
        TuiprefsError: the run failed, died or was stopped; a UserError where it was given what it cannot use.
    """
    try:
        ended = _bar(folder) if sys.stderr.isatty() else _lines(folder)
    except KeyboardInterrupt:
        narrate(f"Stopping {folder.name} …")
        stop(folder)
        narrate(f"Stopped; `tuiprefs train {folder.spec.kind} --resume {folder.name}` goes on from there.")
        raise
    if ended.status != "finished":
        kind = UserError if _exit_code(folder) == UserError.exit_code else TuiprefsError
        raise kind(f"The run {folder.name} {_VERB[ended.status]}: {ended.reason or 'no reason given'}")
    return ended


_VERB = {"stopped": "was stopped", "failed": "failed", "died": "died"}


def _exit_code(folder: RunFolder) -> object:
    return (read_object(folder.exit_path) or {}).get("code")


def _bar(folder: RunFolder) -> RunState:
    watch = _Watch(folder)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(folder.name, total=None, figures="")
        while True:
            now = state(folder)
            for alarm in watch.read():
                progress.console.print(f"[bold red]alarm[/] {alarm}")
            progress.update(
                task, completed=now.update or 0, total=now.total_updates or None, figures=watch.figures()
            )
            if now.status in ENDED:
                return now
            time.sleep(POLL_SECONDS)


def _lines(folder: RunFolder) -> RunState:
    """The same for a log file: one line now and then."""
    watch = _Watch(folder)
    reported = time.monotonic()
    while True:
        now = state(folder)
        for alarm in watch.read():
            narrate(f"alarm: {alarm}")
        if now.status in ENDED:
            narrate(f"{folder.name}: {now.status} at {_count(now)}  {watch.figures()}")
            return now
        if time.monotonic() - reported > QUIET_REPORT_SECONDS:
            reported = time.monotonic()
            narrate(f"{folder.name}: {now.status} {_count(now)}  {watch.figures()}")
        time.sleep(POLL_SECONDS)


def _count(now: RunState) -> str:
    return f"{now.update or 0}/{now.total_updates or '?'}"
