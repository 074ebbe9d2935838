"""Keeps what C libraries print (ALSA, PortAudio, JACK: kilobytes of it) away from the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

_LOCK = threading.RLock()


@contextlib.contextmanager
def silenced_stderr() -> Iterator[None]:
    """Nothing reaches descriptor 2 of this process, from any thread, while this lasts.

    Textual draws its screen through ``sys.__stderr__``; an app therefore holds ``own_stderr`` around its run.
    """
    with _LOCK:
        sys.stderr.flush()
        kept = os.dup(2)
        _point_stderr_at(Path(os.devnull))
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def own_stderr(log: Path | None = None) -> Iterator[None]:
    """Give Python's stderr, and so Textual's screen, a descriptor of its own; descriptor 2 leads to ``log``.

    For the whole run of an app: a library that complains at any moment (an underrun, a server gone) then
    writes to the file, or to nowhere, and not across the screen.
    """
    with _LOCK:
        kept_streams = sys.__stderr__, sys.stderr
        sys.stderr.flush()
        stream = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
        _point_stderr_at(log or Path(os.devnull))
        if sys.stderr is sys.__stderr__:
            sys.stderr = stream
        # Final to the type checker; Textual reads it at its start.
        sys.__stderr__ = stream  # type: ignore[misc]
    try:
        yield
    finally:
        with _LOCK:
            stream.flush()
            os.dup2(stream.fileno(), 2)
            sys.__stderr__, sys.stderr = kept_streams  # type: ignore[misc]
            stream.close()


def _point_stderr_at(path: Path) -> None:
    target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(target, 2)
    os.close(target)
