"""Samples: adding, listing, and the verdict of auto-fail."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select, update

from tuiprefs.store.batches import in_batches
from tuiprefs.store.database import Store, now
from tuiprefs.store.schema import Sample

VerdictName = Literal["ok", "broken"]
VerdictFilter = Literal["ok", "broken", "unchecked"]


@dataclass(frozen=True)
class NewSample:
    """A text to be stored; ``source`` is model, corpus or import."""

    text: str
    source: str
    model: str | None = None
    run: str | None = None
    checkpoint: int | None = None
    iteration: int | None = None
    query: str = ""
    tokens: list[int] | None = None


@dataclass(frozen=True)
class SampleRecord:
    """A stored sample. ``verdict`` is None until auto-fail has looked at it."""

    id: int
    text: str
    source: str
    model: str | None
    run: str | None
    checkpoint: int | None
    iteration: int | None
    query: str
    tokens: list[int] | None
    verdict: VerdictName | None
    rule: str | None
    detail: str | None
    created_at: datetime


@dataclass(frozen=True)
class Added:
    """``ids`` in the order given, those of texts that were there before included; ``new`` of them are new."""

    ids: list[int]
    new: int


def text_hash(text: str) -> str:
    """The SHA-256 by which a text is known."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def add_samples(store: Store, samples: Sequence[NewSample]) -> Added:
    """Store ``samples``; a text that is there already keeps its first row."""
    hashes = [text_hash(sample.text) for sample in samples]
    with store.write() as session:
        known: dict[str, int] = {}
        for batch in in_batches(dict.fromkeys(hashes)):
            rows = session.execute(select(Sample.hash, Sample.id).where(Sample.hash.in_(batch)))
            known.update((row.hash, row.id) for row in rows)
        fresh: dict[str, Sample] = {}
        for key, sample in zip(hashes, samples, strict=True):
            if key not in known and key not in fresh:
                fresh[key] = _row(key, sample)
        session.add_all(fresh.values())
        session.flush()
        known.update((key, row.id) for key, row in fresh.items())
    return Added([known[key] for key in hashes], len(fresh))


def get_samples(store: Store, ids: Iterable[int]) -> list[SampleRecord]:
    """The samples with these ids, in their order; ids that do not exist are passed over."""
    wanted = list(ids)
    found: dict[int, SampleRecord] = {}
    with store.read() as session:
        for batch in in_batches(dict.fromkeys(wanted)):
            for row in session.scalars(select(Sample).where(Sample.id.in_(batch))):
                found[row.id] = _record(row)
    return [found[id_] for id_ in wanted if id_ in found]


def get_sample(store: Store, id_: int) -> SampleRecord:
    """The sample with this id.

    Raises:
        KeyError: there is none.
    """
    found = get_samples(store, [id_])
    if not found:
        raise KeyError(id_)
    return found[0]


def list_samples(
    store: Store,
    *,
    source: str | None = None,
    run: str | None = None,
    model: str | None = None,
    verdict: VerdictFilter | None = None,
    search: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    newest_first: bool = False,
) -> list[SampleRecord]:
    """The samples that pass every filter given, oldest first unless said otherwise."""
    query = select(Sample).where(*_conditions(source, run, model, verdict, search))
    query = query.order_by(Sample.id.desc() if newest_first else Sample.id).limit(limit).offset(offset)
    with store.read() as session:
        return [_record(row) for row in session.scalars(query)]


def count_samples(
    store: Store,
    *,
    source: str | None = None,
    run: str | None = None,
    model: str | None = None,
    verdict: VerdictFilter | None = None,
    search: str | None = None,
) -> int:
    """How many samples pass every filter given."""
    query = select(func.count(Sample.id)).where(*_conditions(source, run, model, verdict, search))
    with store.read() as session:
        return int(session.scalar(query) or 0)


def set_verdict(
    store: Store, id_: int, verdict: VerdictName, rule: str | None = None, detail: str | None = None
) -> None:
    """Record what auto-fail says of one sample, and the rule that said so."""
    set_verdicts(store, [(id_, verdict, rule, detail)])


def set_verdicts(store: Store, verdicts: Iterable[tuple[int, VerdictName, str | None, str | None]]) -> None:
    """Record (id, verdict, rule, detail) of many samples at once."""
    rows = [
        {"id": id_, "verdict": verdict, "rule": rule, "detail": detail}
        for id_, verdict, rule, detail in verdicts
    ]
    if rows:
        with store.write() as session:
            session.execute(update(Sample), rows)


def sample_runs(store: Store) -> list[str]:
    """The runs that samples came from, oldest first."""
    return _distinct(store, Sample.run)


def sample_sources(store: Store) -> list[str]:
    """The sources that samples came from."""
    return _distinct(store, Sample.source)


def _distinct(store: Store, column: Any) -> list[str]:
    with store.read() as session:
        rows = session.scalars(
            select(column).where(column.is_not(None)).group_by(column).order_by(func.min(Sample.id))
        )
        return [str(row) for row in rows]


def _conditions(
    source: str | None,
    run: str | None,
    model: str | None,
    verdict: VerdictFilter | None,
    search: str | None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, value in ((Sample.source, source), (Sample.run, run), (Sample.model, model)):
        if value is not None:
            conditions.append(column == value)
    if verdict == "unchecked":
        conditions.append(Sample.verdict.is_(None))
    elif verdict is not None:
        conditions.append(Sample.verdict == verdict)
    if search:
        conditions.append(Sample.text.contains(search, autoescape=True))
    return conditions


def _row(key: str, sample: NewSample) -> Sample:
    return Sample(
        hash=key,
        text=sample.text,
        source=sample.source,
        model=sample.model,
        run=sample.run,
        checkpoint=sample.checkpoint,
        iteration=sample.iteration,
        query=sample.query,
        tokens=sample.tokens,
        created_at=now(),
    )


def _record(row: Sample) -> SampleRecord:
    return SampleRecord(
        id=row.id,
        text=row.text,
        source=row.source,
        model=row.model,
        run=row.run,
        checkpoint=row.checkpoint,
        iteration=row.iteration,
        query=row.query,
        tokens=row.tokens,
        verdict=row.verdict,  # type: ignore[arg-type]  # the schema's check constraint holds it
        rule=row.rule,
        detail=row.detail,
        created_at=row.created_at,
    )
