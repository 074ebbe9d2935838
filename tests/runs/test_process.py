"""A pid counts only together with its create time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tuiprefs.runs.process import ProcessRecord, describe, describe_self, family, send_signal


def test_a_record_survives_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "process.json"
    me = describe_self()
    me.write(path)
    assert ProcessRecord.read(path) == me
    assert me.pid == os.getpid()
    assert me.group == os.getpgid(0)
    assert me.is_local
    assert me.is_alive


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}', '{"pid": 1, "group": 1}'])
def test_what_is_no_record_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "process.json"
    assert ProcessRecord.read(path) is None
    path.write_text(text)
    assert ProcessRecord.read(path) is None


def test_the_same_pid_with_another_create_time_is_another_process() -> None:
    me = describe_self()
    assert replace(me, create_time=me.create_time + 0.9).is_alive
    assert not replace(me, create_time=me.create_time + 30).is_alive
    assert not replace(me, create_time=me.create_time - 30).is_alive


def test_a_clock_that_was_set_does_not_kill() -> None:
    me = describe_self()
    assert replace(me, create_time=me.create_time - 3600, boot_time=me.boot_time - 3600).is_alive


def test_nothing_survives_a_reboot() -> None:
    assert not replace(describe_self(), boot_id="another boot").is_alive


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 5])
def test_numbers_that_no_process_has(pid: int) -> None:
    assert not replace(describe_self(), pid=pid).is_alive


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = describe(child.pid, [])
    assert record.is_alive
    assert child.stdin is not None
    child.stdin.close()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not record.is_alive
    assert family(record) == []
    child.wait()


def test_a_process_in_the_callers_group_is_signalled_alone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    record = describe(child.pid, [])
    assert not record.leads_its_group
    members = family(record)
    assert [process.pid for process in members] == [child.pid]
    send_signal(record, members, signal.SIGKILL)
    assert child.wait() == -9
