"""Kill -9 in the middle of rating: whatever was answered is stored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rating.helpers import fill
from tuiprefs.rating.autofail import AutoFail
from tuiprefs.rating.pairing import Pairer
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import list_comparisons
from tuiprefs.store.database import open_store

PROGRAM = """
import sys
from pathlib import Path
from tests.rating.helpers import FakeCompiler
from tuiprefs.domains import get
from tuiprefs.project.settings import AutofailSettings
from tuiprefs.rating.autofail import AutoFail
from tuiprefs.rating.blacklist import Blacklist
from tuiprefs.rating.pairing import Pairer
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.database import open_store

store = open_store(Path(sys.argv[1]))
autofail = AutoFail(get("abc"), AutofailSettings(), FakeCompiler(), Blacklist())
session = RatingSession(store, autofail, Pairer(store, "me"), "me")
while (pair := session.next()) is not None:
    record = session.choose(pair, "left", 1.0)
    print(record.uuid, flush=True)
"""


@pytest.mark.e2e
def test_a_killed_session_keeps_every_answer(tmp_path: Path, autofail: AutoFail) -> None:
    path = tmp_path / "a.db"
    store = open_store(path)
    fill(store, 60, broken=20)
    store.close()
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert child.stdout is not None
    promised = [child.stdout.readline().strip() for _ in range(25)]
    child.send_signal(signal.SIGKILL)
    promised += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.wait()
    child.stdout.close()

    store = open_store(path)
    kept = [record.uuid for record in list_comparisons(store, rater="me")]
    assert all(promised)
    assert kept[: len(promised)] == promised
    # At most the one that was stored but not yet announced is more.
    assert len(kept) <= len(promised) + 1
    session = RatingSession(store, autofail, Pairer(store, "me"), "me")
    settled = {frozenset(record.sample_ids) for record in list_comparisons(store)}
    pair = session.next()
    assert pair is not None
    assert pair.key not in settled
    assert session.undo() is not None
    store.close()
