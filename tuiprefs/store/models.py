"""Models that runs have left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from tuiprefs.store.database import Store, now
from tuiprefs.store.schema import Model

ModelKind = Literal["lm", "reward", "policy"]


@dataclass(frozen=True)
class ModelRecord:
    """A model folder: its kind, the run that made it, and the model that it began from."""

    name: str
    kind: ModelKind
    path: str
    run: str | None = None
    parent: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    created_at: datetime = datetime.min


def add_model(store: Store, model: ModelRecord) -> None:
    """Store ``model``; one with the same name, from a resumed run, is replaced."""
    with store.write() as session:
        row = session.scalar(select(Model).where(Model.name == model.name))
        if row is None:
            row = Model(name=model.name)
            session.add(row)
        row.kind, row.path, row.run, row.parent = model.kind, model.path, model.run, model.parent
        row.metrics, row.created_at = model.metrics, now()


def find_model(store: Store, name: str) -> ModelRecord | None:
    """The model called ``name``."""
    with store.read() as session:
        row = session.scalar(select(Model).where(Model.name == name))
        return None if row is None else _record(row)


def latest_model(store: Store, kinds: tuple[ModelKind, ...]) -> ModelRecord | None:
    """The newest model of one of these kinds."""
    query = select(Model).where(Model.kind.in_(kinds)).order_by(Model.created_at.desc(), Model.id.desc())
    with store.read() as session:
        row = session.scalars(query.limit(1)).first()
        return None if row is None else _record(row)


def list_models(store: Store) -> list[ModelRecord]:
    """All models, oldest first."""
    with store.read() as session:
        return [_record(row) for row in session.scalars(select(Model).order_by(Model.id))]


def _record(row: Model) -> ModelRecord:
    return ModelRecord(
        name=row.name,
        kind=row.kind,  # type: ignore[arg-type]  # written by add_model only
        path=row.path,
        run=row.run,
        parent=row.parent,
        metrics=row.metrics,
        created_at=row.created_at,
    )
