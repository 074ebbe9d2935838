"""Starting, watching, stopping and resuming real child processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tuiprefs.project.atomic import write_json
from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.runs import children, control, supervisor
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.journal import read_all
from tuiprefs.runs.lock import start_lock
from tuiprefs.runs.process import describe_self
from tuiprefs.runs.recorder import Recorder
from tuiprefs.runs.state import last_log_line
from tuiprefs.runs.supervisor import resume, start, state, stop

pytestmark = pytest.mark.e2e

Argv = Callable[[str], list[str]]
Wait = Callable[[Callable[[], object]], None]


def grandchild(run: RunFolder) -> int:
    return next(int(row["grandchild"]) for row in read_all(run.events_path) if "grandchild" in row)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_run_from_start_to_stop(run: RunFolder, child_argv: Argv, wait_for: Wait) -> None:
    assert state(run).status == "new"
    assert state(run).pid is None
    start(run, child_argv("obey"))
    assert state(run).status in ("starting", "running")
    wait_for(lambda: (state(run).update or 0) >= 1)
    now = state(run)
    assert (now.status, now.stage, now.total_updates, now.host) == (
        "running",
        "working",
        1000,
        socket.gethostname(),
    )
    assert now.alive
    assert now.elapsed is not None
    assert now.heartbeat_age_seconds is not None
    assert now.pid == json.loads(run.process_path.read_text())["pid"] != os.getpid()
    ended = stop(run)
    assert (ended.status, ended.reason) == ("stopped", "stopped: stopped by the user")
    assert not ended.alive
    assert ended.resumable
    assert ended.heartbeat_age_seconds is None
    assert ended.pid is not None
    wait_for(lambda: state(run) and not psutil.pid_exists(ended.pid or 0))
    assert json.loads(run.exit_path.read_text())["peak_memory_bytes"] > 1e6


def test_the_child_has_a_session_of_its_own_and_a_plain_log(
    run: RunFolder, wait_for: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    program = (
        "import os, sys, tuiprefs;"
        "print(os.getsid(0) == os.getpid() != os.getppid(), sys.stdin.read() == '', os.environ['NO_COLOR'],"
        "'FORCE_COLOR' in os.environ, tuiprefs.__file__, os.getcwd())"
    )
    start(run, [sys.executable, "-P", "-c", program])
    wait_for(lambda: state(run).status == "died")
    package = Path(supervisor.__file__).parents[1]
    assert run.log_path.read_text() == f"True True 1 False {package / '__init__.py'} {run.project_root}\n"
    assert "ended with code 0 and gave no reason; the log's last line is “True True 1" in (
        state(run).reason or ""
    )


def test_the_workers_command_ends_in_the_run_folder(run: RunFolder) -> None:
    assert children.worker_argv(run) == [
        sys.executable,
        "-P",
        "-m",
        "tuiprefs.learning.worker",
        str(run.path),
    ]


def test_pause_and_resume_reach_the_child_and_a_paused_one_obeys_stop(
    run: RunFolder, child_argv: Argv, wait_for: Wait
) -> None:
    start(run, child_argv("obey"))
    control.send(run, {"command": "pause"})
    wait_for(lambda: state(run).status == "paused")
    assert state(run).alive
    with pytest.raises(UserError, match="is paused, its process waits"):
        resume(run)
    control.send(run, {"command": "resume"})
    wait_for(lambda: state(run).status == "running")
    control.send(run, {"command": "pause"})
    wait_for(lambda: state(run).status == "paused")
    assert stop(run).status == "stopped"
    obeyed = [row["command"] for row in read_all(run.events_path) if row["event"] == "obeyed"]
    assert obeyed == ["pause", "resume", "pause", "stop"]


def test_sigterm_stops_politely(run: RunFolder, child_argv: Argv, wait_for: Wait) -> None:
    start(run, child_argv("obey"))
    wait_for(lambda: (state(run).update or 0) >= 1)
    os.kill(state(run).pid or 0, signal.SIGTERM)
    wait_for(lambda: not state(run).alive)
    assert (state(run).status, state(run).reason) == ("stopped", "stopped: SIGTERM")


def test_a_killed_run_died_and_says_how(run: RunFolder, child_argv: Argv, wait_for: Wait) -> None:
    start(run, child_argv("count"))
    wait_for(lambda: not state(run).alive)
    now = state(run)
    assert now.status == "died"
    assert now.reason == (
        f"its process {now.pid} was killed by SIGKILL; the log's last line is “about to be killed”"
    )
    assert now.total_updates == 5
    assert now.resumable


def test_a_resumed_run_has_the_metrics_of_an_uninterrupted_one(
    run: RunFolder, child_argv: Argv, wait_for: Wait
) -> None:
    start(run, child_argv("count"))
    wait_for(lambda: not state(run).alive)
    control.send(run, {"command": "stop"})
    resume(run, child_argv("count"))
    wait_for(lambda: not state(run).alive)
    now = state(run)
    assert (now.status, now.reason, now.update) == ("finished", "all updates are done", 5)
    assert [(row["update"], row["x"]) for row in read_all(run.metrics_path)] == [
        (n, n * n) for n in range(1, 6)
    ]
    assert [row["text"] for row in read_all(run.samples_path)] == [f"tune {n}" for n in range(1, 6)]
    (resumed,) = [row for row in read_all(run.events_path) if row["event"] == "resumed"]
    assert (resumed["update"], resumed["dropped_updates"]) == (2, 1)
    assert read_all(run.path / "control-1.jsonl")[0]["command"] == "stop"
    assert not run.control_path.exists()
    with pytest.raises(UserError, match="has finished its work"):
        resume(run, child_argv("count"))


def test_a_stopped_run_is_resumed_without_its_old_stop_command(
    run: RunFolder, child_argv: Argv, wait_for: Wait
) -> None:
    start(run, child_argv("obey"))
    stop(run)
    first = json.loads(run.exit_path.read_text())
    resume(run, child_argv("obey"))
    assert state(run).alive
    wait_for(lambda: state(run).status == "running")
    assert json.loads((run.path / "exit-1.json").read_text()) == first
    assert stop(run).status == "stopped"


def test_a_run_that_was_never_started_cannot_be_resumed(run: RunFolder) -> None:
    with pytest.raises(UserError, match="has not been started yet"):
        resume(run)


def test_the_deaf_are_killed_with_their_whole_group(run: RunFolder, child_argv: Argv, wait_for: Wait) -> None:
    start(run, child_argv("stubborn"))
    wait_for(lambda: read_all(run.events_path))
    other = grandchild(run)
    leader = state(run).pid or 0
    ended = stop(run, grace_seconds=0.2, term_seconds=0.2, reason="stopped by a test")
    assert ended.status == "stopped"
    assert ended.reason == "stopped by a test; it had not obeyed for 0.2 s and was killed"
    ending = json.loads(run.exit_path.read_text())
    assert (ending["code"], ending["written_by"]) == (-signal.SIGKILL, "supervisor")
    assert not is_running(other)
    assert not psutil.pid_exists(leader)


def test_what_an_obedient_child_leaves_behind_is_ended_too(
    run: RunFolder, child_argv: Argv, wait_for: Wait
) -> None:
    start(run, child_argv("orphan"))
    wait_for(lambda: read_all(run.events_path))
    other = grandchild(run)
    assert is_running(other)
    assert stop(run, term_seconds=1).reason == "stopped"
    assert not is_running(other)


def test_a_silent_child_is_starting_until_it_is_stopped(run: RunFolder, child_argv: Argv) -> None:
    start(run, child_argv("sleep"))
    now = state(run)
    assert (now.status, now.stage) == ("starting", "starting")
    assert now.heartbeat_age_seconds is not None
    assert stop(run, grace_seconds=0.1).status == "stopped"


def test_stopping_what_does_not_run_changes_nothing(run: RunFolder, child_argv: Argv, wait_for: Wait) -> None:
    assert stop(run).status == "new"
    start(run, child_argv("count"))
    wait_for(lambda: not state(run).alive)
    before = sorted(path.name for path in run.path.iterdir())
    assert stop(run).status == "died"
    assert sorted(path.name for path in run.path.iterdir()) == before


def test_no_child_remains_a_zombie(run: RunFolder, child_argv: Argv, wait_for: Wait) -> None:
    start(run, child_argv("count"))
    pid = json.loads(run.spawned_path.read_text())["pid"]
    wait_for(lambda: not state(run).alive)
    assert not psutil.pid_exists(pid)


def test_a_run_cannot_be_started_twice(run: RunFolder, child_argv: Argv, wait_for: Wait) -> None:
    start(run, child_argv("obey"))
    for again in (start, resume):
        with pytest.raises(UserError, match="already"):
            again(run, child_argv("obey"))
    stop(run)
    with pytest.raises(UserError, match="has stopped already; resume it"):
        start(run, child_argv("obey"))


def test_of_many_starters_one_succeeds(run: RunFolder, child_argv: Argv) -> None:
    outcomes: list[str] = []

    def try_to_start() -> None:
        try:
            start(run, child_argv("sleep"))
            outcomes.append("started")
        except UserError:
            outcomes.append("refused")

    threads = [threading.Thread(target=try_to_start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 5 + ["started"]
    stop(run, grace_seconds=0)


def test_a_lock_whose_holder_was_killed_is_free(run: RunFolder, child_argv: Argv) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tuiprefs.runs.folder import RunFolder\n"
        "from tuiprefs.runs.lock import start_lock\n"
        "with start_lock(RunFolder(Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(run.path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with (
        pytest.raises(TuiprefsError, match="Another program is starting the run"),
        start_lock(run, wait_seconds=0),
    ):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    start(run, child_argv("sleep"))
    stop(run, grace_seconds=0)


def test_a_command_that_is_not_there_is_one_sentence(run: RunFolder) -> None:
    with pytest.raises(TuiprefsError, match="cannot be started: /no/such/program: No such file"):
        start(run, ["/no/such/program"])
    assert state(run).status == "new"


def test_a_child_started_by_hand_claims_the_run_and_a_second_is_refused(
    run: RunFolder, child_argv: Argv, wait_for: Wait
) -> None:
    by_hand = children.child_environment()
    first = subprocess.Popen(child_argv("obey"), env=by_hand)
    wait_for(lambda: state(run).status == "running")
    second = subprocess.run(child_argv("obey"), env=by_hand, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "is running already" in second.stderr
    assert state(run).pid == first.pid
    assert stop(run).status == "stopped"
    assert first.wait() == 0
    third = subprocess.Popen(child_argv("obey"), env=by_hand)
    wait_for(lambda: state(run).status == "running")
    assert (run.path / "exit-1.json").exists()
    assert stop(run, grace_seconds=5).status == "stopped"
    assert third.wait() == 0


def test_a_pid_that_was_given_away_is_a_dead_run(run: RunFolder) -> None:
    me = describe_self()
    replace(me, create_time=me.create_time - 1000).write(run.process_path)
    run.log_path.write_bytes(b"step 1\rstep 2\x1b[0m\n\n")
    now = state(run)
    assert now.status == "died"
    assert (
        now.reason == f"its process {me.pid} is gone and gave no reason; the log's last line is “step 2[0m”"
    )
    assert stop(run).status == "died"


def test_a_run_that_was_started_but_never_spoke_died(run: RunFolder) -> None:
    me = describe_self()
    replace(me, pid=2**22 + 5).write(run.spawned_path)
    now = state(run)
    assert now.status == "died"
    assert (now.reason or "").endswith("its log is empty")


def test_a_silent_process_still_runs(run: RunFolder) -> None:
    describe_self().write(run.process_path)
    write_json(run.heartbeat_path, {"time": time.time() - 5000, "stage": "rollout", "update": 3, "total": 9})
    replace(describe_self(), time=time.time() - 6000).write(run.process_path)
    now = state(run)
    assert (now.status, now.stage, now.update, now.total_updates) == ("running", "rollout", 3, 9)
    assert now.heartbeat_age_seconds == pytest.approx(5000, abs=60)
    assert now.elapsed == pytest.approx(6000, abs=60)


def test_another_machines_run_is_judged_by_its_heartbeat(run: RunFolder) -> None:
    record = replace(describe_self(), host="elsewhere", pid=2**22 + 5, time=time.time() - 9000)
    record.write(run.process_path)
    write_json(run.heartbeat_path, {"time": time.time() - 300, "stage": "x", "paused": True})
    assert (state(run).status, state(run).host) == ("paused", "elsewhere")
    with pytest.raises(TuiprefsError, match="stop it on elsewhere itself"):
        stop(run, grace_seconds=0)
    write_json(run.heartbeat_path, {"time": time.time() - 700})
    assert state(run).status == "died"
    assert "nothing was heard from it on elsewhere for 10 minutes" in (state(run).reason or "")


@pytest.mark.parametrize(
    ("ending", "status", "resumable"),
    [
        ({"status": "finished", "code": 0, "reason": "done", "time": 50.0}, "finished", True),
        ({"status": "stopped", "code": 0, "reason": "stopped", "time": 50.0}, "stopped", True),
        ({"status": "failed", "code": 1, "reason": "out of memory", "time": 50.0}, "failed", True),
        ({"code": 1}, "failed", True),
    ],
)
def test_how_it_ended_is_taken_from_the_exit_file(
    run: RunFolder, ending: dict[str, object], status: str, resumable: bool
) -> None:
    replace(describe_self(), pid=2**22 + 5, time=20.0).write(run.process_path)
    write_json(run.heartbeat_path, {"time": 45.0, "update": 3, "total": 5})
    write_json(run.exit_path, ending)
    now = state(run)
    assert (now.status, now.resumable) == (status, resumable)
    assert now.elapsed == (30.0 if "time" in ending else 25.0)
    assert now.reason == ending.get("reason", "it gave no reason")


def test_a_finished_run_with_nothing_left_to_do_is_not_resumable(run: RunFolder) -> None:
    replace(describe_self(), pid=2**22 + 5).write(run.process_path)
    write_json(run.exit_path, {"status": "finished", "code": 0, "reason": "done"})
    for beat in ({"update": 5, "total": 5}, {"update": 5}, {}):
        write_json(run.heartbeat_path, {"time": 1.0, **beat})
        assert not state(run).resumable


def test_damaged_small_files_do_not_stop_the_list(run: RunFolder) -> None:
    describe_self().write(run.process_path)
    for path in (run.heartbeat_path, run.exit_path, run.spawned_path):
        path.write_text("{half")
    now = state(run)
    assert (now.status, now.update) == ("running", None)


def test_the_last_line_of_a_long_log(run: RunFolder) -> None:
    assert last_log_line(run) == ""
    run.log_path.write_text("x\n" * 10_000 + "é" * 500 + "\n  \n")
    assert last_log_line(run) == "é" * 200


def test_control_refuses_what_is_no_command(run: RunFolder) -> None:
    with pytest.raises(UserError, match="knows no command “dance”"):
        control.send(run, {"command": "dance"})
    with pytest.raises(UserError, match="needs a key and a value"):
        control.send(run, {"command": "set", "key": "learning_rate"})
    control.send(run, {"command": "set", "key": "learning_rate", "value": 1e-5})
    with run.control_path.open("a") as file:
        file.write('{"command": "dance"}\nnonsense\n')
    reader = control.ControlReader(run)
    (command,) = reader.poll()
    assert (command["command"], command["key"], command["value"]) == ("set", "learning_rate", 1e-5)
    assert reader.poll() == []


def test_a_paused_childs_heartbeat_is_of_its_present_life(run: RunFolder) -> None:
    write_json(
        run.heartbeat_path, {"time": time.time() - 100, "stage": "paused", "update": 4, "paused": True}
    )
    describe_self().write(run.process_path)
    now = state(run)
    assert (now.status, now.stage, now.update) == ("running", "starting", 4)
    Recorder(run).heartbeat("paused", paused=True)
    assert state(run).status == "paused"


def test_a_folder_that_cannot_be_written_is_one_sentence(run: RunFolder, child_argv: Argv) -> None:
    run.control_path.mkdir()
    with pytest.raises(TuiprefsError, match=r"control\.jsonl cannot be written: Is a directory"):
        control.send(run, {"command": "stop"})
    run.lock_path.mkdir()
    with pytest.raises(TuiprefsError, match="lock cannot be opened: Is a directory"):
        start(run, child_argv("sleep"))
    assert state(run).status == "new"
