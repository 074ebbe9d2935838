"""Scores that reward models gave to samples."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from tuiprefs.store.batches import in_batches
from tuiprefs.store.database import Store, now
from tuiprefs.store.schema import Score


def save_scores(store: Store, model: str, scores: Iterable[tuple[int, float]]) -> None:
    """Store (sample id, score) pairs of one reward model; a later score replaces an earlier one."""
    time = now()
    rows = [{"sample_id": id_, "model": model, "score": score, "created_at": time} for id_, score in scores]
    with store.write() as session:
        for batch in in_batches(rows):
            statement = insert(Score).values(batch)
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["sample_id", "model"],
                    set_={"score": statement.excluded.score, "created_at": statement.excluded.created_at},
                )
            )


def scores_of(store: Store, ids: Iterable[int], model: str | None = None) -> dict[int, float]:
    """The scores of these samples by ``model``, or by the reward model that scored last."""
    with store.read() as session:
        if model is None:
            model = session.scalar(
                select(Score.model).order_by(Score.created_at.desc(), Score.id.desc()).limit(1)
            )
        if model is None:
            return {}
        found: dict[int, float] = {}
        for batch in in_batches(ids):
            rows = session.execute(
                select(Score.sample_id, Score.score).where(Score.model == model, Score.sample_id.in_(batch))
            )
            found.update((int(id_), float(score)) for id_, score in rows)
        return found
