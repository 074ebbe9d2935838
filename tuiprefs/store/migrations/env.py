"""Alembic's way in: runs the migrations on the connection that ``migrate.upgrade`` hands over."""

from alembic import context

from tuiprefs.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter most of a table: Alembic copies it instead.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
