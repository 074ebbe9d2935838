"""The blind test: two models write, the names stay hidden, and the verdict comes at the end."""

from __future__ import annotations

import json

import pytest

from tests.tui.fakes import TUNES, add_tunes, fake_services, make_app, make_run, until
from tests.tui.test_rate import judging, notice, pane, press_and_wait
from tuiprefs.project.errors import UserError
from tuiprefs.runs import journal
from tuiprefs.runs.folder import RunFolder
from tuiprefs.store.comparisons import list_comparisons
from tuiprefs.store.samples import NewSample, add_samples
from tuiprefs.tui import blind_runs
from tuiprefs.tui.form import FormScreen
from tuiprefs.tui.rate_view import Phase
from tuiprefs.tui.run_form import BlindRequest
from tuiprefs.tui.widgets.tune_panel import TunePanel

OLD, NEW = "20251122-190000-lm-0bd0", "20251122-200000-policy-a1b2"


class Writers:
    """Stands for the children that write samples: runs are there at once, samples when told."""

    def __init__(self, services, monkeypatch):
        self.services = services
        self.folders: list[RunFolder] = []
        self.asked: list[dict[str, str]] = []
        monkeypatch.setattr(blind_runs, "start_run", self.start)

    def start(self, services, request):
        self.asked.append(request.parents)
        name = f"20251122-21000{len(self.folders)}-sample-000{len(self.folders)}"
        folder = make_run(
            services.project,
            name,
            parents=request.parents,
            beat={"update": 1, "total": request.settings.count},
            alive=True,
        )
        self.folders.append(folder)
        return folder

    def finish(self):
        halves = (TUNES[:4], TUNES[4:])
        for folder, texts in zip(self.folders, halves, strict=True):
            model = folder.spec.parents["model"]
            added = add_samples(
                self.services.store,
                [NewSample(text, "model", model=model, run=folder.name) for text in texts],
            )
            for id_ in added.ids:
                journal.append(folder.samples_path, {"id": id_})
            folder.exit_path.write_text(json.dumps({"status": "finished", "reason": "done", "time": 1_090.0}))


@pytest.fixture
def services(project, store):
    return fake_services(project, store)


@pytest.fixture
def writers(services, monkeypatch):
    return Writers(services, monkeypatch)


async def test_from_the_form_to_the_verdict(services, store, writers):
    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await pilot.press("f3", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, FormScreen))
        for field, value in (("model_a", OLD), ("model_b", NEW)):
            select = pilot.app.screen.query_one(f"#field-{field}")
            select.set_options([(name, name) for name in ("starter", OLD, NEW)])
            select.value = value
        count = pilot.app.screen.query_one("#field-count")
        count.value = "4"
        await pilot.press("enter")
        await until(pilot, lambda: "Both models are writing" in notice(pilot), "the writing")
        assert writers.asked == [{"model": OLD}, {"model": NEW}]
        assert "2 of 18" in notice(pilot)
        assert pilot.app.tab == "rate"
        writers.finish()
        await judging(pilot)
        assert all(panel.border_subtitle in ("", None) for panel in pilot.app.query(TunePanel))
        clips = pane(pilot).hearing.clips()
        assert [clip.seconds for clip in clips] == [services.settings.audio.blind_seconds] * 2
        for _ in range(4):
            new_is_left = pane(pilot).hearing.pair.left.model == NEW
            await press_and_wait(pilot, store, "1" if new_is_left else "2")
        await until(pilot, lambda: pane(pilot).phase is Phase.ENDED)
        words = notice(pilot)
        # 4 of 4 has p = 2 * (1/2)**4 = 0.125: nothing is shown by so few.
        assert "No difference is shown" in words
        assert "policy-a1b2: 4 won" in words
        assert "lm-0bd0: 0 won" in words
        assert "judged: 4" in words
        assert "p = 0.12" in words
    assert all(record.extra["blind"] for record in list_comparisons(store, origins=["human"]))


async def begun(pilot, writers, count=4):
    await until(pilot, lambda: pane(pilot).desk is not None)
    pane(pilot).begin_blind(BlindRequest(OLD, NEW, count))
    await until(pilot, lambda: len(writers.folders) == 2 and "Both models" in notice(pilot))


async def test_leaving_before_the_end_shows_how_it_stands(services, store, writers):
    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await begun(pilot, writers)
        writers.finish()
        await judging(pilot)
        await press_and_wait(pilot, store, "3")
        await pilot.press("x")
        await until(pilot, lambda: "Undecided so far" in notice(pilot))
        assert "equal: 1" in notice(pilot)
        await pilot.press("enter")
        await judging(pilot)
        assert pane(pilot).blind is None


async def test_undo_stays_within_the_test(services, store, writers):
    add_tunes(store, 0)
    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await begun(pilot, writers)
        writers.finish()
        await judging(pilot)
        key = pane(pilot).hearing.pair.key
        await press_and_wait(pilot, store, "1")
        await pilot.press("u")
        await until(pilot, lambda: pane(pilot).phase is Phase.JUDGING and pane(pilot).hearing.pair.key == key)
        assert pane(pilot).blind is not None


async def test_auto_rating_is_no_part_of_a_blind_test(services, writers):
    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await begun(pilot, writers)
        writers.finish()
        await judging(pilot)
        assert pane(pilot).check_action("auto_rate", ()) is False


async def test_leaving_while_the_models_write_stops_them(services, writers):
    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await begun(pilot, writers)
        await pilot.press("x")
        await until(pilot, lambda: "The blind test was left" in notice(pilot))
        await until(pilot, lambda: all(folder.control_path.exists() for folder in writers.folders))
    for folder in writers.folders:
        assert [row["command"] for row in journal.read_all(folder.control_path)] == ["stop"]


async def test_a_writer_that_fails_is_explained(services, writers):
    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await begun(pilot, writers)
        ending = {"status": "failed", "reason": "the model is damaged", "time": 1_090.0}
        writers.folders[1].exit_path.write_text(json.dumps(ending))
        await until(pilot, lambda: "The blind test cannot begin" in notice(pilot))
        assert "the model is damaged" in notice(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: pane(pilot).phase is Phase.WAITING)


async def test_an_unknown_model_is_explained(services, monkeypatch):
    def refuse(services, request):
        raise UserError("There is no model of that name.")

    monkeypatch.setattr(blind_runs, "start_run", refuse)
    async with make_app(services).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: pane(pilot).desk is not None)
        pane(pilot).begin_blind(BlindRequest(OLD, NEW, 4))
        await until(pilot, lambda: "There is no model of that name." in notice(pilot))
