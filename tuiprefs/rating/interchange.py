"""Comparisons to and from the JSON of the essay and of lm-human-preferences, without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tuiprefs.project.atomic import write_text
from tuiprefs.project.errors import UserError
from tuiprefs.rating.interchange_format import Content, Row, read_rows, write_rows
from tuiprefs.store.comparisons import (
    ComparisonRecord,
    NewComparison,
    Origin,
    add_comparisons,
    list_comparisons,
)
from tuiprefs.store.database import Store
from tuiprefs.store.samples import NewSample, SampleRecord, add_samples, get_samples

PAD = 27
"""The token with which the essay filled arrays up (“<” in GPT-2's vocabulary)."""

NO_QUERY = [0, 0]
"""The essay's query: its samples continue nothing."""

SEPARATOR = "<|endoftext|>"

Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]


@dataclass(frozen=True)
class ImportReport:
    """What an import has brought."""

    records: int
    """Records in the file."""

    comparisons: int
    """Comparisons stored: a tie is two records, and a file that was imported before brings none."""

    ties: int
    broken: int
    """Comparisons that the file marks as made by rules."""

    samples: int
    """Samples that are new."""


@dataclass(frozen=True)
class _Judgement:
    """One record of the file, or two that are a tie."""

    row: Row
    tie: bool
    where: str
    """The file and the number of the first record, for messages."""


@dataclass(frozen=True)
class _Member:
    """One sample of a record."""

    text: str
    tokens: list[int] | None
    """Without trailing padding; None where the file holds text."""

    length: int | None
    """Length of the array in the file."""


def import_openai(store: Store, path: Path, decode: Decode, *, pad: int = PAD) -> ImportReport:
    """Store the comparisons of a ratings file, all or none.

    Two records in a row that differ in ``best`` alone are one tie. A sample's text is what ``decode`` makes
    of its tokens without trailing ``pad``, less the separators that the essay put around it. Tokens and
    whatever else the file says are kept, so that an export writes the same file again. A file whose
    comparisons are there already brings nothing.

    Raises:
        UserError: the file is no ratings file, or ``decode`` cannot read one of its samples.
    """
    rows = read_rows(path)
    digest = sha256("\n".join(row.to_line() for row in rows).encode("ascii")).hexdigest()[:16]
    judgements = [] if _imported_before(store, digest) else list(_judgements(path, rows))
    members = [_members(judgement, decode, pad) for judgement in judgements]
    queries = [_query_text(judgement, decode) for judgement in judgements]
    added = add_samples(
        store, [NewSample(one.text, "import", tokens=one.tokens) for some in members for one in some]
    )
    stored = {sample.id: sample for sample in get_samples(store, dict.fromkeys(added.ids))}
    samples = iter([stored[id_] for id_ in added.ids])
    comparisons = [
        _comparison(judgement, some, [next(samples) for _ in some], query, {"file": digest, "pad": pad})
        for judgement, some, query in zip(judgements, members, queries, strict=True)
    ]
    add_comparisons(store, comparisons)
    return ImportReport(
        records=len(rows),
        comparisons=len(comparisons),
        ties=sum(one.outcome == "tie" for one in comparisons),
        broken=sum(one.origin == "autofail" for one in comparisons),
        samples=added.new,
    )


def export_openai(
    store: Store,
    path: Path,
    encode: Encode,
    *,
    length: int | None = None,
    pad: int = PAD,
    origins: Iterable[Origin] | None = None,
) -> int:
    """Write the comparisons (of ``origins``) that stand, oldest first; ties twice, skips not at all.

    Our own comparisons hold each sample's whole text, so that their query is the essay's empty one; arrays
    are filled up with ``pad`` to the longest of the file. Imported ones are written as they were read, and
    filled up only beside longer ones of our own. ``length`` cuts and fills all arrays to so many tokens.
    Returns the number of records.

    Raises:
        UserError: the file cannot be written.
    """
    records = [record for record in list_comparisons(store, origins=origins) if record.outcome != "skip"]
    ids = dict.fromkeys(id_ for record in records for id_ in record.sample_ids)
    samples = {sample.id: sample for sample in get_samples(store, ids)}
    encoded: dict[int, list[int]] = {}

    def array(sample: SampleRecord) -> list[int]:
        if sample.id not in encoded:
            encoded[sample.id] = list(encode(sample.text))
        return encoded[sample.id]

    arrays = [
        [
            array(samples[id_]) if (kept := _kept_array(record, place, samples[id_])) is None else kept
            for place, id_ in enumerate(record.sample_ids)
        ]
        for record in records
    ]
    # Nothing encoded here means that all of it was imported, and goes out as it came in.
    fill = max(len(one) for some in arrays for one in some) if encoded else 0
    rows: list[Row] = []
    for record, some in zip(records, arrays, strict=True):
        rows += _rows(record, tuple(_fitted(one, length, fill, pad) for one in some), encode)
    try:
        write_text(path, write_rows(rows))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
    return len(rows)


