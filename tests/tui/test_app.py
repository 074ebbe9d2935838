"""The frame: tabs, help, palette, colours, terminals that are none, and what may be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest
from textual.command import CommandPalette
from textual.widgets import Label

from tests.tui.fakes import fake_services, make_app, until
from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.tui import app as app_module
from tuiprefs.tui.actions import ACTIONS
from tuiprefs.tui.app import check_terminal
from tuiprefs.tui.help import HelpScreen
from tuiprefs.tui.theme import DARK, SIXTEEN, THEMES, theme_for
from tuiprefs.tui.widgets.key_bar import KeyBar
from tuiprefs.tui.widgets.tab_bar import TabBar


def keys(app) -> str:
    return app.query_one(KeyBar).render().plain


async def test_tabs_by_keys(services):
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.tab == "rate"
        for key, tab in (("f3", "train"), ("f4", "samples"), ("f2", "rate"), ("[", "samples"), ("]", "rate")):
            await pilot.press(key)
            assert app.tab == tab
            assert app.query_one(TabBar).active == tab


async def test_tabs_by_mouse(services):
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        place = app.query_one(TabBar).render().plain.index("Samples")
        await pilot.click(TabBar, offset=(place + 2, 0))
        assert app.tab == "samples"


async def test_the_key_bar_shows_the_open_tabs_keys(services):
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "1 Left  2 Right  3 Equal  ←→ Replay" in keys(app))
        await pilot.press("f4")
        await until(pilot, lambda: keys(app).startswith("f Source"))
        assert "Left" not in keys(app)


@pytest.mark.parametrize(("width", "lines"), [(40, 3), (80, 2), (120, 1)])
async def test_the_key_bar_takes_the_lines_it_needs(services, width, lines):
    app = make_app(services)
    async with app.run_test(size=(width, 24)) as pilot:
        await until(pilot, lambda: "Left" in keys(app))
        await until(pilot, lambda: app.query_one(KeyBar).size.height == lines)
        assert all(len(line) <= width - 2 for line in keys(app).split("\n"))


async def test_help_shows_every_action(services):
    app = make_app(services, "train")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        words = [str(label.render()) for label in app.screen.query(Label)]
        assert words[0] == "Train"
        assert {action.help for action in ACTIONS} <= set(words)
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)


async def test_the_palette_does_what_another_tab_can(services):
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"drop every filter")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await until(pilot, lambda: app.tab == "samples")


async def test_what_cannot_be_done_now_is_said(services):
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        action = next(action for action in ACTIONS if action.id == "train.stop")
        await app.perform(action)
        await pilot.pause()
        assert "cannot be done now" in next(iter(app._notifications)).message


@pytest.mark.parametrize("error", [TuiprefsError("The disk is full."), RuntimeError("odd"), ValueError()])
async def test_a_job_that_fails_is_a_sentence(project, store, error):
    services = fake_services(project, store)

    def fail(_settings):
        raise error

    services.make_player = fail
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(app._notifications) == 1)
        message = next(iter(app._notifications)).message
        assert "Traceback" not in message
        assert (str(error) or "no details") in message
    known = isinstance(error, TuiprefsError)
    assert app.error_log.exists() is not known
    assert known or "Traceback" in app.error_log.read_text()


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 10), (300, 100)])
@pytest.mark.parametrize("tab", ["rate", "train", "samples"])
async def test_any_size_is_drawn(services, size, tab):
    app = make_app(services, tab)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.2)
        app.export_screenshot()


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_theme_is_drawn(services, theme):
    app = make_app(services)
    app.theme = theme
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("f3", "f4", "question_mark"):
            await pilot.press(key)
            app.export_screenshot()


def test_the_theme_follows_the_terminals_colours():
    assert theme_for("standard") == SIXTEEN.name
    assert theme_for("256") == theme_for("truecolor") == theme_for(None) == DARK.name


async def test_no_color_is_kept_for_children(services, monkeypatch):
    import os

    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(services)
    assert app.no_color
    assert os.environ["NO_COLOR"] == "1"
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.export_screenshot()


@pytest.mark.parametrize("term", ["", "dumb", "unknown"])
def test_a_terminal_that_cannot_draw_is_refused(term):
    with pytest.raises(UserError, match="cannot draw on a terminal"):
        check_terminal(term)


def test_no_terminal_is_refused(project, store, monkeypatch):
    monkeypatch.setattr(app_module.sys, "stdin", open("/dev/null"))  # noqa: SIM115
    with pytest.raises(UserError, match="needs a terminal"):
        app_module.run_app(project, store)


def test_making_the_app_imports_nothing_heavy(project):
    program = f"""
import sys
from pathlib import Path
from tuiprefs.project.project import open_project
from tuiprefs.store.database import open_store
from tuiprefs.tui.app import TuiprefsApp
from tuiprefs.tui.services import Services
project = open_project(Path({str(project.root)!r}))
TuiprefsApp(Services.of(project, open_store(project.database_path)))
heavy = ("torch", "transformers", "music21", "scipy", "symusic", "numpy")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
