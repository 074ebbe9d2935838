"""What rating alone asks of the database: pairs that a rater need not see again, and sittings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from tuiprefs.store.database import Store
from tuiprefs.store.schema import Comparison, ComparisonMember, Rater, RatingSession


@dataclass(frozen=True)
class Sitting:
    """One stored sitting of a rater."""

    id: int
    rater: str
    kind: str
    """``rate`` or ``blind``."""

    settings: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None


def settled_pairs(store: Store, rater: str) -> set[frozenset[int]]:
    """Pairs of samples that ``rater`` has judged or skipped, and those that nobody had to judge.

    The latter are what auto-fail decided and what was imported without a name. Undone ones do not count.
    """
    query = (
        select(ComparisonMember.comparison_id, ComparisonMember.sample_id)
        .join(Comparison, Comparison.id == ComparisonMember.comparison_id)
        .outerjoin(Rater, Rater.id == Comparison.rater_id)
        .where(Comparison.undone_at.is_(None), or_(Rater.name == rater, Comparison.rater_id.is_(None)))
    )
    members: defaultdict[int, set[int]] = defaultdict(set)
    with store.read() as database:
        for comparison, sample in database.execute(query):
            members[comparison].add(sample)
    return {frozenset((a, b)) for ids in members.values() for a in ids for b in ids if a < b}


def newest_sitting_to_undo(store: Store, rater: str, kind: str) -> tuple[bool, int | None]:
    """Whether ``rater`` has a standing judgement from sittings of this kind, and the sitting of the newest.

    Judgements outside any sitting count as ``rate``.
    """
    of_kind = RatingSession.kind == kind
    if kind == "rate":
        of_kind = or_(of_kind, RatingSession.id.is_(None))
    query = (
        select(Comparison.session_id)
        .join(Rater, Rater.id == Comparison.rater_id)
        .outerjoin(RatingSession, RatingSession.id == Comparison.session_id)
        .where(Rater.name == rater, Comparison.undone_at.is_(None), Comparison.origin != "autofail")
        .where(of_kind)
        .order_by(Comparison.id.desc())
        .limit(1)
    )
    with store.read() as database:
        row = database.execute(query).first()
    return (False, None) if row is None else (True, row[0])


def get_sitting(store: Store, id_: int) -> Sitting:
    """The sitting with this id.

    Raises:
        KeyError: there is none.
    """
    found = [sitting for sitting in list_sittings(store) if sitting.id == id_]
    if not found:
        raise KeyError(id_)
    return found[0]


def list_sittings(store: Store, kind: str | None = None) -> list[Sitting]:
    """All sittings (of one kind), oldest first."""
    query = select(RatingSession, Rater.name).join(Rater, Rater.id == RatingSession.rater_id)
    if kind is not None:
        query = query.where(RatingSession.kind == kind)
    with store.read() as database:
        return [
            Sitting(row.id, rater, row.kind, row.settings, row.started_at, row.ended_at)
            for row, rater in database.execute(query.order_by(RatingSession.id))
        ]
