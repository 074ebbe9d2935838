"""Run folders as the Train tab reads them."""

from __future__ import annotations

import math

import pytest

from tests.tui.fakes import make_run
from tuiprefs.project.learning_settings import AlarmSettings
from tuiprefs.runs import journal
from tuiprefs.tui.run_charts import CHARTS, key_figure
from tuiprefs.tui.run_watch import RunWatch, duration, progress_text
from tuiprefs.tui.train_text import alarm_lines, heading

POLICY = "20251122-211530-policy-9f3e"
REWARD = "20251122-200000-reward-1a2b"
FINISHED = {"status": "finished", "reason": "all updates are done"}


def policy_row(update: int, **values: float) -> dict[str, float]:
    return {
        "update": update,
        "objective/score": 0.5,
        "objective/kl": 2.0,
        "objective/entropy": 100.0,
        **values,
    }


def test_an_empty_project_has_no_runs(project):
    view = RunWatch(project).poll(None)
    assert (view.rows, view.detail, view.alive, view.alarm) == ([], None, 0, False)


def test_runs_are_listed_newest_first_and_the_newest_is_shown(project):
    make_run(project, REWARD, ending=FINISHED)
    make_run(project, POLICY, ending=FINISHED)
    view = RunWatch(project).poll(None)
    assert [row.name for row in view.rows] == [POLICY, REWARD]
    assert view.detail is not None
    assert view.detail.row.name == POLICY


def test_curves_grow_with_the_journal_and_half_a_line_is_not_there_yet(project):
    folder = make_run(project, POLICY, metrics=[policy_row(1), policy_row(2)], alive=True)
    watch = RunWatch(project)

    def kl() -> list[float]:
        detail = watch.poll(POLICY).detail
        assert detail is not None
        return list(detail.charts[1].series[0].y)

    assert kl() == [2.0, 2.0]
    with folder.metrics_path.open("ab") as file:
        file.write(b'{"update": 3, "objective/kl": 7')
    assert kl() == [2.0, 2.0]
    with folder.metrics_path.open("ab") as file:
        file.write(b".5}\n")
    assert kl() == [2.0, 2.0, 7.5]


def test_a_journal_that_was_cut_back_by_a_resume_begins_anew(project):
    folder = make_run(project, POLICY, metrics=[policy_row(update) for update in range(1, 6)], alive=True)
    watch = RunWatch(project)
    watch.poll(POLICY)
    journal.keep_where(folder.metrics_path, lambda row: row["update"] <= 2)
    detail = watch.poll(POLICY).detail
    assert detail is not None
    assert list(detail.charts[0].series[0].x) == [1, 2]


def test_values_that_are_not_finite_reach_the_chart(project):
    make_run(
        project, POLICY, metrics=[policy_row(1), policy_row(2, **{"objective/kl": math.nan})], alive=True
    )
    detail = RunWatch(project).poll(POLICY).detail
    assert detail is not None
    assert math.isnan(detail.charts[1].series[0].y[1])


def test_limits_of_a_policy_run(project):
    rows = [
        policy_row(update, **{"objective/entropy": entropy})
        for update, entropy in enumerate([100, 110, 90, 105, 95, 10])
    ]
    make_run(project, POLICY, metrics=rows, settings={"kl_target": 5.0}, alive=True)
    detail = RunWatch(project).poll(POLICY).detail
    assert detail is not None
    alarms = AlarmSettings()
    # Three times the target; half of the mean of the first five updates.
    assert detail.charts[1].limit == alarms.kl_limit * 5.0
    assert detail.charts[2].limit == alarms.entropy_fraction * 100.0