def _judgements(path: Path, rows: list[Row]) -> Iterator[_Judgement]:
    """The records in order, opposite neighbours made one."""
    number = 0
    while number < len(rows):
        tie = number + 1 < len(rows) and rows[number].is_opposite(rows[number + 1])
        yield _Judgement(rows[number], tie, f"{path}, record {number + 1}")
        number += 2 if tie else 1


def _imported_before(store: Store, digest: str) -> bool:
    records = list_comparisons(store, origins=("imported", "autofail"))
    return any(_notes(record).get("file") == digest for record in records)


def _members(judgement: _Judgement, decode: Decode, pad: int) -> list[_Member]:
    members: list[_Member] = []
    for place, content in enumerate(judgement.row.samples):
        if isinstance(content, str):
            members.append(_Member(_bare_text(content), None, None))
            continue
        end = len(content)
        while end and content[end - 1] == pad:
            end -= 1
        # An array of nothing but padding is kept whole: a sample has to have some text.
        tokens = content[:end] if end else content
        text = _decoded(tokens, decode, f"{judgement.where}: sample{place}")
        members.append(_Member(_bare_text(text), tokens, len(content)))
    return members


def _query_text(judgement: _Judgement, decode: Decode) -> str:
    query = judgement.row.query
    if isinstance(query, str):
        return query
    return _decoded(query, decode, f"{judgement.where}: query") if any(query) else ""


def _decoded(tokens: list[int], decode: Decode, where: str) -> str:
    try:
        return decode(tokens)
    # Tokenizers differ in what they raise for a number beyond their vocabulary.
    except Exception as error:
        raise UserError(
            f"{where} holds tokens that this model's tokenizer does not know ({error}): "
            "name the model whose tokens they are."
        ) from None


def _bare_text(text: str) -> str:
    r"""The sample without what the essay's script put around it: a separator, and ``\n`` and a separator."""
    bare = text.strip().removeprefix(SEPARATOR)
    if bare.endswith(SEPARATOR):
        # The script's echo wrote a backslash and an n, not a line end.
        bare = bare.removesuffix(SEPARATOR).rstrip().removesuffix("\\n")
    return bare.strip() or text


def _comparison(
    judgement: _Judgement,
    members: list[_Member],
    samples: list[SampleRecord],
    query: str,
    notes: dict[str, Any],
) -> NewComparison:
    """The comparison to store, with notes of what the database would otherwise forget of its records."""
    row = judgement.row
    # Two arrays may decode to one text, whose row has the first one's tokens.
    differing = {
        str(place): member.tokens
        for place, (member, sample) in enumerate(zip(members, samples, strict=True))
        if member.tokens is not None and member.tokens != sample.tokens
    }
    kept = {
        "query": row.query,
        "lengths": [member.length for member in members],
        "tokens": differing,
        "first_best": row.best,
        "fields": row.fields,
    }
    return NewComparison(
        sample_ids=tuple(sample.id for sample in samples),
        outcome="tie" if judgement.tie else "choice",
        best=None if judgement.tie else row.best,
        origin="autofail" if row.broken else "imported",
        query=query,
        extra={"import": notes | kept},
    )


def _notes(record: ComparisonRecord) -> dict[str, Any]:
    """What an import kept of the record; empty for our own."""
    notes = (record.extra or {}).get("import", {})
    return notes if isinstance(notes, dict) else {}


def _kept_array(record: ComparisonRecord, place: int, sample: SampleRecord) -> list[int] | None:
    """The array that was imported, or None where there was none."""
    notes = _notes(record)
    length = notes["lengths"][place] if notes else None
    if length is None:
        return None
    tokens: list[int] = notes["tokens"].get(str(place), sample.tokens) or []
    return _fitted(tokens, None, length, notes["pad"])


def _fitted(tokens: list[int], length: int | None, fill: int, pad: int) -> list[int]:
    """Cut and filled to ``length``, or filled to ``fill`` at least."""
    wanted = fill if length is None else length
    return tokens[:length] + [pad] * (wanted - len(tokens))


def _rows(record: ComparisonRecord, samples: tuple[list[int], ...], encode: Encode) -> Iterator[Row]:
    notes = _notes(record)
    query: Content = notes.get("query", NO_QUERY)
    if isinstance(query, str):
        query = list(encode(query)) or NO_QUERY
    fields = notes.get("fields", {"broken": 1} if record.origin == "autofail" else {})
    first = record.best if record.best is not None else notes.get("first_best", 0)
    # A tie is one record for each sample that might have won.
    others = [best for best in range(len(samples)) if best != first] if record.outcome == "tie" else []
    for best in (first, *others):
        yield Row(query, samples, best, fields)
