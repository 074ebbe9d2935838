r"""A rater program with a fixed musical taste: ``python -m tuiprefs.rating.simulated [--seed N] ...``.

It reads one JSON line ``{"left": ABC, "right": ABC}`` after another and answers each ``{"choice": ...}``. Its
taste is a weighted sum of features of the tune, each from 0 to 1 and explained at its own function. The
choice falls on the higher sum after logistic noise (the Bradley-Terry model); nearly equal sums are a tie.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TextIO

from tuiprefs.domains import abc_lexer
from tuiprefs.domains.abc_bars import bar_report, diatonic_pitch

TIE_WIDTH = 0.1
"""Sums that differ by less, noise included, are heard as equal."""

DEFAULT_NOISE = 0.5
"""Standard deviation of the noise, in points of the taste."""

_KEY = re.compile(r"^K:[ \t]*([A-Ga-g])", re.MULTILINE)
_MUSIC = re.compile(r"(?:^|\n)K:[^\n]*\n(.*)", re.DOTALL)


@dataclass(frozen=True)
class Tune:
    """What the features look at."""

    text: str
    tonic: str
    """Letter of the key, upper case; empty without K:."""

    letters: tuple[str, ...]
    """Letter of each note, upper case; rests are left out."""

    pitches: tuple[int, ...]
    """White key of each note: C is 0, D is 1, c is 7."""

    lengths: tuple[str, ...]
    """Length of each note as it is written."""

    bars: tuple[str, ...]
    """Each bar that holds something, as it is written."""


def read_tune(text: str) -> Tune:
    """Read whatever ``text`` holds of a tune; without a K: line it has no notes."""
    key, music = _KEY.search(text), _MUSIC.search(text)
    notes: list[tuple[str, int, str]] = []
    bars: list[str] = [""]
    for word in abc_lexer.words(music[1] if music else ""):
        parts = abc_lexer.note_parts(word)
        if abc_lexer.is_bar_line(word):
            bars.append("")
        elif not word.isspace():
            bars[-1] += word
        if parts is not None and parts[1] != "z":
            notes.append((parts[1].upper(), diatonic_pitch(parts[1], parts[2]), parts[3]))
    letters, pitches, lengths = zip(*notes, strict=True) if notes else ((), (), ())
    return Tune(
        text, key[1].upper() if key else "", letters, pitches, lengths, tuple(bar for bar in bars if bar)
    )


def full_bars(tune: Tune) -> float:
    """Share of the inner bars that fill the meter exactly."""
    return bar_report(tune.text).exact_share


def stepwise(tune: Tune) -> float:
    """Share of the moves that are seconds and thirds: neither repeated notes nor leaps."""
    moves = _moves(tune.pitches)
    return sum(1 <= abs(move) <= 2 for move in moves) / len(moves) if moves else 0.0


def singable_range(tune: Tune) -> float:
    """1 where lowest and highest note are a sixth to a twelfth apart; 0 a sixth below or above that."""
    if not tune.pitches:
        return 0.0
    span = max(tune.pitches) - min(tune.pitches)
    return max(0.0, 1 - max(5 - span, span - 11, 0) / 5)


def comes_home(tune: Tune) -> float:
    """1 where the last note is the tonic, 0.5 where it is the third or fifth above it, else 0."""
    if not tune.letters or not tune.tonic:
        return 0.0
    degree = ("CDEFGAB".index(tune.letters[-1]) - "CDEFGAB".index(tune.tonic)) % 7
    return {0: 1.0, 2: 0.5, 4: 0.5}.get(degree, 0.0)


def fresh_bars(tune: Tune) -> float:
    """Share of different bars, full at 3 in 4: tunes repeat themselves, but not all the time."""
    return min(1.0, len(set(tune.bars)) / len(tune.bars) / 0.75) if tune.bars else 0.0


def lively_rhythm(tune: Tune) -> float:
    """Entropy of the written note lengths, full at 1.5 bits."""
    counts = Counter(tune.lengths)
    total = counts.total()
    bits = -sum(n / total * math.log2(n / total) for n in counts.values())
    return min(1.0, bits / 1.5)


def good_length(tune: Tune) -> float:
    """1 at 16 bars, falling to 0 at a quarter and at four times that (in octaves of length)."""
    bars = len(tune.bars)
    return max(0.0, 1 - abs(math.log2(bars / 16)) / 2) if bars else 0.0


def high(tune: Tune) -> float:
    """Mean pitch: 0 at F above middle C or below, 1 at the e a seventh above that."""
    if not tune.pitches:
        return 0.0
    return min(1.0, max(0.0, (sum(tune.pitches) / len(tune.pitches) - 3) / 7))


def _moves(pitches: Sequence[int]) -> list[int]:
    return [after - before for before, after in pairwise(pitches)]


Weights = dict[Callable[[Tune], float], float]

TASTES: dict[str, Weights] = {
    "fiddler": {
        full_bars: 3.0,
        stepwise: 2.0,
        high: 3.0,
        comes_home: 1.0,
        fresh_bars: 2.0,
        lively_rhythm: 2.5,
        good_length: 1.0,
    },
    "singer": {
        full_bars: 3.0,
        stepwise: 4.0,
        singable_range: 1.5,
        comes_home: 1.0,
        fresh_bars: 2.0,
        lively_rhythm: 1.0,
        good_length: 1.5,
    },
}
"""Points for each feature, by the name of the taste: so many that, over tunes of one kind, four or five
features move the sum by similar amounts and none decides alone."""

DEFAULT_TASTE = "fiddler"


def taste_score(text: str, taste: str = DEFAULT_TASTE) -> float:
    """What the taste thinks of a tune: from 0 (no notes at all) to the sum of its weights."""
    tune = read_tune(text)
    return sum(weight * feature(tune) for feature, weight in TASTES[taste].items()) if tune.pitches else 0.0


def choose(
    left: str, right: str, chance: random.Random, noise: float = DEFAULT_NOISE, taste: str = DEFAULT_TASTE
) -> str:
    """left, right or tie: the tune with the higher sum, logistic noise of deviation ``noise`` included."""
    difference = taste_score(left, taste) - taste_score(right, taste) + _logistic(chance, noise)
    if abs(difference) < TIE_WIDTH:
        return "tie"
    return "left" if difference > 0 else "right"


def answer_all(questions: TextIO, answers: TextIO, chance: random.Random, noise: float, taste: str) -> None:
    """Answer every line of ``questions`` until it ends; a line that is no question ends the program."""
    for line in questions:
        try:
            question = json.loads(line)
            left, right = str(question["left"]), str(question["right"])
        except (ValueError, KeyError, TypeError):
            sys.exit(f'This is no question like {{"left": ABC, "right": ABC}}: {line[:200].strip()}')
        choice = choose(left, right, chance, noise, taste)
        print(json.dumps({"choice": choice}), file=answers, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """The program: options from the command line, questions from standard input."""
    parser = argparse.ArgumentParser(prog="python -m tuiprefs.rating.simulated", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (default %(default)s)")
    parser.add_argument(
        "--noise",
        type=float,
        default=DEFAULT_NOISE,
        metavar="SD",
        help="standard deviation of the noise, in points of the taste (default %(default)s)",
    )
    parser.add_argument("--taste", choices=sorted(TASTES), default=DEFAULT_TASTE, help="default %(default)s")
    options = parser.parse_args(arguments)
    answer_all(sys.stdin, sys.stdout, random.Random(options.seed), options.noise, options.taste)


def _logistic(chance: random.Random, deviation: float) -> float:
    """Logistic noise; its standard deviation is pi/sqrt(3) times its scale."""
    share = chance.random()
    # random() may be 0 but never 1.
    return deviation * math.sqrt(3) / math.pi * (math.log(share or 5e-324) - math.log1p(-share))


if __name__ == "__main__":
    main()
