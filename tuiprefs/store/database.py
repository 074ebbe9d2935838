"""Opening the database: SQLite in WAL mode, migrated by itself after a backup copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from tuiprefs.project.errors import TuiprefsError, UserError

SCHEMA_REVISION = "0001"
BUSY_TIMEOUT_SECONDS = 15


class Store:
    """The open database of one project; may be used from any thread and by several processes."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self.engine = engine
        self._reading = sessionmaker(engine, expire_on_commit=False)
        self._writing = sessionmaker(
            engine.execution_options(tuiprefs_begin="BEGIN IMMEDIATE"), expire_on_commit=False
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and changes nothing."""
        with _explained(self.path), self._reading() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are on disk when the block ends, or not at all.

        It takes SQLite's write lock at its beginning: a lock asked for later, after a read, fails at
        once where two writers meet instead of waiting for its turn.
        """
        with _explained(self.path), self._writing() as session, session.begin():
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def now() -> datetime:
    """The present in UTC, without zone, as SQLite keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


def open_store(path: Path) -> Store:
    """Open the database at ``path``, making or upgrading it where needed.

    Raises:
        UserError: the file is no database, or was written by a newer tuiprefs.
    """
    try:
        revision = _revision(path)
        if revision != SCHEMA_REVISION:
            from tuiprefs.store.migrate import upgrade

            upgrade(path, revision)
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path} cannot be used as a database ({error}): put back a copy (*.backup-*), or move it away."
        ) from None
    return Store(path, make_engine(path))


def make_engine(path: Path) -> Engine:
    """An engine whose transactions begin when SQLAlchemy says so, changes of the schema included."""
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _revision(path: Path) -> str | None:
    """The schema's revision, read without Alembic, whose import would cost every start 100 ms."""
    if not path.exists():
        return None
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)
    try:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
        ).fetchall()
        if not tables:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None
    finally:
        connection.close()


def _configure(connection: Any, _record: Any) -> None:
    # The driver's own habit of beginning transactions late is switched off; _begin does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: a rating survives a power cut, at 1.6 ms each.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(options.get("tuiprefs_begin", "BEGIN"))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the disk or another process does to the database into one sentence."""
    try:
        yield
    except OperationalError as error:
        cause = str(error.orig)
        if "locked" in cause:
            raise TuiprefsError(
                f"{path} was held by another program for {BUSY_TIMEOUT_SECONDS} s: close it and try again."
            ) from error
        raise TuiprefsError(f"{path} could not be read or written: {cause}.") from error
    except DatabaseError as error:
        if "malformed" in str(error.orig) or "not a database" in str(error.orig):
            raise TuiprefsError(f"{path} is damaged ({error.orig}): put back a copy (*.backup-*).") from error
        raise
