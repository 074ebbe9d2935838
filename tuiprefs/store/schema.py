"""The tables. A change here needs a migration in ``migrations/versions``; a test compares the two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

OUTCOMES = ("choice", "tie", "skip")
ORIGINS = ("human", "autofail", "simulated", "imported", "bootstrap")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    """Constraint names are spelled out, since SQLite's migrations find them by name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Sample(Base):
    """One text, once; ``hash`` is the SHA-256 of its UTF-8 bytes."""

    __tablename__ = "samples"
    __table_args__ = (CheckConstraint(_one_of("verdict", ("ok", "broken")), name="verdict"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    source: Mapped[str] = mapped_column(index=True)
    model: Mapped[str | None] = mapped_column(index=True)
    run: Mapped[str | None] = mapped_column(index=True)
    checkpoint: Mapped[int | None]
    iteration: Mapped[int | None]
    query: Mapped[str]
    tokens: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    verdict: Mapped[str | None] = mapped_column(index=True)
    rule: Mapped[str | None]
    detail: Mapped[str | None]
    created_at: Mapped[datetime]


class Rater(Base):
    """Who judges: a person, a program, or a simulated taste."""

    __tablename__ = "raters"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    created_at: Mapped[datetime]


class RatingSession(Base):
    """One sitting of one rater."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    rater_id: Mapped[int] = mapped_column(ForeignKey("raters.id"))
    kind: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Comparison(Base):
    """One judgement of two or more samples. Rows are never deleted: ``undone_at`` takes one back."""

    __tablename__ = "comparisons"
    __table_args__ = (
        CheckConstraint(_one_of("outcome", OUTCOMES), name="outcome"),
        CheckConstraint(_one_of("origin", ORIGINS), name="origin"),
        CheckConstraint("(outcome = 'choice') = (best IS NOT NULL)", name="best"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    outcome: Mapped[str]
    best: Mapped[int | None]
    origin: Mapped[str] = mapped_column(index=True)
    rater_id: Mapped[int | None] = mapped_column(ForeignKey("raters.id"), index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id"), index=True)
    seconds: Mapped[float | None]
    query: Mapped[str]
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]

    members: Mapped[list[ComparisonMember]] = relationship(
        order_by="ComparisonMember.position", lazy="selectin"
    )
    rater: Mapped[Rater | None] = relationship(lazy="joined")


class ComparisonMember(Base):
    """A sample's place in a comparison, as it was shown: 0 is left."""

    __tablename__ = "comparison_members"

    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparisons.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), index=True)


class Model(Base):
    """A language, reward or policy model that a run has left behind."""

    __tablename__ = "models"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(index=True)
    path: Mapped[str]
    run: Mapped[str | None]
    parent: Mapped[str | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]


class Score(Base):
    """What a reward model says of a sample."""

    __tablename__ = "scores"
    __table_args__ = (
        UniqueConstraint("sample_id", "model"),
        Index("ix_scores_model_score", "model", "score"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"))
    model: Mapped[str]
    score: Mapped[float]
    created_at: Mapped[datetime]
