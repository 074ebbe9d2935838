"""Which process a run is: a pid counts only together with the time at which it was created."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from tuiprefs.project.atomic import write_json
from tuiprefs.runs.folder import read_object

# Kernels count in ticks of 10 ms and know the boot time to the second.
CREATE_TIME_TOLERANCE_SECONDS = 1.0
_BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class ProcessRecord:
    """A process as ``process.json`` and ``spawned.json`` keep it.

    Attributes:
        pid: Process number.
        group: Process group; equal to ``pid`` for the children that the supervisor starts.
        create_time: Seconds since the epoch at which the process began, by the system clock.
        boot_time: Seconds since the epoch at which the machine began, by the same clock: a clock
            that is set right later moves both, and the difference stays.
        host: Name of the machine.
        boot_id: The kernel's id of this boot; empty where the system has none.
        argv: The command.
        time: When the record was written.
    """

    pid: int
    group: int
    create_time: float
    boot_time: float
    host: str
    boot_id: str
    argv: tuple[str, ...]
    time: float

    def write(self, path: Path) -> None:
        """Replace ``path`` by this record."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> ProcessRecord | None:
        """The record in ``path``; None where there is none, or none that can be used."""
        value = read_object(path)
        try:
            return None if value is None else cls._parse(value)
        except (KeyError, TypeError, ValueError):
            return None

    @classmethod
    def _parse(cls, value: dict[str, Any]) -> ProcessRecord:
        return cls(
            pid=int(value["pid"]),
            group=int(value["group"]),
            create_time=float(value["create_time"]),
            boot_time=float(value["boot_time"]),
            host=str(value["host"]),
            boot_id=str(value["boot_id"]),
            argv=tuple(str(word) for word in value["argv"]),
            time=float(value["time"]),
        )

    @property
    def is_local(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether the process is there and no zombie. Only for records of this machine."""
        return self.process() is not None

    @property
    def leads_its_group(self) -> bool:
        """Whether the group is the process's own, so that a signal to it meets nobody else."""
        return self.group == self.pid

    def process(self) -> psutil.Process | None:
        """The living process, or None: gone, a zombie, another one with the same pid, or before a reboot."""
        if self.pid <= 0 or (self.boot_id and self.boot_id != boot_id()):
            return None
        try:
            process = psutil.Process(self.pid)
            same = self._same_start(process.create_time())
            return process if same and process.status() not in _DEAD else None
        except psutil.NoSuchProcess:
            return None

    def _same_start(self, create_time: float) -> bool:
        by_clock = abs(create_time - self.create_time)
        since_boot = abs((create_time - psutil.boot_time()) - (self.create_time - self.boot_time))
        return bool(min(by_clock, since_boot) <= CREATE_TIME_TOLERANCE_SECONDS)


_DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def describe(pid: int, argv: Sequence[str]) -> ProcessRecord:
    """The record of the living process ``pid``; psutil.NoSuchProcess where it is gone."""
    process = psutil.Process(pid)
    return ProcessRecord(
        pid=pid,
        group=os.getpgid(pid),
        create_time=process.create_time(),
        boot_time=psutil.boot_time(),
        host=socket.gethostname(),
        boot_id=boot_id(),
        argv=tuple(argv),
        time=time.time(),
    )


def describe_self() -> ProcessRecord:
    """The record of this process."""
    return describe(os.getpid(), [sys.executable, *sys.argv])


def boot_id() -> str:
    """The kernel's id of this boot, empty where it has none."""
    try:
        return _BOOT_ID_PATH.read_text().strip()
    except OSError:
        return ""


def family(record: ProcessRecord) -> list[psutil.Process]:
    """The living processes that go when ``record`` is stopped, itself included; none where it is dead.

    They are its descendants and, where it leads a process group, everybody in that.
    """
    leader = record.process()
    return [] if leader is None else remaining(record, [leader, *_descendants(leader)])


def remaining(record: ProcessRecord, members: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those of ``members`` that still live, and who has joined their group since.

    A group's number is not given to another one while somebody is in it, so the group counts only as
    long as a known member is.
    """
    alive = _living(members)
    if record.leads_its_group and any(_group_of(process) == record.group for process in alive):
        alive += [process for process in psutil.process_iter() if _group_of(process) == record.group]
    return _living(alive)


def send_signal(record: ProcessRecord, members: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Signal ``record``'s group as a whole, then those of ``members`` that are outside it."""
    alive = _living(members)
    inside = [process for process in alive if record.leads_its_group and _group_of(process) == record.group]
    # Never the caller's own group: the record may be of a process that runs inside this one.
    if inside and record.group != os.getpgid(0):
        os.killpg(record.group, number)
    for process in alive:
        if process in inside:
            continue
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)


def _living(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that are neither gone, nor zombies, nor another process under the same pid; each once."""
    return [process for process in dict.fromkeys(processes) if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() not in _DEAD)
    except psutil.NoSuchProcess:
        return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except OSError:
        return None
