"""What a child records, and that TensorBoard shows the same."""

from __future__ import annotations

import builtins
import json
import math
import os
from typing import Any

import numpy as np
import pytest

from tuiprefs.runs import recorder as recorder_module
from tuiprefs.runs.alarms import Alarm
from tuiprefs.runs.folder import RunFolder, read_object
from tuiprefs.runs.journal import JournalReader, read_all
from tuiprefs.runs.recorder import Recorder
from tuiprefs.runs.supervisor import state


def scalars(run: RunFolder) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's own reader finds in the run."""
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    reader = EventAccumulator(str(run.tensorboard_dir), size_guidance={SCALARS: 0})
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def test_the_recorder_enters_itself_and_says_so_at_once(run: RunFolder) -> None:
    Recorder(run, total_updates=9)
    process = json.loads(run.process_path.read_text())
    assert process["pid"] == os.getpid()
    assert process["group"] == os.getpgid(0)
    now = state(run)
    assert (now.status, now.stage, now.update, now.total_updates) == ("running", "starting", None, 9)


def test_metrics_are_one_flat_line_an_update(run: RunFolder) -> None:
    recorder = Recorder(run)
    recorder.metrics(1, {"objective/kl": np.float32(0.25), "episodes": 32, "update": 99})
    recorder.metrics(2, {"objective/kl": math.nan, "loss": math.inf, "note": "x"})
    first, second = (json.loads(line) for line in run.metrics_path.read_text().splitlines())
    assert first.pop("time") <= second.pop("time")
    assert first == {"update": 1, "objective/kl": 0.25, "episodes": 32}
    assert second == {
        "update": 2,
        "objective/kl": None,
        "loss": None,
        "note": "x",
        "nonfinite": ["objective/kl", "loss"],
    }


def test_tensorboard_shows_the_numbers_of_the_journal(run: RunFolder) -> None:
    recorder = Recorder(run)
    for update in range(1, 40):
        recorder.metrics(
            update, {"a/b": 1 / update, "count": update * 1000, "text": "x", "flag": True, "none": None}
        )
    recorder.exit(0, "done")
    shown = scalars(run)
    assert set(shown) == {"a/b", "count"}
    rows = read_all(run.metrics_path)
    assert len(rows) == 39
    for tag in shown:
        assert shown[tag] == [(row["update"], float(np.float32(row[tag]))) for row in rows]


def test_tensorboard_can_be_read_while_the_child_works(run: RunFolder) -> None:
    recorder = Recorder(run)
    recorder.metrics(1, {"a": math.nan})
    recorder.metrics(2, {"a": 0.5})
    (first, second) = scalars(run)["a"]
    assert first[0] == 1
    assert math.isnan(first[1])
    assert second == (2, 0.5)


def test_a_resumed_run_shows_no_update_twice(run: RunFolder) -> None:
    first = Recorder(run, total_updates=6)
    for update in range(1, 5):
        first.metrics(update, {"a": -update})
        first.sample({"update": update, "text": str(update)})
    first.sample({"text": "of no update"})
    reader = JournalReader(run.metrics_path)
    reader.read_new()
    with run.metrics_path.open("a") as file:
        file.write('{"update": 5, "a"')

    second = Recorder(run, total_updates=6)
    second.truncate_after(2)
    assert [row["update"] for row in reader.read_new()] == [1, 2]
    assert reader.restarts == 1
    assert state(run).update == 2
    for update in range(3, 7):
        second.metrics(update, {"a": update})
    second.exit(0, "done")
    wanted = [(1, -1.0), (2, -2.0), (3, 3.0), (4, 4.0), (5, 5.0), (6, 6.0)]
    assert [(row["update"], row["a"]) for row in read_all(run.metrics_path)] == wanted
    assert scalars(run) == {"a": wanted}
    assert [row["text"] for row in read_all(run.samples_path)] == ["1", "2", "of no update"]
    (event,) = read_all(run.events_path)
    assert (event["event"], event["update"], event["dropped_updates"]) == ("resumed", 2, 3)


