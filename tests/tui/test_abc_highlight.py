"""Colours and line breaks of ABC: the text itself is never changed."""

from __future__ import annotations

import pytest

from tests.tui.fakes import TUNES
from tuiprefs.tui.widgets.abc_highlight import STYLES, break_at_bars, highlight_abc

ODD_TEXTS = [
    "",
    "\n\n",
    "|" * 100,
    "no music here, only words",
    "X:1\n%%abc-include /etc/passwd\nK:C\n",
    "[" * 60,
    "ü♯𝄞" * 40,
]


def looks(text: str) -> set[tuple[str, str]]:
    """Each styled word with its style."""
    return {(text[span.start : span.end], str(span.style)) for span in highlight_abc(text).spans}


@pytest.mark.parametrize("text", [*TUNES, *ODD_TEXTS])
@pytest.mark.parametrize("width", [1, 2, 7, 20, 36, 200])
def test_breaking_changes_nothing_but_lines(text, width):
    broken = break_at_bars(text, width)
    assert broken.replace("\n", "") == text.replace("\n", "")
    assert all(len(line) <= width for line in broken.split("\n"))


@pytest.mark.parametrize("text", [*TUNES, *ODD_TEXTS])
def test_colours_change_nothing(text):
    assert highlight_abc(text).plain == text


def test_lines_break_after_the_last_bar_that_fits():
    assert break_at_bars("abcd|efgh|ijkl|", 12) == "abcd|efgh|\nijkl|"


def test_a_bar_line_is_not_torn_apart():
    assert break_at_bars("abcdefg:|hi", 8) == "abcdefg\n:|hi"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("X:", "field"),
        ("1", "value"),
        ("|:", "bar"),
        (":|", "bar"),
        ('"Am"', "chord"),
        ("A", "note"),
        ("B,", "note"),
        ("c'", "note"),
        ("^", "accidental"),
        ("=", "accidental"),
        ("2", "length"),
        ("/", "length"),
        ("(3", "tuplet"),
        ("[M:3/4]", "inline"),
        ("% end", "comment"),
    ],
)
def test_the_words_of_a_tune(word, kind):
    assert (word, STYLES[kind]) in looks('X:1\nK:Am\n|:"Am"A2 ^c/ (3=B,c\'_d [M:3/4]z4:|% end')


def test_a_repeat_sign_after_one_note_is_no_header():
    assert ("G:", STYLES["field"]) not in looks("G:|")
