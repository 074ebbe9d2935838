"""The app in a terminal of its own: whatever ends it leaves the terminal as it was."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time

import pytest

PROGRAM = """
import sys
from pathlib import Path
from tuiprefs.project.project import open_project
from tuiprefs.store.database import open_store
from tuiprefs.tui.app import run_app
project = open_project(Path(sys.argv[1]))
sys.exit(run_app(project, open_store(project.database_path)))
"""


def start(root) -> tuple[int, int]:
    """The app on a pseudo-terminal: its process and the terminal's other side."""
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "TERM": "xterm-256color", "TUIPREFS_AUDIO__DEVICE": "silent"}
        os.execve(sys.executable, [sys.executable, "-c", PROGRAM, str(root)], environment)
    return pid, terminal


def read_until(terminal: int, wanted: bytes, seconds: float = 30.0) -> bytes:
    """What the app draws until ``wanted`` is among it, or until it has ended."""
    drawn, end = b"", time.monotonic() + seconds
    while wanted not in drawn and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                drawn += os.read(terminal, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
    return drawn


def exit_code(pid: int, seconds: float = 30.0) -> int:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the app does not end")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_the_terminal_clean(project, number):
    pid, terminal = start(project.root)
    assert b"There are no samples" in read_until(terminal, b"There are no samples")
    os.kill(pid, number)
    drawn = read_until(terminal, b"\x1b[?1049l")
    # The alternate screen and the reporting of the mouse are off again.
    assert b"\x1b[?1049l" in drawn
    assert b"\x1b[?1003l" in drawn
    assert b"Traceback" not in drawn
    assert exit_code(pid) == 128 + number
    os.close(terminal)


def test_it_ends_with_its_terminal(project):
    pid, terminal = start(project.root)
    read_until(terminal, b"There are no samples")
    os.close(terminal)
    assert exit_code(pid) != 0
