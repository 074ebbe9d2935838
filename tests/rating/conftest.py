"""What the tests of this room share: a store, and auto-fail over a compiler that needs no abc2midi."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rating.helpers import FakeCompiler
from tuiprefs.domains import get
from tuiprefs.project.settings import AutofailSettings
from tuiprefs.rating.autofail import AutoFail
from tuiprefs.rating.blacklist import Blacklist
from tuiprefs.store.database import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "tuiprefs.db")
    yield opened
    opened.close()


@pytest.fixture
def compiler() -> FakeCompiler:
    return FakeCompiler()


@pytest.fixture
def autofail(compiler: FakeCompiler) -> AutoFail:
    return AutoFail(get("abc"), AutofailSettings(), compiler, Blacklist())
