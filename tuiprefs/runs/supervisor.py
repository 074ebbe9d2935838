"""Starting, stopping and resuming runs. The app may come and go; the child and its folder stay."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from tuiprefs.project.atomic import write_json
from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.runs import children, control, process
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.lock import start_lock
from tuiprefs.runs.process import ProcessRecord
from tuiprefs.runs.state import RunState, process_record, state

__all__ = ["RunState", "resume", "start", "state", "stop"]

_POLL_SECONDS = 0.1
# Between exit.json and the end of the process lies the interpreter's own tidying up.
_ENDING_SECONDS = 20.0


def start(folder: RunFolder, argv: Sequence[str] | None = None) -> None:
    """Start the child of a new run. ``argv`` replaces the worker's command (for other programs and tests).

    Raises:
        UserError: the run is under way, or has been.
        TuiprefsError: the child cannot be started.
    """
    with start_lock(folder):
        status = state(folder).status
        if status != "new":
            raise UserError(_not_startable(folder, status))
        _spawn(folder, argv or children.worker_argv(folder))


def resume(folder: RunFolder, argv: Sequence[str] | None = None) -> None:
    """Start the child of a run again where its last checkpoint left it; its last ``exit.json`` is kept.

    Raises:
        UserError: the run has not been started, is under way, or is done.
        TuiprefsError: the child cannot be started.
    """
    with start_lock(folder):
        now = state(folder)
        if not now.resumable:
            raise UserError(_not_resumable(folder, now))
        if not _wait_until(lambda: _is_gone(process_record(folder)), _ENDING_SECONDS):
            raise UserError(
                f"The run {folder.name} has ended but its process {now.pid} is still there: end that first."
            )
        folder.archive_attempt()
        _spawn(folder, [*(argv or children.worker_argv(folder)), "--resume"])


def stop(
    folder: RunFolder,
    grace_seconds: float = 30.0,
    *,
    term_seconds: float = 5.0,
    reason: str = "stopped by the user",
) -> RunState:
    """Stop the run: by a command, after ``grace_seconds`` by SIGTERM, ``term_seconds`` later by SIGKILL.

    The signals go to the child's whole process group. Blocks until nobody of it is left; a run that
    has ended stays as it is.

    Raises:
        TuiprefsError: the run is on another machine and does not obey, or cannot be killed.
    """
    record = process_record(folder)
    if record is None or not state(folder).alive:
        return state(folder)
    control.send(folder, {"command": "stop", "reason": reason})
    if not record.is_local:
        return _stop_remote(folder, record, grace_seconds)
    watched = _Family(record)
    obeyed = _wait_until(watched.has_lost_its_head, grace_seconds)
    if not watched.clear_away(term_seconds):
        raise TuiprefsError(f"The process {record.pid} of the run {folder.name} could not be killed.")
    if not obeyed:
        _record_kill(folder, record, f"{reason}; it had not obeyed for {grace_seconds:g} s and was killed")
    return state(folder)


class _Family:
    """A child and the processes that go with it, looked up as long as the child lives.

    Only then is it certain who belongs to it: the number of a group whose members are all gone may be
    given to another one.
    """

    def __init__(self, record: ProcessRecord) -> None:
        self._record = record
        self._members = process.family(record)

    def has_lost_its_head(self) -> bool:
        """Whether the child itself is gone."""
        family = process.family(self._record)
        self._members = family or self._members
        return not family

    def is_gone(self) -> bool:
        """Whether nobody is left."""
        self._members = process.remaining(self._record, self._members)
        return not self._members

    def clear_away(self, term_seconds: float) -> bool:
        """SIGTERM, then SIGKILL, to whoever is left; whether nobody is in the end."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.is_gone():
                return True
            process.send_signal(self._record, self._members, number)
            _wait_until(self.is_gone, term_seconds)
        return self.is_gone()


def _spawn(folder: RunFolder, argv: Sequence[str]) -> None:
    record = children.spawn(folder, argv)
    try:
        record.write(folder.spawned_path)
    except OSError as error:
        raise TuiprefsError(
            f"The run {folder.name} goes on as process {record.pid}, but {folder.spawned_path} cannot be "
            f"written: {error.strerror}."
        ) from None


def _stop_remote(folder: RunFolder, record: ProcessRecord, grace_seconds: float) -> RunState:
    if not _wait_until(lambda: not state(folder).alive, grace_seconds):
        raise TuiprefsError(
            f"The run {folder.name} has not obeyed for {grace_seconds:g} s: stop it on {record.host} itself."
        )
    return state(folder)


def _is_gone(record: ProcessRecord | None) -> bool:
    return record is None or not record.is_local or not record.is_alive


def _record_kill(folder: RunFolder, record: ProcessRecord, reason: str) -> None:
    """Write ``exit.json`` for a child that could not, unless the run has been taken up again."""
    with start_lock(folder):
        if folder.exit_path.exists() or process_record(folder) != record:
            return
        ending = {
            "status": "stopped",
            "code": children.return_code(folder, record.pid),
            "reason": reason,
            "traceback": None,
            "peak_memory_bytes": None,
            "time": time.time(),
            "written_by": "supervisor",
        }
        write_json(folder.exit_path, ending)


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        children.reap()
        time.sleep(_POLL_SECONDS)
    return True


def _not_startable(folder: RunFolder, status: str) -> str:
    if status in ("starting", "running", "paused"):
        return f"The run {folder.name} is {status} already; stop it first, or make a new run."
    return f"The run {folder.name} has {status} already; resume it, or make a new run."


def _not_resumable(folder: RunFolder, now: RunState) -> str:
    match now.status:
        case "new":
            return f"The run {folder.name} has not been started yet; start it."
        case "paused":
            return f"The run {folder.name} is paused, its process waits: send it the command “resume”."
        case "finished":
            return f"The run {folder.name} has finished its work; make a new run."
        case _:
            return f"The run {folder.name} is {now.status} already (process {now.pid} on {now.host})."
