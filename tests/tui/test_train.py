"""The Train tab: the list, the curves, and the keys that act on a run."""

from __future__ import annotations

import pytest
from textual.widgets import DataTable, Input, Static

from tests.tui.fakes import make_app, make_run, until
from tuiprefs.project.project import open_project
from tuiprefs.runs import journal
from tuiprefs.runs.folder import list_runs
from tuiprefs.store.models import ModelRecord, add_model
from tuiprefs.tui import start_run
from tuiprefs.tui.dialogs import ConfirmScreen
from tuiprefs.tui.form import FormScreen
from tuiprefs.tui.train import TrainPane
from tuiprefs.tui.widgets.chart import Chart
from tuiprefs.tui.widgets.key_bar import KeyBar
from tuiprefs.tui.widgets.tab_bar import TabBar

POLICY = "20251122-211530-policy-9f3e"
REWARD = "20251122-200000-reward-1a2b"
SAMPLE = "20251122-190000-sample-77aa"
FINISHED = {"status": "finished", "reason": "all is done"}


@pytest.fixture
def runs(project):
    rows = [
        {"update": u, "objective/score": u / 10, "objective/kl": u / 5, "objective/entropy": 200.0 - u}
        for u in range(1, 21)
    ]
    make_run(project, SAMPLE, ending=FINISHED, log="64 samples written\n")
    make_run(
        project,
        REWARD,
        ending=FINISHED,
        metrics=[{"update": 1, "reward/loss": 0.69, "reward/heldout_accuracy": 0.71}],
        beat={"update": 80, "total": 80},
    )
    make_run(project, POLICY, metrics=rows, beat={"update": 20, "total": 60}, alive=True)


def table(pilot) -> DataTable:
    return pilot.app.query_one("#runs", DataTable)


def cells(pilot) -> list[list[str]]:
    found = table(pilot)
    return [[str(cell).strip() for cell in found.get_row(key)] for key in found.rows]


def titles(pilot) -> list[str]:
    return [chart.title for chart in pilot.app.query(Chart) if chart.display]


def keys(pilot) -> str:
    return pilot.app.query_one(KeyBar).render().plain


async def opened(pilot) -> None:
    await until(pilot, lambda: table(pilot).row_count == 3 and bool(titles(pilot)), "the runs")


async def test_without_runs_it_says_what_can_be_started(services):
    app = make_app(services, "train")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(TrainPane).has_class("-empty"))
        assert app.query_one("#no-runs").display
        assert "train a reward model on your ratings" in str(app.query_one("#no-runs", Static).render())
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, FormScreen))


async def test_the_first_run_takes_the_keyboard(services, project):
    app = make_app(services, "train")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(TrainPane).has_class("-empty"))
        make_run(project, SAMPLE, ending=FINISHED)
        await until(pilot, lambda: table(pilot).row_count == 1)
        await until(pilot, lambda: table(pilot).has_focus)


async def test_the_list_has_state_progress_and_figure(services, runs):
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert cells(pilot) == [
            ["●", POLICY, "running", "20/60", "score 2  KL 4"],
            ["✓", REWARD, "finished", "80/80", "held-out 71%"],
            ["✓", SAMPLE, "finished", "", ""],
        ]
        bar = pilot.app.query_one(TabBar)
        assert (bar.alive, bar.alarm) == (1, False)


async def test_the_newest_run_is_shown_first_and_the_cursor_chooses(services, runs):
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert titles(pilot) == ["Score", "KL", "Entropy", "Loss"]
        await pilot.press("down")
        await until(pilot, lambda: titles(pilot) == ["Loss", "Accuracy"])
        await pilot.press("down")
        await until(pilot, lambda: pilot.app.query_one("#run-log").display)
        assert "64 samples written" in str(pilot.app.query_one("#run-log-text", Static).render())


async def test_a_running_run_grows_before_the_eyes(services, project, runs):
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        path = project.runs_dir / POLICY / "metrics.jsonl"
        journal.append(path, {"update": 21, "objective/score": 9.5, "objective/kl": 4.2})
        await until(pilot, lambda: cells(pilot)[0][-1] == "score 9.5  KL 4.2", "the new value")


