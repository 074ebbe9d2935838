"""Upgrading the schema with Alembic, after a copy of the old file."""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tuiprefs.project.errors import UserError
from tuiprefs.store.database import make_engine


def upgrade(path: Path, revision: str | None) -> None:
    """Bring the database at ``path`` from ``revision`` (None: empty) to the newest one.

    Raises:
        UserError: ``revision`` is none that this version of tuiprefs knows.
    """
    config = alembic_config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise UserError(
            f"{path} was written by a newer tuiprefs (schema {revision}): upgrade tuiprefs to open it."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("w")
    except OSError as error:
        raise UserError(f"{path} cannot be made: {error.strerror}; check the folder's permissions.") from None
    with lock:
        # Two programs may open an old database at once: the second finds it upgraded already.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if revision is not None:
            back_up(path, revision)
        engine = make_engine(path)
        try:
            with engine.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
        finally:
            engine.dispose()


def back_up(path: Path, revision: str) -> Path:
    """Copy the database, its write-ahead log included, to ``NAME.backup-REVISION-TIME``."""
    copy = path.with_name(f"{path.name}.backup-{revision}-{datetime.now():%Y%m%d-%H%M%S}")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def alembic_config() -> Config:
    """Alembic's settings; there is no alembic.ini, as users never call it."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
