"""Commands to a running child: whoever watches it appends them, the child reads them between steps."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.runs import journal
from tuiprefs.runs.folder import RunFolder

COMMANDS = ("pause", "resume", "checkpoint", "stop", "set")


def send(folder: RunFolder, command: Mapping[str, Any]) -> None:
    """Append ``command``, e.g. ``{"command": "pause"}`` or ``{"command": "set", "key": …, "value": …}``.

    Raises:
        UserError: there is no such command, or "set" lacks its key or value.
        TuiprefsError: the run's folder cannot be written.
    """
    problem = _problem(command)
    if problem:
        raise UserError(problem)
    try:
        journal.append(folder.control_path, {**command, "time": time.time()})
    except OSError as error:
        raise TuiprefsError(f"{folder.control_path} cannot be written: {error.strerror}.") from None


class ControlReader:
    """The child's side: commands of its own life only, in the order they were given."""

    def __init__(self, folder: RunFolder) -> None:
        self._reader = journal.JournalReader(folder.control_path)
        self._signals: list[str] = []

    def poll(self) -> list[dict[str, Any]]:
        """Commands that came since the last call. Lines that are no command are passed over."""
        commands = [command for command in self._reader.read_new() if _problem(command) is None]
        while self._signals:
            commands.append({"command": "stop", "reason": self._signals.pop(0), "time": time.time()})
        return commands

    def catch_signals(self) -> None:
        """Turn SIGTERM and SIGINT into a stop command; for the main thread of a child.

        A second signal of the same kind acts as it would have without this.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_signal)

    def _note_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(signal.Signals(number).name)
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _problem(command: Mapping[str, Any]) -> str | None:
    """What is wrong with ``command``, in one sentence."""
    name = command.get("command")
    if name not in COMMANDS:
        return f"A run knows no command “{name}”; use one of {', '.join(COMMANDS)}."
    if name == "set" and (not isinstance(command.get("key"), str) or "value" not in command):
        return "The command “set” needs a key and a value."
    return None
