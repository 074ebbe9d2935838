"""The essay's ratings file: reading its records, whichever way it was written, and writing them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuiprefs.project.errors import UserError

Content = list[int] | str
"""A query or sample: token ids, or text in a plain-text copy."""

_SAMPLE_KEY = re.compile(r"sample(\d+)")
# The essay's script writes its plain-text copy with bare texts, which is no JSON.
_BARE_RECORD = re.compile(
    r'\{"query": (?P<query>.*?), "sample0": (?P<sample0>.*?), "sample1": (?P<sample1>.*?), '
    r'"best": (?P<best>\d+)(?:, "broken": (?P<broken>\d+))?\},?[ \t]*(?=\n|\Z)',
    re.DOTALL,
)


@dataclass(frozen=True)
class Row:
    """One record: ``best`` is the index of the sample that won."""

    query: Content
    samples: tuple[Content, ...]
    best: int
    fields: dict[str, Any] = field(default_factory=dict)
    """Everything else in the record, ``broken`` included."""

    @property
    def broken(self) -> bool:
        """Whether the record says that it was made by rules, not by ear."""
        return bool(self.fields.get("broken"))

    def is_opposite(self, other: Row) -> bool:
        """Whether the two records together say that their two samples are equally good."""
        return (
            len(self.samples) == 2
            and self.best == 1 - other.best
            and (self.samples, self.query) == (other.samples, other.query)
            # As text: 1 and true, equal to Python, are two things in a file.
            and json.dumps(self.fields) == json.dumps(other.fields)
        )

    def to_line(self) -> str:
        """The record as one line of JSON."""
        samples = {f"sample{number}": sample for number, sample in enumerate(self.samples)}
        return json.dumps({"query": self.query, **samples, "best": self.best, **self.fields})


def write_rows(rows: list[Row]) -> str:
    """The whole document, one record a line."""
    return "[\n" + ",\n".join(row.to_line() for row in rows) + ("\n" if rows else "") + "]\n"


def read_rows(path: Path) -> list[Row]:
    """Read a ratings file: JSON, JSON with a comma after the last record, or the script's plain-text copy.

    Raises:
        UserError: the file is none of these; the sentence names the record, counted from 1, and the field.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no ratings file: it is not UTF-8 text.") from None
    records = _parse(path, text)
    if not isinstance(records, list):
        raise UserError(f"{path} is no ratings file: it must hold one JSON array of records.")
    return [_row(record, f"{path}, record {number}") for number, record in enumerate(records, start=1)]


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = error
    if isinstance(problem, json.JSONDecodeError):
        try:
            return json.loads(_without_last_comma(text))
        except (ValueError, RecursionError):
            bare = _bare_records(text)
            if bare is not None:
                return bare
        number = text.count("{", 0, problem.pos)
        raise UserError(
            f"{path} is no ratings file: {problem.msg} in record {number}, "
            f"line {problem.lineno}, column {problem.colno}."
        ) from None
    raise UserError(f"{path} is no ratings file: {problem}.") from None


def _without_last_comma(text: str) -> str:
    """Drop the comma that the script leaves between the last record and the closing bracket."""
    end = text.rstrip()
    if not end.endswith("]"):
        return text
    before = end[:-1].rstrip()
    return f"{before.removesuffix(',')}]"


def _bare_records(text: str) -> list[dict[str, Any]] | None:
    """The records of the script's plain-text copy; None unless the file consists of nothing else."""
    if _BARE_RECORD.sub("", text).split() != ["[", "]"]:
        return None
    records: list[dict[str, Any]] = []
    for match in _BARE_RECORD.finditer(text):
        if match["sample0"][:1] in '["' or match["sample1"][:1] in '["':
            # Broken JSON rather than bare text.
            return None
        record: dict[str, Any] = {
            "query": _bare(match["query"]),
            "sample0": match["sample0"],
            "sample1": match["sample1"],
            "best": int(match["best"]),
        }
        if match["broken"] is not None:
            record["broken"] = int(match["broken"])
        records.append(record)
    return records or None


def _bare(query: str) -> Any:
    try:
        return json.loads(query)
    except ValueError:
        return query


def _row(record: Any, where: str) -> Row:
    if not isinstance(record, dict):
        raise UserError(f"{where} is {_kind(record)}, not an object with query, sample0, sample1 and best.")
    numbers = sorted(int(match[1]) for key in record if (match := _SAMPLE_KEY.fullmatch(key)))
    for name in ("query", "best"):
        if name not in record:
            raise UserError(f"{where} has no field “{name}”.")
    for number in range(max(2, len(numbers))):
        if f"sample{number}" not in record:
            raise UserError(f"{where} has no field “sample{number}”.")
    samples = tuple(_content(record, f"sample{number}", where) for number in range(len(numbers)))
    best = record["best"]
    if not isinstance(best, int) or isinstance(best, bool) or not 0 <= best < len(samples):
        raise UserError(f"{where}: best is {best!r}, not the number of a sample, 0 to {len(samples) - 1}.")
    known = {"query", "best", *(f"sample{number}" for number in range(len(numbers)))}
    other = {key: value for key, value in record.items() if key not in known}
    return Row(_content(record, "query", where), samples, best, other)


def _content(record: dict[str, Any], name: str, where: str) -> Content:
    value = record[name]
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise UserError(f"{where}: {name} holds half of a surrogate pair, which is no character.")
        return value
    if not isinstance(value, list):
        raise UserError(f"{where}: {name} is {_kind(value)}, not an array of token numbers.")
    for place, token in enumerate(value):
        if not isinstance(token, int) or isinstance(token, bool) or token < 0:
            raise UserError(
                f"{where}: {name} holds {json.dumps(token)[:40]} at place {place}, no token number."
            )
    return value


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
