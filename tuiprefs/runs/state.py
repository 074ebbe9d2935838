"""How a run is doing, told from its folder alone."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, Literal

from tuiprefs.runs import children
from tuiprefs.runs.folder import RunFolder, read_object
from tuiprefs.runs.process import ProcessRecord

Status = Literal["new", "starting", "running", "paused", "finished", "stopped", "failed", "died"]

# A process of another machine cannot be looked at: after this silence it counts as dead.
REMOTE_SILENCE_SECONDS = 600.0
_LOG_TAIL_BYTES = 8192
_LOG_LINE_CHARACTERS = 200


@dataclass(frozen=True)
class RunState:
    """A run at one moment.

    Attributes:
        status: "starting" until the child has said who it is; "died" where it went without a word.
        pid: The child's process, or the one that was started; None for a new run.
        host: The machine that it is, or was, on.
        stage: What the child says it is doing.
        update: The last update it spoke of.
        total_updates: How many it means to do.
        heartbeat_age_seconds: Seconds since it last spoke; None where it is not alive.
        reason: Why it ended, in one sentence; None where it has not.
        elapsed: Seconds of the child's present or last life; None for a new run.
    """

    status: Status
    pid: int | None = None
    host: str | None = None
    stage: str | None = None
    update: int | None = None
    total_updates: int | None = None
    heartbeat_age_seconds: float | None = None
    reason: str | None = None
    elapsed: float | None = None

    @property
    def alive(self) -> bool:
        """Whether there is a child at work."""
        return self.status in ("starting", "running", "paused")

    @property
    def resumable(self) -> bool:
        """Whether it ended before all its updates were done."""
        if self.status == "finished":
            return self.update is not None and self.update < (self.total_updates or 0)
        return self.status in ("stopped", "failed", "died")


@dataclass(frozen=True)
class _Heartbeat:
    time: float
    stage: str | None
    update: int | None
    total: int | None
    paused: bool


def state(folder: RunFolder) -> RunState:
    """How the run is doing. Reads four small files, so it may be called every second for every run."""
    children.reap()
    record = process_record(folder)
    if record is None:
        return RunState("new")
    beat = _heartbeat(folder)
    ending = read_object(folder.exit_path)
    if ending is None and not is_alive(record, beat_time=beat.time):
        # It may have ended well between the two looks.
        ending = read_object(folder.exit_path) or _death(folder, record, beat)
    if ending is None:
        return _living_state(folder, record, beat)
    return RunState(
        status=_status_of(ending),
        pid=record.pid,
        host=record.host,
        stage=beat.stage,
        update=beat.update,
        total_updates=beat.total,
        reason=str(ending.get("reason") or "it gave no reason"),
        elapsed=max(0.0, _number(ending.get("time"), beat.time) - _started(folder, record)),
    )


def process_record(folder: RunFolder) -> ProcessRecord | None:
    """The child, as it described itself or, until it has, as it was started."""
    return ProcessRecord.read(folder.process_path) or ProcessRecord.read(folder.spawned_path)


def is_alive(record: ProcessRecord, beat_time: float) -> bool:
    """Whether ``record`` is at work; on another machine, whether it spoke not too long ago."""
    if record.is_local:
        return record.is_alive
    return time.time() - max(record.time, beat_time) < REMOTE_SILENCE_SECONDS


def _living_state(folder: RunFolder, record: ProcessRecord, beat: _Heartbeat) -> RunState:
    now = time.time()
    spoke = beat.time >= record.time
    status: Status = "running"
    if not folder.process_path.exists():
        status = "starting"
    elif spoke and beat.paused:
        status = "paused"
    return RunState(
        status=status,
        pid=record.pid,
        host=record.host,
        stage=beat.stage if spoke else "starting",
        update=beat.update,
        total_updates=beat.total,
        heartbeat_age_seconds=max(0.0, now - max(record.time, beat.time)),
        elapsed=max(0.0, now - _started(folder, record)),
    )


def _started(folder: RunFolder, record: ProcessRecord) -> float:
    spawned = ProcessRecord.read(folder.spawned_path)
    return record.time if spawned is None else min(spawned.time, record.time)


def _heartbeat(folder: RunFolder) -> _Heartbeat:
    value = read_object(folder.heartbeat_path) or {}
    stage, update, total = value.get("stage"), value.get("update"), value.get("total")
    return _Heartbeat(
        time=_number(value.get("time"), 0.0),
        stage=stage if isinstance(stage, str) else None,
        update=update if isinstance(update, int) else None,
        total=total if isinstance(total, int) else None,
        paused=value.get("paused") is True,
    )


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def _status_of(ending: dict[str, Any]) -> Status:
    status = ending.get("status")
    return status if status in ("finished", "stopped", "died") else "failed"


def _death(folder: RunFolder, record: ProcessRecord, beat: _Heartbeat) -> dict[str, Any]:
    """What ``exit.json`` would say, had the child been able to write it."""
    code = children.return_code(folder, record.pid)
    if not record.is_local:
        how = f"nothing was heard from it on {record.host} for {REMOTE_SILENCE_SECONDS / 60:.0f} minutes"
    elif code is not None and code < 0:
        how = f"its process {record.pid} was killed by {_signal_name(-code)}"
    elif code is not None:
        how = f"its process {record.pid} ended with code {code} and gave no reason"
    else:
        how = f"its process {record.pid} is gone and gave no reason"
    line = last_log_line(folder)
    said = f"the log's last line is “{line}”" if line else "its log is empty"
    return {"status": "died", "reason": f"{how}; {said}", "time": max(record.time, beat.time)}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_log_line(folder: RunFolder) -> str:
    """The last line of the log that is not blank, without control characters, shortened; else empty."""
    try:
        with open(folder.log_path, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _LOG_TAIL_BYTES))
            tail = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    # A progress display overwrites its line with carriage returns: splitlines cuts there too.
    lines = ["".join(c for c in line if c.isprintable()).strip() for line in tail.splitlines()]
    return next((line[:_LOG_LINE_CHARACTERS] for line in reversed(lines) if line), "")
