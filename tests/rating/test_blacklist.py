from __future__ import annotations

from pathlib import Path

import pytest

from tuiprefs.project.assets import asset
from tuiprefs.project.errors import UserError
from tuiprefs.rating.blacklist import Blacklist, load_blacklist

# Patterns of the essay, told by hand from its script; the third is a backslash and an n, as fgrep read it.
ESSAY = ("2D2|G2D2G2D2|G2", "|gggggg|gggggg|", "\\n|\\n|\\n|\\n|\\n|", "(3B)(3B)(3B)(3B)(3B)", "a a a a")


def load(tmp_path: Path, text: str | bytes) -> Blacklist:
    path = tmp_path / "own.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_blacklist(path)


def test_the_essays_list_is_whole() -> None:
    shipped = load_blacklist(asset("blacklist.txt"))
    texts = [pattern.text for pattern in shipped.patterns]
    # The script's 167, one of them twice, and three of those again with real line ends.
    assert len(texts) == 167 + 3
    assert len(set(texts)) == 166 + 3
    assert all(pattern.ignore_case for pattern in shipped.patterns)
    assert set(ESSAY) <= set(texts)
    assert "\n\n\n" in texts


@pytest.mark.parametrize("pattern", ESSAY)
def test_the_essays_patterns_match_in_either_case(pattern: str) -> None:
    shipped = load_blacklist(asset("blacklist.txt"))
    assert shipped.match(f"X:1\nK:C\nd4|{pattern}|e4|]") is not None
    assert (
        shipped.match(f"X:1\nK:C\nd4|{pattern.swapcase().replace(chr(92) + 'N', chr(92) + 'n')}|e4")
        is not None
    )


def test_line_ends_within_a_tune_match_and_around_it_do_not() -> None:
    shipped = load_blacklist(asset("blacklist.txt"))
    assert shipped.match("X:1\nK:C\nABc\n\n\ndef") == "\\n\\n\\n"
    assert shipped.match("\n\n\nX:1\nK:C\nABc def\n\n\n") is None


def test_a_real_tune_is_not_blacklisted() -> None:
    tune = "X:1\nL:1/8\nM:6/8\nK:D\nA|dfe d2B|AFD E2D|FAd fed|ecA A2f|gfe fdB|AFD E2A|dcB AGF|E3 D2:|"
    shipped = load_blacklist(asset("blacklist.txt"))
    assert shipped.match(tune, tune.replace(" ", "")) is None


def test_sections_switch_case(tmp_path: Path) -> None:
    blacklist = load(tmp_path, "CcC\n[Ignore-Case]\nDdD\n[match-case]\nEeE\n")
    assert blacklist.match("x CcC x") == "CcC"
    assert blacklist.match("x ccc x") is None
    assert blacklist.match("x ddd x") == "DdD"
    assert blacklist.match("x eee x") is None


def test_escapes_and_what_needs_none(tmp_path: Path) -> None:
    lines = [r"a\nb", r"c\\n", r"\#d", "e#", r"\[ignore-case]", "[CEG][CEG]", r"\sf\s", "g\\tg", "  h i  "]
    blacklist = load(tmp_path, "# comment\n\n" + "\r\n".join(lines) + "\r\n")
    assert [pattern.text for pattern in blacklist.patterns] == [
        "a\nb", "c\\n", "#d", "e#", "[ignore-case]", "[CEG][CEG]", " f ", "g\tg", "h i",
    ]  # fmt: skip


def test_the_spelling_without_spaces_counts_too(tmp_path: Path) -> None:
    blacklist = load(tmp_path, "ABcAB\n")
    assert blacklist.match("AB c AB") is None
    assert blacklist.match("AB c AB", "ABcAB") == "ABcAB"


def test_files_add_up(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text("[ignore-case]\none\n")
    second.write_text("two\n")
    both = load_blacklist(first, second)
    assert both.match("ONE") == "one"
    # Each file begins anew.
    assert both.match("TWO") is None
    assert load_blacklist().match("anything") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"fine\nbad\\q\n", r"own\.txt, line 2: .\\q. means nothing"),
        (b"ends with\\", r"own\.txt, line 1: .\\. means nothing"),
        (b"ok\nok\n\xff\xfe\n", r"own\.txt, line 3, is not UTF-8"),
        (b"[ignorecase]\n", r"own\.txt, line 1: \[ignorecase\] is neither"),
        (b"# x\n[no case]\n", r"own\.txt, line 2: \[no case\] is neither"),
    ],
)
def test_broken_files_name_the_line(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load(tmp_path, content)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load_blacklist(tmp_path / "absent.txt")
