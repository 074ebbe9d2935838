"""Comparisons: append-only judgements, their undo, and how often each sample was judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from tuiprefs.store.database import Store, now
from tuiprefs.store.raters import rater_id
from tuiprefs.store.schema import Comparison, ComparisonMember, Rater

Outcome = Literal["choice", "tie", "skip"]
Origin = Literal["human", "autofail", "simulated", "imported", "bootstrap"]


@dataclass(frozen=True)
class NewComparison:
    """A judgement of ``sample_ids``, in the order in which they were shown.

    ``best`` is an index into ``sample_ids`` when ``outcome`` is "choice", else None; ``seconds`` is the time
    that the rater took.
    """

    sample_ids: tuple[int, ...]
    outcome: Outcome
    best: int | None
    origin: Origin
    rater: str | None = None
    session: int | None = None
    seconds: float | None = None
    query: str = ""
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if len(self.sample_ids) < 2:
            raise ValueError("a comparison needs two samples or more")
        if (self.outcome == "choice") != (self.best is not None):
            raise ValueError("a choice names the best sample, and only a choice does")
        if self.best is not None and not 0 <= self.best < len(self.sample_ids):
            raise ValueError(f"best = {self.best} is no index into {len(self.sample_ids)} samples")


@dataclass(frozen=True)
class ComparisonRecord(NewComparison):
    """A stored comparison."""

    id: int = 0
    uuid: str = ""
    created_at: datetime = datetime.min
    undone: bool = False


def add_comparison(store: Store, new: NewComparison) -> ComparisonRecord:
    """Store one judgement; it is on the disk when this returns."""
    with store.write() as session:
        row = _row(session, new)
        session.add(row)
        session.flush()
        return _record(row, new.rater)


def add_comparisons(store: Store, new: Sequence[NewComparison]) -> int:
    """Store many judgements, all or none; returns how many."""
    with store.write() as session:
        session.add_all([_row(session, one) for one in new])
    return len(new)


def undo_last(store: Store, *, rater: str, session: int | None = None) -> ComparisonRecord | None:
    """Take back this rater's newest judgement that still stands, or return None.

    Automatic verdicts are no judgements of the rater and stay.
    """
    query = (
        select(Comparison)
        .join(Comparison.rater)
        .where(Rater.name == rater, Comparison.undone_at.is_(None), Comparison.origin != "autofail")
        .order_by(Comparison.id.desc())
        .limit(1)
    )
    if session is not None:
        query = query.where(Comparison.session_id == session)
    with store.write() as database:
        row = database.scalars(query).first()
        if row is None:
            return None
        row.undone_at = now()
        return _record(row, rater)


def list_comparisons(
    store: Store,
    *,
    origins: Iterable[Origin] | None = None,
    rater: str | None = None,
    session: int | None = None,
    include_undone: bool = False,
) -> list[ComparisonRecord]:
    """The judgements that pass every filter given, oldest first."""
    conditions = _conditions(origins, rater, session, include_undone)
    query = select(Comparison).where(*conditions).order_by(Comparison.id)
    with store.read() as database:
        return [_record(row, row.rater.name if row.rater else None) for row in database.scalars(query)]


def count_comparisons(
    store: Store,
    *,
    origins: Iterable[Origin] | None = None,
    rater: str | None = None,
    session: int | None = None,
    include_undone: bool = False,
) -> int:
    """How many judgements pass every filter given."""
    query = select(func.count(Comparison.id)).where(*_conditions(origins, rater, session, include_undone))
    with store.read() as database:
        return int(database.scalar(query) or 0)


def compared_pairs(store: Store, rater: str | None = None) -> set[frozenset[int]]:
    """Every pair of samples that stood in one judgement (of ``rater``), skips included, undone ones not."""
    query = (
        select(ComparisonMember.comparison_id, ComparisonMember.sample_id)
        .join(Comparison, Comparison.id == ComparisonMember.comparison_id)
        .where(*_conditions(None, rater, None, False))
        .order_by(ComparisonMember.comparison_id)
    )
    with store.read() as database:
        rows = database.execute(query).all()
    members: dict[int, list[int]] = {}
    for comparison, sample in rows:
        members.setdefault(comparison, []).append(sample)
    return {frozenset(pair) for ids in members.values() for pair in combinations(ids, 2)}


def comparison_counts(store: Store) -> dict[int, int]:
    """For each sample the number of judgements that it stood in, without skips and undone ones."""
    query = (
        select(ComparisonMember.sample_id, func.count())
        .join(Comparison, Comparison.id == ComparisonMember.comparison_id)
        .where(Comparison.undone_at.is_(None), Comparison.outcome != "skip")
        .group_by(ComparisonMember.sample_id)
    )
    with store.read() as database:
        return {int(sample): int(count) for sample, count in database.execute(query)}


def _conditions(
    origins: Iterable[Origin] | None, rater: str | None, session: int | None, include_undone: bool
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if origins is not None:
        conditions.append(Comparison.origin.in_(list(origins)))
    if rater is not None:
        conditions.append(Comparison.rater_id.in_(select(Rater.id).where(Rater.name == rater)))
    if session is not None:
        conditions.append(Comparison.session_id == session)
    if not include_undone:
        conditions.append(Comparison.undone_at.is_(None))
    return conditions


def _row(session: Session, new: NewComparison) -> Comparison:
    return Comparison(
        uuid=uuid4().hex,
        outcome=new.outcome,
        best=new.best,
        origin=new.origin,
        rater_id=None if new.rater is None else rater_id(session, new.rater),
        session_id=new.session,
        seconds=new.seconds,
        query=new.query,
        extra=new.extra,
        created_at=now(),
        members=[
            ComparisonMember(position=position, sample_id=id_) for position, id_ in enumerate(new.sample_ids)
        ],
    )


def _record(row: Comparison, rater: str | None) -> ComparisonRecord:
    return ComparisonRecord(
        sample_ids=tuple(member.sample_id for member in row.members),
        outcome=row.outcome,  # type: ignore[arg-type]  # the schema's check constraint holds it
        best=row.best,
        origin=row.origin,  # type: ignore[arg-type]  # likewise
        rater=rater,
        session=row.session_id,
        seconds=row.seconds,
        query=row.query,
        extra=row.extra,
        id=row.id,
        uuid=row.uuid,
        created_at=row.created_at,
        undone=row.undone_at is not None,
    )