def test_alarms_light_up_and_have_a_line_each(project):
    events = [
        {"event": "checkpoint", "update": 10},
        {"event": "alarm", "name": "kl-high", "level": "warning", "message": "KL of 50 is above 45."},
        {
            "event": "alarm",
            "name": "non-finite",
            "level": "critical",
            "message": "objective/kl is no finite number.",
        },
    ]
    make_run(project, POLICY, metrics=[policy_row(1)], events=events, alive=True)
    view = RunWatch(project).poll(POLICY)
    assert view.rows[0].alarm == "critical"
    assert view.alarm
    assert view.detail is not None
    assert alarm_lines(view.detail, 3).plain.split("\n") == [
        "! kl-high: KL of 50 is above 45.",
        "! non-finite: objective/kl is no finite number.",
    ]
    assert (
        alarm_lines(view.detail, 1).plain == "! non-finite: objective/kl is no finite number. (and 1 before)"
    )


def test_silence_of_a_living_child_is_an_alarm(project):
    # Its last word is from long ago, and so is its beginning.
    folder = make_run(project, POLICY, beat={"update": 3, "total": 60}, alive=True)
    text = folder.process_path.read_text()
    import json

    record = json.loads(text)
    record["time"] = 1_000.0
    folder.process_path.write_text(json.dumps(record))
    view = RunWatch(project).poll(POLICY)
    assert view.rows[0].alarm == "warning"
    assert view.detail is not None
    assert view.detail.alarms[0].startswith("heartbeat-lost: Nothing was heard")


def test_a_failed_run_tells_its_reason_and_its_log(project):
    make_run(
        project,
        POLICY,
        ending={"status": "failed", "reason": "out of memory", "code": 1},
        log="a\rb\n\x1b[31mboom\n",
    )
    view = RunWatch(project).poll(None)
    assert view.detail is not None
    assert alarm_lines(view.detail, 1).plain == "✗ out of memory"
    assert view.detail.log == "b\n[31mboom"


def test_a_killed_run_has_died(project):
    make_run(project, POLICY, beat={"update": 7, "total": 60})
    row = RunWatch(project).poll(None).rows[0]
    assert row.state.status == "died"
    assert progress_text(row.state) == "7/60"


def test_a_damaged_folder_is_explained_and_does_not_hide_the_others(project):
    folder = make_run(project, POLICY, ending=FINISHED)
    make_run(project, REWARD, ending=FINISHED)
    folder.spec_path.write_text("{")
    view = RunWatch(project).poll(POLICY)
    assert len(view.rows) == 2
    assert view.detail is not None
    assert "damaged" in (view.detail.problem or "")
    assert "damaged" in alarm_lines(view.detail, 1).plain


def test_a_run_that_was_deleted_disappears(project):
    import shutil

    folder = make_run(project, POLICY, ending=FINISHED)
    watch = RunWatch(project)
    watch.poll(POLICY)
    shutil.rmtree(folder.path)
    assert watch.poll(POLICY).rows == []


def test_the_heading_names_what_the_run_began_from(project):
    make_run(project, POLICY, ending=FINISHED, parents={"model": "starter", "reward": REWARD})
    detail = RunWatch(project).poll(None).detail
    assert detail is not None
    assert heading(detail).plain == f"{POLICY}  1 min 30 s · starter · reward-1a2b"


@pytest.mark.parametrize(
    ("kind", "last", "text"),
    [
        ("policy", {"objective/score": 1.234, "objective/kl": 14.05}, "score 1.23  KL 14.1"),
        ("policy", {}, ""),
        ("reward", {"reward/accuracy": 0.9, "reward/heldout_accuracy": 0.714}, "held-out 71%"),
        ("reward", {"reward/accuracy": 0.9}, "train 90%"),
        ("reward", {"reward/accuracy": math.nan}, ""),
        ("lm", {"lm/loss": 0.912}, "loss 0.912"),
        ("sample", {}, ""),
    ],
)
def test_key_figures(kind, last, text):
    assert key_figure(kind, last) == text


def test_every_kind_of_run_has_its_charts():
    assert set(CHARTS) == {"lm", "reward", "policy", "sample"}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0 s"), (59.9, "59 s"), (250, "4 min 10 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
