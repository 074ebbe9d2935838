"""What a child writes into its run folder: who it is, how far it is, what it measured, how it ended."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Literal

from tuiprefs.project.atomic import write_json
from tuiprefs.project.errors import UserError
from tuiprefs.runs import journal
from tuiprefs.runs.alarms import Alarm
from tuiprefs.runs.folder import RunFolder, read_object
from tuiprefs.runs.lock import start_lock
from tuiprefs.runs.process import ProcessRecord, describe_self
from tuiprefs.runs.state import process_record, state
from tuiprefs.runs.tensorboard_events import EventFile, begin_anew

ExitStatus = Literal["finished", "stopped", "failed"]

_HEARTBEAT_SECONDS = 1.0


class Recorder:
    """The child's pen. Make one at the child's beginning, before slow imports: it claims the run.

    Args:
        folder: The run.
        total_updates: How many updates the child means to do; may be set later.

    Raises:
        UserError: another process is at work on the run.
    """

    def __init__(self, folder: RunFolder, total_updates: int | None = None) -> None:
        self.folder = folder
        self.total_updates = total_updates
        claim(folder)
        self._update: int | None = _last_update(folder)
        self._stage = "starting"
        self._paused = False
        self._last_beat = -_HEARTBEAT_SECONDS
        self._events: EventFile | None = None
        self._tensorboard = True
        self.heartbeat("starting")

    def metrics(self, update: int, values: Mapping[str, Any]) -> None:
        """Append what was measured in ``update``: numbers under flat keys such as ``objective/kl``."""
        row = {"update": update, "time": round(time.time(), 3)}
        row |= {key: journal.plain(value) for key, value in values.items() if key not in row}
        journal.append(self.folder.metrics_path, row)
        if self._tensorboard:
            self._write_events(row)
        self.heartbeat(self._stage, update, self._paused)

    def event(self, event: str, /, **data: Any) -> None:
        """Append that something happened, e.g. ``event("checkpoint", update=20)``."""
        journal.append(self.folder.events_path, {**data, "event": event, "time": round(time.time(), 3)})

    def alarm(self, alarm: Alarm) -> None:
        """Append ``alarm`` as an event called "alarm"."""
        self.event("alarm", **asdict(alarm))

    def sample(self, sample: Mapping[str, Any]) -> None:
        """Append a sample to look at. Its "update" decides whether it outlives a resume."""
        journal.append(self.folder.samples_path, {**sample, "time": round(time.time(), 3)})

    def heartbeat(self, stage: str, update: int | None = None, paused: bool = False) -> None:
        """Say what the child is doing. Call it often, also while paused: it writes once a second at most."""
        news = (stage, paused) != (self._stage, self._paused)
        self._stage, self._paused = stage, paused
        if update is not None:
            self._update = update
        if news or time.monotonic() - self._last_beat >= _HEARTBEAT_SECONDS:
            self._beat()

    def truncate_after(self, update: int) -> None:
        """Take back what was recorded after ``update``, the checkpoint that a resumed child goes on from.

        The metrics then grow as if the child had never been interrupted. An event "resumed" is kept.
        """
        keep = _not_after(update)
        dropped = journal.keep_where(self.folder.metrics_path, keep)
        journal.keep_where(self.folder.samples_path, keep)
        self._update = update
        self._rewrite_events()
        self.event("resumed", update=update, dropped_updates=dropped)
        self._beat()

    def exit(
        self,
        code: int,
        reason: str,
        status: ExitStatus | None = None,
        traceback: str | None = None,
    ) -> None:
        """Record how the run ended; the last thing a child does.

        Args:
            code: The process's exit code.
            reason: Why it ended, in one sentence.
            status: Unless given: "failed" where ``code`` is not 0, "stopped" where the reason begins
                so, else "finished".
            traceback: Python's, where there was one.
        """
        if status is None:
            stopped = reason.lower().startswith("stopped")
            status = "failed" if code else "stopped" if stopped else "finished"
        self._beat()
        if self._events is not None:
            self._events.close()
            self._events = None
        ending = {
            "status": status,
            "code": code,
            "reason": reason,
            "traceback": traceback,
            "peak_memory_bytes": peak_memory_bytes(),
            "time": time.time(),
            "written_by": "child",
        }
        write_json(self.folder.exit_path, ending)

    def _beat(self) -> None:
        beat = {
            "time": time.time(),
            "stage": self._stage,
            "update": self._update,
            "total": self.total_updates,
            "paused": self._paused,
        }
        write_json(self.folder.heartbeat_path, beat)
        self._last_beat = time.monotonic()

    def _write_events(self, row: Mapping[str, Any]) -> None:
        try:
            self._events = self._events or EventFile(self.folder.tensorboard_dir)
            self._events.scalars(row)
        except ImportError as error:
            self._do_without_tensorboard(error)

    def _rewrite_events(self) -> None:
        if not self.folder.tensorboard_dir.exists():
            return
        if self._events is not None:
            self._events.close()
        try:
            self._events = begin_anew(self.folder.tensorboard_dir, journal.read_all(self.folder.metrics_path))
        except ImportError as error:
            self._do_without_tensorboard(error)

    def _do_without_tensorboard(self, error: ImportError) -> None:
        """The curves are in ``metrics.jsonl`` as well: a broken viewer is no reason to end a run."""
        self._tensorboard = False
        self.event("warning", message=f"TensorBoard events are not written: {error}")


def claim(folder: RunFolder) -> None:
    """Enter this process as the run's child.

    Raises:
        UserError: another process is at work on the run.
    """
    with start_lock(folder):
        me = describe_self()
        spawned = ProcessRecord.read(folder.spawned_path)
        # A wrapper such as `nice` or a shell may stand between the supervisor and this process.
        if spawned is None or spawned.group != me.group or not spawned.is_local:
            _claim_by_hand(folder, me)
        me.write(folder.process_path)


def _claim_by_hand(folder: RunFolder, me: ProcessRecord) -> None:
    """Do what the supervisor does before it starts a child, for one that was started without it."""
    present, now = process_record(folder), state(folder)
    if present is not None and present.pid != me.pid and now.alive:
        raise UserError(
            f"The run {folder.name} is {now.status} already (process {now.pid} on {now.host}); stop it first."
        )
    if present is not None and (present.pid != me.pid or folder.exit_path.exists()):
        folder.archive_attempt()


def peak_memory_bytes() -> int:
    """The most memory that this process has held at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kibibytes, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024


def _last_update(folder: RunFolder) -> int | None:
    update = (read_object(folder.heartbeat_path) or {}).get("update")
    return update if isinstance(update, int) else None


def _not_after(update: int) -> Callable[[dict[str, Any]], bool]:
    def keep(row: dict[str, Any]) -> bool:
        number = row.get("update")
        return not isinstance(number, int) or number <= update

    return keep
