"""The journal under half lines, truncation, replacement, garbage and two writers."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tuiprefs.project.atomic import write_text
from tuiprefs.runs.journal import JournalReader, append, keep_where, read_all


def test_what_is_appended_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    reader = JournalReader(path)
    assert reader.read_new() == []
    append(path, {"update": 1, "text": "ré—\n𝄞"})
    append(path, {"update": 2})
    assert reader.read_new() == [{"update": 1, "text": "ré—\n𝄞"}, {"update": 2}]
    assert reader.read_new() == []
    append(path, {"update": 3})
    assert reader.read_new() == [{"update": 3}]
    assert (reader.restarts, reader.garbage) == (0, 0)


@pytest.mark.parametrize("cut", range(1, 15))
def test_a_half_line_is_not_there_yet(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j"
    line = '{"a":"é","b":1}\n'.encode()
    path.write_bytes(b'{"first":0}\n' + line[:cut])
    reader = JournalReader(path)
    assert reader.read_new() == [{"first": 0}]
    assert reader.read_new() == []
    with path.open("ab") as file:
        file.write(line[cut:])
    assert reader.read_new() == [{"a": "é", "b": 1}]
    assert reader.garbage == 0


def test_a_line_appended_after_half_a_line_survives(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"update":1}\n{"upda')
    append(path, {"update": 2})
    reader = JournalReader(path)
    assert reader.read_new() == [{"update": 1}, {"update": 2}]
    assert reader.garbage == 1


def test_at_most_so_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "j"
    for number in range(10):
        append(path, {"n": number})
    reader = JournalReader(path)
    pieces = [reader.read_new(max_lines=4) for _ in range(4)]
    assert [[row["n"] for row in piece] for piece in pieces] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], []]


def test_lines_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "j"
    long = "x" * 700_000
    append(path, {"text": long})
    append(path, {"text": "short"})
    assert [len(row["text"]) for row in read_all(path)] == [700_000, 5]


def test_garbage_is_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"n":1}\nnonsense\n[1]\n\n\xff\xfe\n\0\0\0\n{"n":NaN_}\n{"n":2}\n')
    reader = JournalReader(path)
    assert reader.read_new() == [{"n": 1}, {"n": 2}]
    assert reader.garbage == 5


def test_a_shorter_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text('{"n":1}\n{"n":2}\n{"n":3}\n')
    reader = JournalReader(path)
    reader.read_new()
    os.truncate(path, 8)
    assert reader.read_new() == [{"n": 1}]
    assert reader.restarts == 1


def test_a_replaced_file_begins_anew_even_if_longer(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text('{"n":1}\n')
    reader = JournalReader(path)
    reader.read_new()
    write_text(path, '{"n":1}\n{"n":7}\n')
    assert reader.read_new() == [{"n": 1}, {"n": 7}]
    assert reader.restarts == 1


def test_a_file_rewritten_in_place_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_text('{"n":1}\n')
    reader = JournalReader(path)
    reader.read_new()
    path.write_text('{"n":8}\n{"n":9}\n')
    assert reader.read_new() == [{"n": 8}, {"n": 9}]
    assert reader.restarts == 1


def test_nonfinite_numbers_are_strict_json_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "j"
    append(path, {"a": math.nan, "b": -math.inf, "c": 1.5, "deep": {"d": [math.inf, 2.0]}})
    line = path.read_text()
    assert json.loads(line, parse_constant=pytest.fail) == {
        "a": None,
        "b": None,
        "c": 1.5,
        "deep": {"d": [None, 2.0]},
        "nonfinite": ["a", "b"],
    }
    (row,) = read_all(path)
    assert math.isnan(row.pop("a"))
    assert math.isnan(row.pop("b"))
    assert row == {"c": 1.5, "deep": {"d": [None, 2.0]}}


def test_numbers_of_numpy_and_paths_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "j"
    append(path, {"f": np.float32(0.5), "i": np.int64(3), "nan": np.float32("nan"), "p": tmp_path, "t": (1,)})
    (row,) = read_all(path)
    assert math.isnan(row.pop("nan"))
    assert row == {"f": 0.5, "i": 3, "p": str(tmp_path), "t": [1]}


def test_what_has_no_form_in_json_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with pytest.raises(TypeError, match="object has no form in JSON"):
        append(path, {"x": object()})
    assert read_all(path) == []


def test_two_processes_append_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    program = (
        "import sys; from pathlib import Path; from tuiprefs.runs.journal import append\n"
        "for n in range(300):\n"
        "    append(Path(sys.argv[1]), {'who': sys.argv[2], 'n': n, 'pad': 'x' * (n % 70) * 100})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), who]) for who in "ab"]
    reader, rows = JournalReader(path), []
    while any(writer.poll() is None for writer in writers):
        rows += reader.read_new(max_lines=50)
    rows += reader.read_new()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reader.garbage == 0
    for who in "ab":
        assert [row["n"] for row in rows if row["who"] == who] == list(range(300))


def test_keep_where_drops_lines_garbage_and_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"n": 1}\nnonsense\n{"n":2}\n{"n":3}\n{"n":')
    assert keep_where(path, lambda row: row["n"] < 3) == 3
    assert path.read_bytes() == b'{"n": 1}\n{"n":2}\n'
    identity = path.stat().st_ino
    assert keep_where(path, lambda row: True) == 0
    assert path.stat().st_ino == identity
    assert keep_where(tmp_path / "missing", lambda row: True) == 0
