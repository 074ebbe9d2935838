"""A run's metrics as TensorBoard event files; tensorboard is imported when the first one is written."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

_numbers = count()


class EventFile:
    """One event file of scalars, flushed after every update.

    The package's own ``EventFileWriter`` is left aside: it imports TensorFlow where that is installed,
    and keeps events in memory for two minutes, which a killed process would lose.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        origin = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers):06d}"
        file = (folder / f"events.out.tfevents.{origin}").open("wb")
        self._writer = RecordWriter(file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def scalars(self, row: Mapping[str, Any]) -> None:
        """Write the numbers of one line of ``metrics.jsonl``, as 32-bit floats."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=key, simple_value=float(value))
            for key, value in row.items()
            if isinstance(value, int | float)
            and not isinstance(value, bool)
            and key not in ("update", "time")
        ]
        self._write(Event(wall_time=row["time"], step=row["update"], summary=Summary(value=values)))

    def forget(self) -> None:
        """Tell TensorBoard to drop what it has read of this run so far."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self._write(Event(wall_time=time.time(), step=0, session_log=SessionLog(status=SessionLog.START)))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def begin_anew(folder: Path, rows: Iterable[Mapping[str, Any]]) -> EventFile:
    """A new event file in ``folder`` that makes the older ones void and holds ``rows``; open for more.

    The older ones stay: a TensorBoard whose file is deleted under it stands still for good.
    """
    events = EventFile(folder)
    events.forget()
    for row in rows:
        events.scalars(row)
    return events