async def test_an_alarm_appears_in_the_list_the_tab_bar_and_as_a_line(services, project, runs):
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        event = {"event": "alarm", "name": "kl-high", "level": "critical", "message": "KL of 99 is above 45."}
        journal.append(project.runs_dir / POLICY / "events.jsonl", event)
        await until(pilot, lambda: cells(pilot)[0][0] == "!", "the light")
        assert pilot.app.query_one(TabBar).alarm
        assert "KL of 99 is above 45." in str(pilot.app.query_one("#run-alarms", Static).render())


@pytest.mark.parametrize(("key", "command"), [("p", "pause"), ("c", "checkpoint")])
async def test_keys_send_commands_to_the_run(services, project, runs, key, command):
    path = project.runs_dir / POLICY / "control.jsonl"
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press(key)
        await until(pilot, path.exists)
    assert [row["command"] for row in journal.read_all(path)] == [command]


async def test_stopping_asks_first(services, project, runs):
    path = project.runs_dir / POLICY / "control.jsonl"
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("n")
        await pilot.pause(0.1)
        assert not path.exists()


async def test_only_keys_that_mean_something_are_shown(services, runs):
    async with make_app(services, "train").run_test(size=(120, 24)) as pilot:
        await opened(pilot)
        assert "Pause" in keys(pilot)
        assert "Resume" not in keys(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "Pause" not in keys(pilot))
        assert "Stop" not in keys(pilot)


async def test_the_log_key_shows_the_log_and_the_curves_again(services, runs):
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("l")
        assert pilot.app.query_one("#run-log").display
        assert not pilot.app.query_one("#charts").display
        await pilot.press("l")
        assert pilot.app.query_one("#charts").display


async def test_a_form_starts_a_run_with_the_values_typed(services, store, project, monkeypatch):
    add_model(store, ModelRecord("20251122-200000-reward-1a2b", "reward", "models/r"))
    model = project.root / "models" / "r"
    model.mkdir(parents=True)
    (model / "reward.json").write_text("{}")
    started = []
    monkeypatch.setattr(start_run.supervisor, "start", lambda folder: started.append(folder.name))
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, FormScreen))
        field = pilot.app.screen.query_one("#field-updates", Input)
        await until(pilot, lambda: field.has_focus)
        await pilot.press("end", *["backspace"] * 4, *"12x", "enter")
        await until(
            pilot, lambda: "does not fit" in str(pilot.app.screen.query_one("#form-error", Static).render())
        )
        assert not started
        await pilot.press("end", "backspace", "enter")
        await until(pilot, lambda: bool(started), "a run")
    (folder,) = list_runs(open_project(project.root))
    assert started == [folder.name]
    assert folder.spec.settings["updates"] == 12
    assert folder.spec.parents == {"model": "starter", "reward": "20251122-200000-reward-1a2b"}


async def test_a_policy_run_without_a_reward_model_is_explained(services):
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: len(pilot.app._notifications) == 1)
        assert "start a reward run first" in next(iter(pilot.app._notifications)).message


async def test_digits_typed_into_a_form_are_no_verdicts(services, store):
    from tuiprefs.store.comparisons import count_comparisons

    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await pilot.press("f3", "w")
        await until(pilot, lambda: isinstance(pilot.app.screen, FormScreen))
        await pilot.press("end", *"123", "escape", "f2")
        await pilot.pause(0.1)
    assert count_comparisons(store) == 0


async def test_the_arrows_move_between_the_fields_of_a_form(services):
    async with make_app(services, "train").run_test(size=(80, 24)) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, FormScreen))
        await until(pilot, lambda: getattr(pilot.app.focused, "id", "") == "field-epochs")
        await pilot.press("down")
        assert pilot.app.focused.id == "field-batch_size"
        await pilot.press("up", "up")
        assert pilot.app.focused.id == "field-model"


async def test_text_projects_are_told_that_the_starter_model_writes_music(poems):
    async with make_app(poems, "train").run_test(size=(80, 24)) as pilot:
        await pilot.press("m")
        await until(pilot, lambda: isinstance(pilot.app.screen, FormScreen))
        await pilot.press("enter")
        await until(pilot, lambda: len(pilot.app._notifications) == 1)
        assert "writes ABC music only" in next(iter(pilot.app._notifications)).message
    assert list_runs(poems.project) == []
