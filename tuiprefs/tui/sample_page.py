"""What the Samples tab shows, read from the store page by page; no Textual, so that jobs can use it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tuiprefs.domains.protocol import Domain
from tuiprefs.rating.repetition import compressed_size, spaceless, spaceless_music
from tuiprefs.store.database import Store
from tuiprefs.store.samples import (
    SampleRecord,
    VerdictFilter,
    count_samples,
    list_samples,
    sample_runs,
    sample_sources,
)
from tuiprefs.store.scores import scores_of

PAGE_SIZE = 200
"""Rows read at once: more than any screen shows, few enough to appear at once."""

VERDICTS: tuple[VerdictFilter, ...] = ("ok", "broken", "unchecked")
FilterName = Literal["source", "run", "verdict"]


@dataclass(frozen=True)
class SampleFilter:
    """Which samples are shown; None lets all pass."""

    source: str | None = None
    run: str | None = None
    verdict: VerdictFilter | None = None
    search: str | None = None


@dataclass(frozen=True)
class SampleRow:
    """One line of the table."""

    sample: SampleRecord
    score: float | None
    """What the newest reward model said of it."""
    repetition: float
    """How much zlib saves on it: 0 is none of it, 1 all."""
    title: str
    """The line that tells it from others."""


@dataclass(frozen=True)
class SamplePage:
    """One page of rows, and how many there are in all."""

    filter: SampleFilter
    offset: int
    rows: list[SampleRow]
    total: int
    sources: list[str]
    runs: list[str]


def read_page(store: Store, domain: Domain, wanted: SampleFilter, offset: int) -> SamplePage:
    """Read ``PAGE_SIZE`` samples from ``offset`` on, newest first."""
    conditions = {
        "source": wanted.source,
        "run": wanted.run,
        "search": wanted.search,
        "verdict": wanted.verdict,
    }
    samples = list_samples(store, **conditions, limit=PAGE_SIZE, offset=offset, newest_first=True)  # type: ignore[arg-type]
    scores = scores_of(store, [sample.id for sample in samples])
    rows = [
        SampleRow(sample, scores.get(sample.id), repetition(sample.text, domain), title(sample.text, domain))
        for sample in samples
    ]
    total = count_samples(store, **conditions)  # type: ignore[arg-type]
    return SamplePage(wanted, offset, rows, total, sample_sources(store), sample_runs(store))


def repetition(text: str, domain: Domain) -> float:
    """The share of a sample that zlib saves, 0 to 1; auto-fail judges by the same size."""
    body = spaceless_music(text) if domain.has_sound else spaceless(text)
    size = len(body.encode("utf-8", "surrogatepass"))
    return max(0.0, 1 - compressed_size(body) / size) if size else 0.0


def title(text: str, domain: Domain) -> str:
    """A tune's name or first bars, a text's first line."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if domain.has_sound:
        named = next((line[2:].strip() for line in lines if line.startswith("T:") and line[2:].strip()), None)
        music = [line for line in lines if not (len(line) > 1 and line[0].isalpha() and line[1] == ":")]
        return named or (music[0] if music else "")
    return lines[0] if lines else ""


def next_filter(current: SampleFilter, name: FilterName, choices: list[str]) -> SampleFilter:
    """Turn one filter to its next value: all, then each choice in turn."""
    values: list[str | None] = [None, *choices]
    present = getattr(current, name)
    place = values.index(present) if present in values else 0
    return replace(current, **{name: values[(place + 1) % len(values)]})  # type: ignore[arg-type]
