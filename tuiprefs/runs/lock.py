"""One decision at a time about a run: whether a child may be started in its folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tuiprefs.project.errors import TuiprefsError
from tuiprefs.runs.folder import RunFolder

_POLL_SECONDS = 0.05


@contextmanager
def start_lock(folder: RunFolder, wait_seconds: float = 20.0) -> Iterator[None]:
    """Hold the run's lock. The kernel frees it when its holder dies, so it cannot be left behind.

    Raises:
        TuiprefsError: another program holds it for longer than ``wait_seconds``, or the folder cannot
            be written.
    """
    try:
        handle = os.open(folder.lock_path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise TuiprefsError(f"{folder.lock_path} cannot be opened: {error.strerror}.") from None
    try:
        _acquire(handle, folder, time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, folder: RunFolder, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TuiprefsError(
                    f"Another program is starting the run {folder.name} and does not get on; try again later."
                ) from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise TuiprefsError(f"{folder.lock_path} cannot be locked: {error.strerror}.") from None
        else:
            return
