"""What each screen looks like, at the smallest size and at a large one.

After a wanted change: ``pytest tests/tui/test_snapshots.py --snapshot-update``, and look at the difference.
"""

from __future__ import annotations

import math
import random

import pytest
import textual
from textual.widgets import Input, Static

from tests.tui.fakes import TUNES, add_tunes, fake_services, make_app, make_run, until
from tuiprefs.runs.state import RunState
from tuiprefs.store.models import ModelRecord, add_model
from tuiprefs.store.samples import NewSample, add_samples, set_verdicts
from tuiprefs.store.scores import save_scores
from tuiprefs.tui import run_watch
from tuiprefs.tui.help import HelpScreen
from tuiprefs.tui.rate import RatePane
from tuiprefs.tui.rate_view import Phase
from tuiprefs.tui.widgets.chart import Chart
from tuiprefs.tui.widgets.sound_bar import SoundBar
from tuiprefs.tui.widgets.status_bar import StatusBar

pytestmark = pytest.mark.skipif(
    textual.__version__ != "8.2.8", reason="the pictures are those of Textual 8.2.8"
)

SIZES = [(80, 24), (120, 40)]
POLICY = "20251122-211530-policy-9f3e"
REWARD = "20251122-200000-reward-1a2b"
SAMPLE = "20251122-190000-sample-77aa"
DEAD = "20251121-180000-policy-dead"

STATES = {
    POLICY: RunState("running", stage="update", update=47, total_updates=60, elapsed=371.0),
    REWARD: RunState("finished", update=80, total_updates=80, reason="done", elapsed=94.0),
    SAMPLE: RunState("finished", update=64, total_updates=64, reason="done", elapsed=12.0),
    DEAD: RunState(
        "failed",
        update=3,
        total_updates=60,
        reason="The memory did not suffice: set [policy] micro_batch_size to 8 or less.",
        elapsed=40.0,
    ),
}