def test_a_tensorboard_that_looks_on_forgets_what_was_taken_back(run: RunFolder) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recorder = Recorder(run)
    for update in (1, 2, 3):
        recorder.metrics(update, {"a": -1.0})
    watching = EventAccumulator(str(run.tensorboard_dir))
    watching.Reload()
    assert len(watching.Scalars("a")) == 3
    recorder.truncate_after(1)
    recorder.metrics(2, {"a": 7.0})
    watching.Reload()
    assert [(event.step, event.value) for event in watching.Scalars("a")] == [(1, -1.0), (2, 7.0)]


def test_going_on_from_nothing_empties_the_series(run: RunFolder) -> None:
    recorder = Recorder(run)
    recorder.metrics(1, {"a": 1.0})
    recorder.truncate_after(0)
    assert read_all(run.metrics_path) == []
    assert scalars(run)["a"] == []


def test_events_and_alarms(run: RunFolder) -> None:
    recorder = Recorder(run)
    recorder.event("checkpoint", update=20, path=run.path)
    recorder.alarm(Alarm("non-finite", "critical", 21, math.nan, None, "x is no finite number at update 21."))
    checkpoint, alarm = read_all(run.events_path)
    assert checkpoint.pop("time") <= alarm.pop("time")
    assert checkpoint == {"event": "checkpoint", "update": 20, "path": str(run.path)}
    assert math.isnan(alarm.pop("value"))
    assert alarm == {
        "event": "alarm",
        "name": "non-finite",
        "level": "critical",
        "update": 21,
        "limit": None,
        "message": "x is no finite number at update 21.",
    }


def test_the_heartbeat_is_written_once_a_second_and_for_news(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(recorder_module.time, "monotonic", lambda: clock[0])
    recorder = Recorder(run)

    def beat() -> tuple[Any, ...]:
        value = read_object(run.heartbeat_path) or {}
        return value["stage"], value["update"], value["paused"]

    recorder.heartbeat("rollout", 1)
    assert beat() == ("rollout", 1, False)
    clock[0] += 0.5
    recorder.heartbeat("rollout", 2)
    assert beat() == ("rollout", 1, False)
    recorder.heartbeat("rollout", paused=True)
    assert beat() == ("rollout", 2, True)
    clock[0] += 1.0
    recorder.heartbeat("rollout", 3, paused=True)
    assert beat() == ("rollout", 3, True)


@pytest.mark.parametrize(
    ("code", "reason", "status", "wanted"),
    [
        (0, "all updates are done", None, "finished"),
        (0, "Stopped by the user", None, "stopped"),
        (0, "KL ran away", "stopped", "stopped"),
        (1, "stopped by an error", None, "failed"),
    ],
)
def test_the_end_is_recorded(run: RunFolder, code: int, reason: str, status: Any, wanted: str) -> None:
    recorder = Recorder(run)
    recorder.heartbeat("working", 7)
    recorder.heartbeat("working", 8)
    recorder.exit(code, reason, status, traceback="Traceback" if code else None)
    ending = json.loads(run.exit_path.read_text())
    assert (ending["status"], ending["code"], ending["reason"]) == (wanted, code, reason)
    assert ending["traceback"] == ("Traceback" if code else None)
    assert 5e6 < ending["peak_memory_bytes"] < 1e11
    assert state(run).status == wanted
    assert state(run).update == 8


def test_a_second_life_in_one_process_puts_the_first_ones_end_away(run: RunFolder) -> None:
    Recorder(run).exit(0, "stopped")
    Recorder(run)
    assert state(run).status == "running"
    assert (run.path / "exit-1.json").exists()


def test_without_tensorboard_the_run_goes_on(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("tensorboard"):
            raise ImportError(f"no {name}")
        return real_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    recorder = Recorder(run)
    for update in (1, 2):
        recorder.metrics(update, {"a": 1.0})
    recorder.exit(0, "done")
    assert len(read_all(run.metrics_path)) == 2
    (warning,) = read_all(run.events_path)
    assert "TensorBoard events are not written" in warning["message"]
