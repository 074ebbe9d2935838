from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.rating.helpers import fill
from tuiprefs.project.errors import UserError
from tuiprefs.rating.autofail import AutoFail
from tuiprefs.rating.command_rater import CommandRater, RaterError, rate_by_command
from tuiprefs.rating.pairing import Pairer
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import list_comparisons
from tuiprefs.store.database import Store

PROGRAM = Path(__file__).with_name("raters.py")


@contextmanager
def program(name: str, *arguments: str, timeout: float = 30) -> Iterator[CommandRater]:
    quoted = " ".join(f"'{argument}'" for argument in arguments)
    with CommandRater(f"{sys.executable} {PROGRAM} {name} {quoted}", timeout) as rater:
        yield rater


def session(store: Store, autofail: AutoFail) -> RatingSession:
    return RatingSession(store, autofail, Pairer(store, "program"), "program", origin="simulated")


def test_answers_are_stored(store: Store, autofail: AutoFail, tmp_path: Path) -> None:
    fill(store, 12, broken=2)
    notes = tmp_path / "asked"
    sitting = session(store, autofail)
    seen: list[int] = []
    with program("fair", str(notes)) as rater:
        report = rate_by_command(sitting, rater, 5, seen.append)
    assert (report.asked, report.left, report.right, report.ties, report.skipped) == (5, 2, 1, 1, 1)
    assert (
        report.automatic == sitting.progress.automatic == len(list_comparisons(store, origins=["autofail"]))
    )
    assert seen == [1, 2, 3, 4, 5]
    records = list_comparisons(store, rater="program")
    assert [record.outcome for record in records] == ["choice", "choice", "tie", "skip", "choice"]
    assert {record.origin for record in records} == {"simulated"}
    asked = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [question["pair"] for question in asked] == [1, 2, 3, 4, 5]
    assert set(asked[0]) == {"left", "right", "pair"}
    assert asked[0]["left"].startswith("X:1\nL:1/8\n")


def test_it_ends_when_there_are_no_more_pairs(store: Store, autofail: AutoFail, tmp_path: Path) -> None:
    fill(store, 3)
    with program("fair", str(tmp_path / "asked")) as rater:
        assert rate_by_command(session(store, autofail), rater, 50).asked == 3


@pytest.mark.parametrize(
    ("arguments", "rated", "sentence"),
    [
        (("dies",), 2, r"ended with exit code 3 before answering pair 3: out of luck\.$"),
        (("dies_by_signal",), 0, r"was killed by signal 9 before answering pair 1\.$"),
        (("says", "left\\n"), 0, r"answered pair 1 with left, not with one line like"),
        (("says", '["left"]\\n'), 0, r'answered pair 1 with \["left"\]'),
        (("says", '{"choice": "both"}\\n'), 0, r'answered pair 1 with \{"choice": "both"\}'),
        (("says", '{"choice": null}\\n'), 0, "answered pair 1"),
        (("says", "\\xff\\xfe\\n"), 0, "answered pair 1"),
        (("says", "\\n"), 0, "answered pair 1 with an empty line"),
        (("says", "[" * 5000 + "\\n"), 0, "answered pair 1"),
        (("says", '{"choice": "left"}\\nand more\\n'), 1, r"more than one line for each pair: and more\.$"),
        (("novel",), 0, "It was a dark and stormy night"),
    ],
    ids=lambda value: value[0] + value[-1][:20] if isinstance(value, tuple) else None,
)
def test_bad_raters_keep_what_was_rated(
    store: Store, autofail: AutoFail, arguments: tuple[str, ...], rated: int, sentence: str
) -> None:
    fill(store, 20)
    with program(*arguments) as rater, pytest.raises(RaterError, match=sentence) as caught:
        rate_by_command(session(store, autofail), rater, 8)
    assert caught.value.exit_code == 1
    message = str(caught.value)
    assert message.startswith(f"The rater command “{sys.executable} {PROGRAM}")
    assert "\n" not in message
    assert len(message) < 20_000
    assert len(list_comparisons(store, rater="program")) == rated


def test_a_hanging_rater_is_ended_with_its_children(store: Store, autofail: AutoFail, tmp_path: Path) -> None:
    fill(store, 6)
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    with (
        program("hangs", mark, timeout=2) as rater,
        pytest.raises(RaterError, match=r"did not answer pair 2 within 2 s\.$"),
    ):
        rate_by_command(session(store, autofail), rater, 4)
    assert len(list_comparisons(store, rater="program")) == 1
    left = [
        process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or [])
    ]
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


def test_a_deaf_rater_and_a_question_larger_than_its_pipe() -> None:
    with program("deaf", timeout=1) as rater, pytest.raises(RaterError, match="did not answer pair a"):
        rater.ask("x" * 500_000, "y", "a")


def test_a_noisy_rater_is_understood() -> None:
    with program("shouts") as rater:
        assert [rater.ask("a", "b", number) for number in range(3)] == ["right"] * 3


def test_last_words_count() -> None:
    with program("last_words") as rater:
        assert rater.ask("a", "b", 1) == "tie"
        with pytest.raises(RaterError, match="ended with exit code 0 before answering pair 2"):
            rater.ask("a", "b", 2)


def test_texts_arrive_whole(tmp_path: Path) -> None:
    left, right = 'X:1\nK:C\n"quoted" \\ ♯ \u2028 \ud800\n', "z" * 200_000
    notes = tmp_path / "asked"
    with program("fair", str(notes)) as rater:
        assert rater.ask(left, right, 7) == "left"
    assert json.loads(notes.read_text()) == {"left": left, "right": right, "pair": 7}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("'unclosed", "cannot be read: No closing quotation"),
        ("/no/such/program --x", "“/no/such/program” cannot be started: No such file"),
        ("/tmp", "cannot be started: Permission denied"),
    ],
)
def test_commands_that_cannot_be_started(command: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        CommandRater(command)


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with CommandRater(f"echo x > {target}") as rater, pytest.raises(RaterError):
        rater.ask("a", "b", 1)
    assert not target.exists()


def test_closing_twice_and_after_death_is_no_error() -> None:
    rater = CommandRater(f"{sys.executable} -c pass")
    rater.close()
    rater.close()
