import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tuiprefs.project.errors import UserError
from tuiprefs.store.database import SCHEMA_REVISION, make_engine, open_store
from tuiprefs.store.migrate import alembic_config, back_up
from tuiprefs.store.samples import NewSample, add_samples, count_samples
from tuiprefs.store.schema import Base


def test_journal_is_wal_and_commits_are_synced(store):
    with store.read() as session:
        connection = session.connection()
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 15_000


def test_migrations_make_exactly_the_schema(store):
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == SCHEMA_REVISION


def test_the_newest_migration_is_the_one_expected():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == SCHEMA_REVISION


def test_a_newer_schema_is_refused_in_one_sentence(tmp_path: Path):
    path = tmp_path / "tuiprefs.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(UserError, match=r"newer tuiprefs \(schema 9999\)"):
        open_store(path)


def test_a_file_of_garbage_is_refused_and_kept(tmp_path: Path):
    path = tmp_path / "tuiprefs.db"
    garbage = b"this is no database, " * 500
    path.write_bytes(garbage)
    with pytest.raises(UserError, match="cannot be used as a database"):
        open_store(path)
    assert path.read_bytes() == garbage


def test_a_backup_holds_what_the_write_ahead_log_holds(store):
    add_samples(store, [NewSample("X:1\nK:C\nCDEF", "model")])
    copy = back_up(store.path, "0001")
    backup = open_store(copy)
    assert count_samples(backup) == 1
    backup.close()


def test_two_processes_may_make_one_database(tmp_path: Path):
    path = tmp_path / "tuiprefs.db"
    program = (
        "import sys; from pathlib import Path; from tuiprefs.store.database import open_store;"
        "open_store(Path(sys.argv[1])).close()"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    store = open_store(path)
    assert count_samples(store) == 0
    store.close()


def test_changes_of_the_schema_roll_back_whole(tmp_path: Path):
    engine = make_engine(tmp_path / "half.db")
    connection = engine.connect()
    connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
    connection.rollback()
    names = connection.exec_driver_sql("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    engine.dispose()
    assert names == []
