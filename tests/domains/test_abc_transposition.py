import random

import pytest

from tuiprefs.domains import abc_lexer
from tuiprefs.domains.abc_bars import diatonic_pitch
from tuiprefs.domains.abc_transposition import (
    HIGHEST,
    LOWEST,
    sharps,
    signature,
    transpose,
    transpose_at_random,
)

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2}


def tune(key: str, body: str) -> str:
    return f"X:1\nL:1/8\nM:4/4\nK:{key}\n{body}\n"


def semitones(text: str, altered: dict[str, int]) -> list[int]:
    """Sounding pitches, worked out here from a signature given by hand."""
    pitches: list[int] = []
    bar: dict[tuple[str, int], int] = {}
    for word in abc_lexer.words(text.split("\n")[4]):
        note = abc_lexer.note_parts(word)
        if note is None:
            bar = {} if abc_lexer.is_bar_line(word) else bar
        elif note[1] != "z":
            letter = note[1].upper()
            octave = note[1].islower() + note[2].count("'") - note[2].count(",")
            if note[0]:
                bar[letter, octave] = SIGNS[note[0]]
            alteration = bar.get((letter, octave), altered.get(letter, 0))
            pitches.append(SEMITONES[letter] + 12 * octave + alteration)
    return pitches


@pytest.mark.parametrize(
    ("letter", "accidental", "mode", "count"),
    [
        ("C", "", "", 0),
        ("D", "", "", 2),
        ("B", "b", "", -2),
        ("A", "", "m", 0),
        ("E", "", "dor", 2),
        ("D", "", "mix", 1),
        ("F", "#", "m", 3),
        ("G", "", "lyd", 2),
        ("E", "", "phr", 0),
    ],
)
def test_signatures(letter: str, accidental: str, mode: str, count: int) -> None:
    assert sharps(letter, accidental, mode) == count


def test_altered_letters() -> None:
    assert signature(2) == {"F": 1, "C": 1}
    assert signature(-2) == {"B": -1, "E": -1}
    assert signature(0) == {}


def test_up_a_step_by_hand() -> None:
    assert transpose(tune("G", "G,2B>d|^cdgb:|z(3bc'd'"), 1) == tune("A", "A,2c>e|^deac':|z(3c'd'e'")
    assert transpose(tune("D", "=cd"), -1) == tune("C", "_Bc")
    assert transpose(tune("Em", "E^D"), 3) == tune("Am", "A^G")


def test_every_interval_stays() -> None:
    text = tune("G", "GA=fd|^cBe_B|B,^G,=Cc'|^d2d=dd")
    moved = transpose(text, -2)
    assert moved is not None
    assert moved.split("\n")[3] == "K:Eb"
    before = semitones(text, {"F": 1})
    after = semitones(moved, {"B": -1, "E": -1, "A": -1})
    assert {b - a for a, b in zip(before, after, strict=True)} == {-4}


def test_impossible_moves() -> None:
    assert transpose(tune("C", "^^F"), 1) is None
    assert transpose("no key", 1) is None


def test_random_moves_are_reproducible_and_within_range() -> None:
    text = tune("G", "G,Bdgbd'")
    moved = [transpose_at_random(text, random.Random(seed), 1.0) for seed in range(40)]
    assert moved == [transpose_at_random(text, random.Random(seed), 1.0) for seed in range(40)]
    assert len(set(moved)) > 1
    for version in moved:
        notes = [abc_lexer.note_parts(word) for word in abc_lexer.words(version.split("\n")[4])]
        pitches = [diatonic_pitch(note[1], note[2]) for note in notes if note]
        assert LOWEST <= min(pitches) <= max(pitches) <= HIGHEST
    assert transpose_at_random(text, random.Random(0), 0.0) == text
