from pathlib import Path

import pytest

from tuiprefs.store.database import Store, open_store


@pytest.fixture
def store(tmp_path: Path):
    opened: Store = open_store(tmp_path / "tuiprefs.db")
    yield opened
    opened.close()
