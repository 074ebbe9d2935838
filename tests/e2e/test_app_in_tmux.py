"""The app in a real terminal: it rates, dies hard, comes back, and leaves runs alive."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal
from tuiprefs.project.project import open_project
from tuiprefs.runs.folder import create_run, list_runs
from tuiprefs.runs.supervisor import start, state, stop
from tuiprefs.store.comparisons import count_comparisons
from tuiprefs.store.database import open_store
from tuiprefs.store.samples import count_samples

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

TUIPREFS = (sys.executable, "-c", "from tuiprefs.cli import main; main()")


@pytest.fixture
def terminal(tmp_path: Path):
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def human_ratings(root: Path) -> int:
    store = open_store(root / "tuiprefs.db")
    try:
        return count_comparisons(store, origins=["human"])
    finally:
        store.close()


def test_kill_9_in_the_middle_of_rating_loses_no_rating(terminal, starter_project):
    terminal.run(*TUIPREFS, "-C", starter_project)
    terminal.wait_for("M:")
    for count, key in enumerate("1231", start=1):
        terminal.keys(key)
        terminal.wait_until(
            lambda count=count: human_ratings(starter_project) == count, f"rating {count} in the database"
        )
    os.kill(terminal.child(), signal.SIGKILL)
    assert terminal.exit_code() == 137
    assert human_ratings(starter_project) == 4


def test_undo_reaches_over_a_restart(terminal, starter_project, tmp_path):
    terminal.run(*TUIPREFS, "-C", starter_project)
    terminal.wait_for("M:")
    terminal.keys("1")
    terminal.wait_until(lambda: human_ratings(starter_project) == 1, "the rating in the database")
    terminal.keys("q")
    assert terminal.exit_code() == 0
    again_folder = tmp_path / "again"
    again_folder.mkdir()
    again = Terminal(again_folder)
    try:
        again.run(*TUIPREFS, "-C", starter_project)
        again.wait_for("M:")
        again.keys("u")
        again.wait_until(lambda: human_ratings(starter_project) == 0, "the rating taken back")
    finally:
        again.close()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_clean(terminal, starter_project, sent):
    terminal.run(*TUIPREFS, "-C", starter_project)
    terminal.wait_for("M:")
    os.kill(terminal.child(), sent)
    assert terminal.exit_code() == 128 + sent
    assert "Traceback" not in terminal.screen()


def test_a_run_outlives_the_app_and_is_found_again(terminal, starter_project, tmp_path):
    project = open_project(starter_project)
    folder = create_run(project, "sample", {"count": 4000, "batch_size": 8}, {"model": "starter"}, seed=1)
    start(folder)
    try:
        terminal.run(*TUIPREFS, "-C", starter_project)
        terminal.wait_for("M:")
        terminal.keys("F3")
        terminal.wait_for("running")
        terminal.keys("q")
        assert terminal.exit_code() == 0
        assert state(folder).status == "running"
    finally:
        stop(folder, grace_seconds=20)
    assert state(folder).status == "stopped"


def test_demo_makes_its_project_and_shows_two_tunes(terminal, tmp_path):
    root = tmp_path / "demo"
    terminal.run(*TUIPREFS, "demo", root, environment={"NO_COLOR": "1"})
    screen = terminal.wait_for("M:", 120)
    assert "Rate" in screen
    store = open_store(root / "tuiprefs.db")
    try:
        terminal.wait_until(lambda: count_samples(store) >= 32, "the first samples")
    finally:
        store.close()
    terminal.keys("q")
    assert terminal.exit_code() == 0
    for folder in list_runs(open_project(root)):
        assert state(folder).status in ("running", "finished")
        stop(folder)
