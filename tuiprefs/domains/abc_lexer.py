"""The words of cleaned ABC: one expression that cleaner, bar counter and tokenizer share."""

import re
from fractions import Fraction
from functools import lru_cache

NOTE = r"(?:\^\^?|__?|=)?[A-Ga-gz][,']*\d*/*\d*"
"""Accidental, pitch letter (or z, a rest), octave marks, length: one note is one word."""

HEADER_LINE = r"X:\d+\n|L:1/\d+\n|M:\d+/\d+\n|K:[A-G][#b]?[a-z]*\n"
"""A whole header line of a cleaned tune, with its line end."""

BAR_LINE = r"\|\]|\|\||::|\|:|:\|\d?|\|\d?"
"""The bar lines that the cleaner leaves; a digit opens a first or second ending."""

TUPLET = r"\(\d(?::\d?(?::\d?)?)?"
BROKEN_RHYTHM = r">{1,2}|<{1,2}"

WORD = rf"{HEADER_LINE}|{BAR_LINE}|{TUPLET}|{NOTE}|{BROKEN_RHYTHM}|[\s\S]"
"""Every text is a sequence of these words: what is none of the others is a character on its own."""

_words = re.compile(WORD)
_note = re.compile(r"(\^\^?|__?|=)?([A-Ga-gz])([,']*)(\d*)(/*)(\d*)")
# Possessive, since backtracking into words that can be cut in many ways takes exponential time.
_music = re.compile(rf"(?>{BAR_LINE}|{TUPLET}|{NOTE}|{BROKEN_RHYTHM}|[-\[\]])*+")


def words(text: str) -> list[str]:
    """Split any text into words; joined together they are the text again."""
    return _words.findall(text)


def is_music(body: str) -> bool:
    """Whether a tune's body consists of nothing but known words."""
    return _music.fullmatch(body) is not None


def is_bar_line(word: str) -> bool:
    """Whether a word is a bar line (with or without the number of an ending)."""
    return word[0] in "|:" and word != ":"


@lru_cache(maxsize=4096)
def note_length(word: str) -> Fraction | None:
    """Length of a note word in units of L:, or None where the word is no note (or divides by zero)."""
    match = _note.fullmatch(word)
    return None if match is None else written_length(match[4], match[5], match[6])


def written_length(numerator: str, slashes: str, denominator: str) -> Fraction | None:
    """Value of a written length: `3/2`, `/` (a half), `//` (a quarter), or nothing (one).

    None for a denominator without a slash, a zero, or several slashes with a number.
    """
    if (denominator and len(slashes) != 1) or (denominator and int(denominator) == 0):
        return None
    length = Fraction(int(numerator) if numerator else 1)
    if slashes:
        length /= int(denominator) if denominator else 2 ** len(slashes)
    return length if length > 0 else None


def format_length(length: Fraction) -> str:
    """Write a length in the shortest way: 1 is nothing, 1/2 is `/`, 3/2 is `3/`, 3/4 is `3/4`."""
    numerator = "" if length.numerator == 1 else str(length.numerator)
    if length.denominator == 1:
        return numerator
    return f"{numerator}/{'' if length.denominator == 2 else length.denominator}"


@lru_cache(maxsize=4096)
def note_parts(word: str) -> tuple[str, str, str, str] | None:
    """Accidental, letter, octave marks and written length of a note word; None for other words."""
    match = _note.fullmatch(word)
    return None if match is None else (match[1] or "", match[2], match[3], match[4] + match[5] + match[6])
