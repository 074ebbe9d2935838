"""Raters and their sittings."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuiprefs.store.database import Store, now
from tuiprefs.store.schema import Rater, RatingSession

RaterKind = Literal["human", "command", "simulated"]
SessionKind = Literal["rate", "blind"]


def ensure_rater(store: Store, name: str, kind: RaterKind = "human") -> int:
    """The id of the rater called ``name``, who is made when new."""
    with store.write() as session:
        return rater_id(session, name, kind)


def start_session(
    store: Store, rater: str, kind: SessionKind = "rate", settings: dict[str, Any] | None = None
) -> int:
    """Begin a sitting of ``rater`` and return its id."""
    with store.write() as session:
        row = RatingSession(
            rater_id=rater_id(session, rater), kind=kind, settings=settings or {}, started_at=now()
        )
        session.add(row)
        session.flush()
        return row.id


def end_session(store: Store, id_: int) -> None:
    """Note the end of a sitting."""
    with store.write() as session:
        row = session.get(RatingSession, id_)
        if row is not None:
            row.ended_at = now()


def rater_id(session: Session, name: str, kind: RaterKind = "human") -> int:
    """The id of the rater called ``name``, within a transaction that writes."""
    found = session.scalar(select(Rater.id).where(Rater.name == name))
    if found is not None:
        return found
    row = Rater(name=name, kind=kind, created_at=now())
    session.add(row)
    session.flush()
    return row.id
