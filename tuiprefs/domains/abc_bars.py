"""Exact arithmetic on the bars of a tune, and the search for bars copied from other tunes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from tuiprefs.domains import abc_lexer

TICKS = 40_320
"""Ticks of an L: unit: 2^7 * 3^2 * 5 * 7, so that usual lengths, tuplets and dots are whole numbers."""

_MUSIC = re.compile(r"(?:^|\n)K:[^\n]*\n(.*)", re.DOTALL)
_METER = re.compile(r"^M:(\d+)/(\d+)", re.MULTILINE)
_UNIT = re.compile(r"^L:(\d+)/(\d+)", re.MULTILINE)
_LEFT_FACTOR = {">": Fraction(3, 2), ">>": Fraction(7, 4), "<": Fraction(1, 2), "<<": Fraction(1, 4)}
_PITCHES = "CDEFGAB"


@dataclass(frozen=True)
class BarReport:
    """How well the bars of a tune fill its meter."""

    inner_bars: int
    """Bars other than the first and the last, which may be upbeats."""

    exact_bars: int
    """Inner bars whose notes add up to the meter exactly."""

    problems: int
    """Words that have no place where they stand: open chords, unfinished tuplets, broken rhythm between notes
    of unequal length, strange characters."""

    bar_lengths: tuple[Fraction, ...] = ()
    """Length of every bar in whole notes."""

    @property
    def exact_share(self) -> float:
        """Exact inner bars over inner bars; 0 for a tune without inner bars."""
        return self.exact_bars / self.inner_bars if self.inner_bars else 0.0


@dataclass
class _Counter:
    """Adds up one bar after another, in ticks."""

    compound: bool
    lengths: list[int | Fraction] = field(default_factory=list)
    problems: int = 0
    current: int | Fraction = 0
    last: int | Fraction | None = None
    filled: bool = False
    broken: str = ""
    tuplet_notes: int = 0
    tuplet_factor: Fraction = Fraction(1)
    chord: list[int | Fraction] | None = None

    def end_bar(self) -> None:
        self.problems += (self.tuplet_notes > 0) + bool(self.broken) + (self.chord is not None)
        self.tuplet_notes, self.broken, self.chord, self.last = 0, "", None, None
        if self.filled:
            self.lengths.append(self.current)
        self.current, self.filled = 0, False

    def add(self, length: int | Fraction) -> None:
        """Add a note, rest or chord; the factors of tuplets and broken rhythms multiply."""
        if self.tuplet_notes:
            length = _whole(length * self.tuplet_factor)
            self.tuplet_notes -= 1
        if self.broken:
            self.problems += length != self.last
            length = _whole(length * (2 - _LEFT_FACTOR[self.broken]))
            self.broken = ""
        self.current += length
        self.last, self.filled = length, True

    def break_rhythm(self, word: str) -> None:
        if self.last is None or self.broken:
            self.problems += 1
            return
        longer = _whole(self.last * _LEFT_FACTOR[word])
        self.current += longer - self.last
        self.broken = word


def _whole(length: int | Fraction) -> int | Fraction:
    """Keep whole ticks as int, which adds far faster than Fraction."""
    return int(length) if length.denominator == 1 else length


@lru_cache(maxsize=4096)
def _ticks(word: str) -> int | Fraction | None:
    length = abc_lexer.note_length(word)
    return None if length is None else _whole(length * TICKS)


def _tuplet(word: str, compound: bool) -> tuple[int, Fraction]:
    """Number of notes and factor of `(p:q:r`: p notes in the time of q, for the next r notes (ABC 2.1)."""
    numbers = word[1:].split(":")
    notes = int(numbers[0])
    usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(notes, 3 if compound else 2)
    time = int(numbers[1]) if len(numbers) > 1 and numbers[1] else usual
    count = int(numbers[2]) if len(numbers) > 2 and numbers[2] else notes
    return count, Fraction(time, notes) if notes else Fraction(1)


def _count(music: str, compound: bool) -> _Counter:
    counter = _Counter(compound)
    for word in abc_lexer.words(music):
        length = _ticks(word)
        if length is not None:
            if counter.chord is None:
                counter.add(length)
            else:
                counter.chord.append(length)
        elif abc_lexer.is_bar_line(word):
            counter.end_bar()
        elif word[0] in "<>":
            counter.break_rhythm(word)
        elif word[0] == "(" and len(word) > 1:
            counter.problems += counter.tuplet_notes > 0
            counter.tuplet_notes, counter.tuplet_factor = _tuplet(word, compound)
        elif word == "[" and counter.chord is None:
            counter.chord = []
        elif word == "]" and counter.chord:
            # A chord is as long as its first note.
            notes, counter.chord = counter.chord, None
            counter.add(notes[0])
        elif word not in ("-", "\n", " "):
            counter.problems += 1
    counter.end_bar()
    return counter


def bar_report(text: str) -> BarReport:
    """Measure the bars of a tune.

    Strict: every bar but the first and the last must add up to the meter, also those that an upbeat of the
    second part shortens. Bars that a repeat sign divides count as two. A text without M: has no exact bars.
    """
    music, meter, unit = _MUSIC.search(text), _METER.search(text), _UNIT.search(text)
    if music is None or meter is None or int(meter[2]) == 0:
        return BarReport(0, 0, 1)
    whole = Fraction(int(unit[1]), int(unit[2])) if unit and int(unit[2]) else Fraction(1, 8)
    compound = int(meter[1]) % 3 == 0 and int(meter[1]) > 3
    counter = _count(music[1], compound)
    due = Fraction(int(meter[1]), int(meter[2])) / whole * TICKS if whole else Fraction(0)
    inner = counter.lengths[1:-1]
    lengths = tuple(Fraction(length) / TICKS * whole for length in counter.lengths)
    return BarReport(len(inner), sum(length == due for length in inner), counter.problems, lengths)


def bar_shapes(text: str) -> list[str]:
    """One string for each bar: its steps from note to note, and its rhythm.

    Two bars that differ in key, octave or accidentals only have the same shape, so that a tune copied in
    another key is still found.
    """
    music = _MUSIC.search(text)
    shapes: list[str] = []
    shape: list[str] = []
    previous: int | None = None
    for word in abc_lexer.words(music[1] if music else ""):
        note = abc_lexer.note_parts(word)
        if note is not None:
            pitch = previous if note[1] == "z" else diatonic_pitch(note[1], note[2])
            step = "z" if note[1] == "z" else str(pitch - previous if previous is not None and pitch else 0)
            shape.append(f"{step}:{note[3]}")
            previous = pitch
        elif abc_lexer.is_bar_line(word):
            if shape:
                shapes.append(" ".join(shape))
            shape, previous = [], None
        elif word not in "-\n":
            shape.append(word)
    return [*shapes, " ".join(shape)] if shape else shapes


def diatonic_pitch(letter: str, octave_marks: str) -> int:
    """Number of the white key: C is 0, D is 1, c is 7, C, (with a comma) is -7."""
    octave = letter.islower() + octave_marks.count("'") - octave_marks.count(",")
    return _PITCHES.index(letter.upper()) + 7 * octave


class CopyIndex:
    """Where each bar shape occurs in a set of tunes."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Index the bars of the given tunes."""
        self._places: dict[str, set[int]] = {}
        place = 0
        for text in texts:
            for shape in bar_shapes(text):
                self._places.setdefault(shape, set()).add(place)
                place += 1
            # A gap, so that no run goes on from one tune into the next.
            place += 1

    def longest_run(self, text: str) -> int:
        """Longest run of consecutive bars of the text that stands just so in an indexed tune."""
        longest = 0
        runs: dict[int, int] = {}
        for shape in bar_shapes(text):
            places = self._places.get(shape, set())
            runs = {place: runs.get(place - 1, 0) + 1 for place in places}
            longest = max(longest, max(runs.values(), default=0))
        return longest


def copied_bars(text: str, index: CopyIndex) -> int:
    """Longest run of consecutive bars that the text shares with one of the indexed tunes."""
    return index.longest_run(text)
