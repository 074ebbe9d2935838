"""Child processes that outlive whoever starts them, and the reaping of those that ended before."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from tuiprefs.project.errors import TuiprefsError
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.process import ProcessRecord, describe, describe_self

_children: dict[Path, subprocess.Popen[bytes]] = {}
_lock = threading.Lock()


def worker_argv(folder: RunFolder) -> list[str]:
    """The command that does the run's work.

    ``-P``: a file in the working folder that is called like a module must not be imported for it.
    """
    return [sys.executable, "-P", "-m", "tuiprefs.learning.worker", str(folder.path)]


def spawn(folder: RunFolder, argv: Sequence[str]) -> ProcessRecord:
    """Start ``argv`` in a session of its own, its output appended to the run's log.

    Raises:
        TuiprefsError: the command, or the log, cannot be opened.
    """
    try:
        with open(folder.log_path, "ab") as log:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                close_fds=True,
                cwd=folder.project_root,
                env=child_environment(),
            )
    except OSError as error:
        raise TuiprefsError(
            f"The run {folder.name} cannot be started: {error.filename or argv[0]}: {error.strerror}."
        ) from None
    with _lock:
        _children[folder.path] = child
    try:
        return describe(child.pid, argv)
    except (psutil.Error, ProcessLookupError):
        # It has ended already, and this system says no more about a process that has.
        return replace(
            describe_self(), pid=child.pid, group=child.pid, create_time=time.time(), argv=tuple(argv)
        )


def reap() -> None:
    """Fetch the exit codes of children of this process that have ended, so that none stays a zombie."""
    with _lock:
        for child in _children.values():
            child.poll()


def return_code(folder: RunFolder, pid: int) -> int | None:
    """How ``pid`` ended (negative: the signal), where it was a child of this process; else None."""
    with _lock:
        child = _children.get(folder.path)
        return child.poll() if child is not None and child.pid == pid else None


def child_environment() -> dict[str, str]:
    """This process's environment, such that the child finds the same tuiprefs and writes a plain log."""
    environment = dict(os.environ)
    environment.pop("FORCE_COLOR", None)
    environment["NO_COLOR"] = "1"
    # The log's last line is what is left to read after a kill.
    environment["PYTHONUNBUFFERED"] = "1"
    environment["PYTHONFAULTHANDLER"] = "1"
    paths = [os.path.abspath(path) for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    package_parent = str(Path(__file__).resolve().parents[2])
    # An installed package is found anyway; ahead of the standard library it could hide modules of that.
    if package_parent not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *paths):
        paths.insert(0, package_parent)
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment
