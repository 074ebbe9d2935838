from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.rating.helpers import fill, make_tune
from tuiprefs.project.errors import UserError
from tuiprefs.rating.interchange import export_openai, import_openai
from tuiprefs.store.comparisons import NewComparison, add_comparison, list_comparisons, undo_last
from tuiprefs.store.database import Store, open_store
from tuiprefs.store.samples import count_samples, get_sample, list_samples

PAD = 27


def encode(text: str) -> list[int]:
    """A tokenizer for tests: bytes, moved away from the padding."""
    return [byte + 100 for byte in text.encode()]


def decode(tokens: list[int]) -> str:
    if any(not 100 <= token < 356 and token != PAD for token in tokens):
        raise IndexError("no such token")
    return bytes(ord("<") if token == PAD else token - 100 for token in tokens).decode()


def lenient(tokens: list[int]) -> str:
    """Many arrays have one text: tokens beyond bytes are nothing."""
    return bytes(token - 100 for token in tokens if 100 <= token < 356).decode()


def padded(text: str, length: int = 64) -> list[int]:
    tokens = encode(text)
    return tokens + [PAD] * (length - len(tokens))


def record(left: Any, right: Any, best: int = 0, **more: Any) -> dict[str, Any]:
    return {"query": [0, 0], "sample0": left, "sample1": right, "best": best, **more}


def written(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "in.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def round_trip(store: Store, tmp_path: Path, document: Any, decode_: Any = decode) -> Any:
    import_openai(store, written(tmp_path, document), decode_)
    export_openai(store, tmp_path / "out.json", encode)
    return json.loads((tmp_path / "out.json").read_text())


A, B, C = padded("first tune"), padded("second tune"), padded("third tune")


def test_what_a_record_becomes(store: Store, tmp_path: Path) -> None:
    report = import_openai(store, written(tmp_path, [record(A, B, 1), record(B, C, 0, broken=1)]), decode)
    assert (report.records, report.comparisons, report.ties, report.broken, report.samples) == (2, 2, 0, 1, 3)
    first, second = list_comparisons(store)
    texts = [get_sample(store, id_).text for id_ in (*first.sample_ids, *second.sample_ids)]
    assert texts == ["first tune", "second tune", "second tune", "third tune"]
    assert (first.outcome, first.best, first.origin, first.query) == ("choice", 1, "imported", "")
    assert (second.best, second.origin) == (0, "autofail")
    assert get_sample(store, first.sample_ids[0]).tokens == encode("first tune")
    assert {sample.source for sample in list_samples(store)} == {"import"}


def test_two_opposite_records_are_one_tie(store: Store, tmp_path: Path) -> None:
    rows = [
        record(A, B, 0),
        record(A, B, 1),
        record(A, B, 0),
        record(B, A, 1),
        record(B, A, 0),
        record(A, C, 1, broken=1),
        record(A, C, 0, broken=1),
        record(B, C, 0),
        record(B, C, 1, broken=1),
    ]
    assert round_trip(store, tmp_path, rows) == rows
    kinds = [(one.outcome, one.origin) for one in list_comparisons(store)]
    assert kinds == [
        ("tie", "imported"),
        ("choice", "imported"),
        ("tie", "imported"),
        ("tie", "autofail"),
        ("choice", "imported"),
        ("choice", "autofail"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [record(A, B)],
        [record(A, A, 1)],
        # Arrays of different lengths, without padding, of padding alone, with padding inside, and empty.
        [record(encode("x"), padded("y", 300), 1), record([PAD] * 5, [*encode("a"), PAD, *encode("b"), PAD])],
        [record([], encode("b"))],
        [record(A, B, broken=0), record(A, B, broken=2), record(A, B, 1, broken=True)],
        [record(A, B, note={"a": [1, None, "ü\u2028"]}, seconds=1.5, rater="gwern")],
        [{**record(A, B, 3), "sample2": C, "sample3": A}, {**record(A, B, 1), "sample2": C}],
        [{**record(A, B), "query": encode("X:")}, {**record(A, B), "query": []}],
        [{"best": 1, "sample1": B, "sample0": A, "query": [0, 0]}],
    ],
)
def test_import_and_export_are_exact(store: Store, tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert round_trip(store, tmp_path, rows) == rows


def test_two_arrays_with_one_text(store: Store, tmp_path: Path) -> None:
    rows = [
        record([*encode("same"), PAD], [*encode("sa"), 5, *encode("me"), PAD]),
        record([5, *encode("same")], [*encode("other"), 9]),
    ]
    assert round_trip(store, tmp_path, rows, lenient) == rows
    assert count_samples(store) == 2


def test_the_essays_wrapping_is_no_part_of_the_tune(store: Store, tmp_path: Path) -> None:
    wrapped = "<|endoftext|>X:1\nK:C\nABc|\\n<|endoftext|>"
    rows = [record(padded(wrapped, 80), padded("<|endoftext|>X:2\nK:D\nABc|", 80))]
    assert round_trip(store, tmp_path, rows) == rows
    assert [sample.text for sample in list_samples(store)] == ["X:1\nK:C\nABc|", "X:2\nK:D\nABc|"]


def test_the_form_that_the_essays_script_writes(store: Store, tmp_path: Path) -> None:
    array = json.dumps(A).replace(", 1", ",\n    1")
    text = f'[\n{{"query": [0,0], "sample0": {array}, "sample1": {array}, "best": 0, "broken": 1}},\n]\n'
    import_openai(store, written(tmp_path, text), decode)
    (only,) = list_comparisons(store)
    assert (only.origin, only.best) == ("autofail", 0)


def test_plain_text_copies(store: Store, tmp_path: Path) -> None:
    quoted = [record("<|endoftext|>X:1\nABc|", "X:2\nDEf|"), record("X:1\nABc|", "X:2\nDEf|", 1, broken=1)]
    assert import_openai(store, written(tmp_path, quoted), decode).comparisons == 2
    bare = (
        '[\n{"query": [0,0], "sample0": X:1\nABc|, "sample1": X:3\n"Am"A2|, "best": 1, "broken": 1},\n'
        '{"query": [0,0], "sample0": X:4\nz|, "sample1": X:2\nDEf|, "best": 0},\n]\n'
    )
    report = import_openai(store, written(tmp_path, bare), decode)
    assert (report.comparisons, report.broken, report.samples) == (2, 1, 2)
    assert {sample.text for sample in list_samples(store)} == {
        "X:1\nABc|",
        "X:2\nDEf|",
        'X:3\n"Am"A2|',
        "X:4\nz|",
    }
    assert export_openai(store, tmp_path / "out.json", encode) == 4
    first = json.loads((tmp_path / "out.json").read_text())[0]
    assert first["sample1"] == [*encode("X:2\nDEf|"), *[PAD] * 3]


def rate(store: Store, outcome: str, a: int, b: int, best: int | None = None, origin: str = "human") -> None:
    rater = None if origin == "autofail" else "me"
    add_comparison(store, NewComparison((a, b), outcome, best, origin, rater))  # type: ignore[arg-type]


def test_our_own_comparisons(store: Store, tmp_path: Path) -> None:
    one, two, three = fill(store, 2) + fill(store, 1, start=50)
    rate(store, "choice", two, one, 1)
    rate(store, "skip", one, three)
    rate(store, "tie", one, three)
    rate(store, "tie", two, three, origin="autofail")
    rate(store, "choice", three, two, 0, origin="autofail")
    rate(store, "choice", three, one, 0)
    undo_last(store, rater="me")
    path = tmp_path / "out.json"
    assert export_openai(store, path, encode) == 6
    rows = json.loads(path.read_text())
    assert [(row["best"], row.get("broken")) for row in rows] == [
        (1, None),
        (0, None),
        (1, None),
        (0, 1),
        (1, 1),
        (0, 1),
    ]
    texts = [lenient(row["sample0"]) for row in rows]
    assert texts == [get_sample(store, id_).text for id_ in (two, one, one, two, two, three)]
    assert {tuple(row["query"]) for row in rows} == {(0, 0)}
    lengths = {len(row[name]) for row in rows for name in ("sample0", "sample1")}
    assert lengths == {len(make_tune(0))}
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("[", "]", 8)
    assert export_openai(store, path, encode, origins=["human"]) == 3


def test_a_length_cuts_and_fills(store: Store, tmp_path: Path) -> None:
    import_openai(store, written(tmp_path, [record(padded("imported", 40), padded("b", 40))]), decode)
    one, two = fill(store, 2)
    rate(store, "choice", one, two, 0)
    export_openai(store, tmp_path / "out.json", encode, length=30, pad=99)
    rows = json.loads((tmp_path / "out.json").read_text())
    assert rows[0]["sample0"] == padded("imported", 30)
    assert rows[1]["sample0"] == encode(make_tune(0))[:30]
    export_openai(store, tmp_path / "out.json", encode, length=500, pad=99)
    rows = json.loads((tmp_path / "out.json").read_text())
    assert rows[0]["sample1"] == padded("b", 40) + [99] * 460
    assert rows[1]["sample1"] == encode(make_tune(1)) + [99] * (500 - len(make_tune(1)))


def test_imported_arrays_grow_beside_longer_ones_of_our_own(store: Store, tmp_path: Path) -> None:
    import_openai(store, written(tmp_path, [record(A, B)]), decode)
    one, two = fill(store, 2)
    rate(store, "choice", one, two, 0)
    export_openai(store, tmp_path / "out.json", encode)
    rows = json.loads((tmp_path / "out.json").read_text())
    assert {len(row[name]) for row in rows for name in ("sample0", "sample1")} == {len(make_tune(0))}
    assert rows[0]["sample0"][:64] == A


def test_export_import_export_is_the_same_file(store: Store, tmp_path: Path) -> None:
    import_openai(
        store, written(tmp_path, [record(A, B, 1, rater="x"), record(A, B), record(A, B, 1)]), decode
    )
    ids = fill(store, 6)
    for number, (a, b) in enumerate(pairwise(ids)):
        rate(store, "choice", a, b, number % 2)
        rate(store, "tie", b, a, origin="autofail")
    # Two raters of opposite opinions look like a tie, and come out as the same two records all the same.
    rate(store, "choice", ids[0], ids[5], 0)
    rate(store, "choice", ids[0], ids[5], 1)
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    count = export_openai(store, first, encode)
    other = open_store(tmp_path / "other.db")
    report = import_openai(other, first, decode)
    assert report.records == count == export_openai(other, second, encode)
    assert second.read_bytes() == first.read_bytes()
    other.close()


def test_a_file_is_imported_once(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, [record(A, B), record(B, C)])
    assert import_openai(store, path, decode).comparisons == 2
    again = import_openai(store, path, decode)
    assert (again.records, again.comparisons, again.samples) == (2, 0, 0)
    assert len(list_comparisons(store)) == 2


BAD: list[tuple[Any, str]] = [
    ("", "Expecting value in record 0, line 1"),
    ("{}", "must hold one JSON array"),
    ("null", "must hold one JSON array"),
    ("[" * 100_000, "is no ratings file"),
    (
        '[{"query": [0,0], "sample0": [1, 2,, 3], "sample1": [1], "best": 1},\n]',
        "in record 1, line 1, column",
    ),
    (f"[{json.dumps(record(A, B))}, [1, 2]]", "record 2 is an array, not an object"),
    ([record(A, B), 7], "record 2 is a number"),
    ([{"sample0": A, "sample1": B, "best": 0}], "record 1 has no field “query”"),
    ([{"query": [0], "sample0": A, "sample1": B}], "record 1 has no field “best”"),
    ([record(A, B), {"query": [0], "sample0": A, "best": 0}], "record 2 has no field “sample1”"),
    (
        [{"query": [0], "sample0": A, "sample1": A, "sample3": B, "best": 0}],
        "record 1 has no field “sample2”",
    ),
    ([record(A, B, 2)], "record 1: best is 2, not the number of a sample, 0 to 1"),
    ([record(A, B, -1)], "best is -1"),
    ([{**record(A, B), "best": True}], "best is True"),
    ([{**record(A, B), "best": "0"}], "best is '0'"),
    ([record(A, {"a": 1})], "record 1: sample1 is an object, not an array"),
    ([record(None, B)], "record 1: sample0 is null, not an array"),
    ([record([1, 2.5], B)], r"record 1: sample0 holds 2.5 at place 1, no token number"),
    ([record([1, -2], B)], "sample0 holds -2 at place 1"),
    ([record([True], B)], "sample0 holds true at place 0"),
    ([record(A, [["x"]])], r'sample1 holds \["x"\] at place 0'),
    ([record(A, B), record(A, [*encode("a"), 9999])], "record 2: sample1 holds tokens that this model's"),
    ([{**record(A, B), "query": [3]}], "record 1: query holds tokens"),
    ([record("\ud800", "b")], "record 1: sample0 holds half of a surrogate pair"),
]


@pytest.mark.parametrize(("document", "sentence"), BAD, ids=[sentence[:40] for _, sentence in BAD])
def test_garbage_is_one_sentence_and_stores_nothing(
    store: Store, tmp_path: Path, document: Any, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        import_openai(store, written(tmp_path, document), decode)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "in.json") in str(caught.value)
    assert list_comparisons(store) == []
    assert count_samples(store) == 0


def test_files_that_cannot_be_used(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    with pytest.raises(UserError, match="cannot be read: No such file"):
        import_openai(store, path, decode)
    path.write_bytes(b"[\xff]")
    with pytest.raises(UserError, match="not UTF-8"):
        import_openai(store, path, decode)
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        import_openai(store, tmp_path, decode)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        export_openai(store, tmp_path / "file" / "out.json", encode)