@pytest.fixture(autouse=True)
def same_chances(monkeypatch):
    """Which tune stands left is the same every time, and no cursor blinks."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.setattr("tuiprefs.rating.session.random.SystemRandom", lambda: random.Random(1))


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request):
    return request.param


@pytest.fixture
def runs(project, monkeypatch):
    """Four runs: one at work with an alarm, two done, one failed."""
    chance = random.Random(7)
    policy = [
        {
            "update": u,
            "objective/score": 0.05 * u**0.9 + chance.gauss(0, 0.1),
            "objective/kl": math.nan
            if u == 20
            else 60.0
            if u == 33
            else 0.03 * u**1.6 + chance.gauss(0, 0.4),
            "objective/entropy": 210 - 1.6 * u + chance.gauss(0, 5),
            "ppo/loss/policy": -0.02 + chance.gauss(0, 0.01),
            "ppo/loss/value": 0.6 * math.exp(-u / 10) + 0.1,
        }
        for u in range(1, 48)
    ]
    reward = [
        {
            "update": u,
            "reward/loss": 0.69 * math.exp(-u / 60) + chance.gauss(0, 0.03),
            "reward/accuracy": min(1.0, 0.8 - 0.3 * math.exp(-u / 25) + chance.gauss(0, 0.05)),
            **({"reward/heldout_loss": 0.5, "reward/heldout_accuracy": 0.71} if u % 10 == 0 else {}),
        }
        for u in range(1, 81)
    ]
    alarm = {
        "event": "alarm",
        "name": "kl-high",
        "level": "warning",
        "message": "KL of 60.0 nats per sample at update 33 is above 45.0, 3 times its target of 15.",
    }
    make_run(project, DEAD, log="loading starter\nwriting 32 samples\nMemoryError\n")
    make_run(project, SAMPLE, log="64 samples written\n")
    make_run(project, REWARD, metrics=reward)
    parents = {"model": "starter", "reward": REWARD}
    make_run(project, POLICY, metrics=policy, events=[alarm], settings={"kl_target": 15.0}, parents=parents)
    monkeypatch.setattr(run_watch, "state", lambda folder: STATES[folder.name])


@pytest.fixture
def many_samples(project, store):
    add_samples(store, [NewSample(text, "corpus") for text in TUNES[:3]])
    add_samples(store, [NewSample(text, "model", model=POLICY, run=SAMPLE) for text in TUNES[3:]])
    set_verdicts(store, [(id_, "ok", None, None) for id_ in (1, 3, 4, 6, 7, 8)])
    set_verdicts(store, [(5, "broken", "repetition", "67 characters repeat every 6, more than 43")])
    save_scores(store, REWARD, [(id_, id_ / 3 - 1.5) for id_ in range(3, 9)])
    return fake_services(project, store)


def once(before):
    """Run ``before``, and take the picture once it no longer changes."""

    async def run(pilot) -> None:
        await before(pilot)
        same, last = 0, ""
        while same < 3:
            await pilot.pause(0.05)
            now = pilot.app.export_screenshot()
            same, last = (same + 1, now) if now == last else (0, now)

    return run


async def settled(pilot) -> None:
    """Until the app has opened what it opens in the background."""
    await until(pilot, lambda: bool(pilot.app.query_one(StatusBar).sound))


async def rating(pilot) -> None:
    """Until a pair is shown and its left tune has sounded for 3.2 s."""
    app = pilot.app
    await until(pilot, lambda: app.query_one(RatePane).phase is Phase.JUDGING)
    app.services.clock.now = 3.2
    await until(pilot, lambda: app.query(SoundBar).first().position == 3.2)


async def training(pilot) -> None:
    await settled(pilot)
    await until(pilot, lambda: any(chart.series for chart in pilot.app.query(Chart)))


def test_rate(snap_compare, services, size):
    assert snap_compare(make_app(services), terminal_size=size, run_before=once(rating))


def test_rate_in_the_terminals_own_colours(snap_compare, services, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM")
    assert snap_compare(make_app(services), terminal_size=(80, 24), run_before=once(rating))


def test_rate_texts(snap_compare, poems):
    async def before(pilot) -> None:
        await until(pilot, lambda: pilot.app.query_one(RatePane).phase is Phase.JUDGING)

    assert snap_compare(make_app(poems), terminal_size=(80, 24), run_before=once(before))


def test_rate_without_samples(snap_compare, project, store):
    async def before(pilot) -> None:
        await until(pilot, lambda: pilot.app.query_one(RatePane).phase is Phase.WAITING)
        await until(pilot, lambda: "no samples" in pilot.app.query_one("#rate-notice").render().plain)

    assert snap_compare(
        make_app(fake_services(project, store)), terminal_size=(80, 24), run_before=once(before)
    )


def test_rate_while_the_first_tunes_are_composed(snap_compare, project, store, monkeypatch):
    make_run(project, SAMPLE, beat={"update": 12, "total": 32}, alive=True)
    beat = RunState("running", stage="sampling", update=12, total_updates=32, elapsed=5.0)
    monkeypatch.setattr(run_watch, "state", lambda folder: beat)

    async def before(pilot) -> None:
        await until(pilot, lambda: "12 of 32" in pilot.app.query_one("#rate-notice").render().plain)

    assert snap_compare(
        make_app(fake_services(project, store)), terminal_size=(80, 24), run_before=once(before)
    )


def test_train(snap_compare, services, runs, size):
    assert snap_compare(make_app(services, "train"), terminal_size=size, run_before=once(training))


def test_train_reward_run(snap_compare, services, runs):
    async def before(pilot) -> None:
        await training(pilot)
        await pilot.press("down")
        await until(pilot, lambda: pilot.app.query(Chart)[1].title == "Accuracy")

    assert snap_compare(make_app(services, "train"), terminal_size=(80, 24), run_before=once(before))


def test_train_failed_run(snap_compare, services, runs):
    async def before(pilot) -> None:
        await training(pilot)
        await pilot.press("end")
        await until(pilot, lambda: pilot.app.query_one("#run-log").display)

    assert snap_compare(make_app(services, "train"), terminal_size=(80, 24), run_before=once(before))


def test_train_without_runs(snap_compare, services):
    async def before(pilot) -> None:
        await settled(pilot)
        await until(pilot, lambda: pilot.app.query_one("#no-runs").display)

    assert snap_compare(make_app(services, "train"), terminal_size=(80, 24), run_before=once(before))


def test_form(snap_compare, services, store):
    add_model(store, ModelRecord(REWARD, "reward", "models/r"))

    async def before(pilot) -> None:
        await settled(pilot)
        await until(pilot, lambda: pilot.app.query_one("#no-runs").display)
        await pilot.press("n")
        await until(pilot, lambda: getattr(pilot.app.focused, "id", "") == "field-updates")
        await pilot.press("x", "enter")
        await until(pilot, lambda: "fit" in str(pilot.app.screen.query_one("#form-error", Static).render()))

    assert snap_compare(make_app(services, "train"), terminal_size=(80, 24), run_before=once(before))


def test_samples(snap_compare, many_samples, size):
    async def before(pilot) -> None:
        await settled(pilot)
        await until(pilot, lambda: pilot.app.query_one("#samples-table").row_count == 8)
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "#5" in str(pilot.app.query_one("#sample-detail", Static).render()))

    assert snap_compare(make_app(many_samples, "samples"), terminal_size=size, run_before=once(before))


def test_help(snap_compare, project, store):
    add_tunes(store)

    async def before(pilot) -> None:
        await rating(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))

    assert snap_compare(
        make_app(fake_services(project, store)), terminal_size=(80, 24), run_before=once(before)
    )
