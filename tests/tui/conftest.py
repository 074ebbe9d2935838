"""Fixtures of the app's tests: a small real project and store, and a terminal that is always the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.fakes import POEMS, add_tunes, fake_services
from tuiprefs.project.project import Project, create_project
from tuiprefs.store.database import Store, open_store
from tuiprefs.store.samples import NewSample, add_samples
from tuiprefs.tui.services import Services


@pytest.fixture(autouse=True)
def same_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the app looks like must not depend on who runs the tests."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("NO_COLOR", "DISPLAY", "WAYLAND_DISPLAY", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project of tunes."""
    return create_project(tmp_path / "jigs")


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    """Its store."""
    opened = open_store(project.database_path)
    yield opened
    opened.close()


@pytest.fixture
def services(project: Project, store: Store) -> Services:
    """The project with eight tunes and fake sound."""
    add_tunes(store)
    return fake_services(project, store)


@pytest.fixture
def poems(tmp_path: Path) -> Iterator[Services]:
    """A project of texts, which have no sound."""
    made = create_project(tmp_path / "poems", "text")
    opened = open_store(made.database_path)
    add_samples(opened, [NewSample(text, "import") for text in POEMS])
    yield fake_services(made, opened)
    opened.close()
