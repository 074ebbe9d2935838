"""Degenerate repetition in a text: how well it compresses, and the longest run that repeats one pattern."""

from __future__ import annotations

import re
import zlib
from operator import eq

LONGEST_PERIOD = 40
"""Patterns up to this many characters count as one loop: some four bars of spaceless ABC."""

SHORTEST_BODY = 20
"""Below this many characters the two measures say nothing."""

# A header or comment line; a bar of one note and a repeat sign (`G:|`) is none.
_NO_MUSIC = re.compile(r"^(?:[A-Za-z]:(?![|:]).*|%.*)$", re.MULTILINE)
_SPACE = re.compile(r"\s+")


def spaceless(text: str) -> str:
    """The text without white space."""
    return _SPACE.sub("", text)


def spaceless_music(abc: str) -> str:
    """The music of a tune without white space, header lines, words and comments."""
    return spaceless(_NO_MUSIC.sub("", abc))


def compressed_size(body: str) -> int:
    """Bytes that zlib makes of ``body`` at its highest level."""
    return len(zlib.compress(body.encode("utf-8", "surrogatepass"), 9))


def longest_periodic_run(body: str, longest_period: int = LONGEST_PERIOD) -> tuple[int, int]:
    """Longest stretch in which each character equals the one ``period`` places before it.

    Returns (characters, period); the first turn of the pattern is not counted, so that text without any
    repetition has (0, 0). Of two periods with equally long runs the shorter one is named.
    """
    best, best_period = 0, 0
    for period in range(1, min(longest_period, len(body) - 1) + 1):
        if len(body) - period <= best:
            break
        # One byte a place, 1 where the text equals itself shifted: the longest block of ones is the run.
        same = bytes(map(eq, body[period:], body))
        run = max(map(len, same.split(b"\0")))
        if run > best:
            best, best_period = run, period
    return best, best_period


def repetition_fault(body: str, *, coefficient: float, exponent: float, longest_run: int) -> str | None:
    """What is degenerate about ``body`` (without white space), in words, or None.

    It compresses to fewer bytes than ``coefficient * n**exponent``, or holds a periodic run of more than
    ``longest_run`` characters. The usual figures (2.98, 0.58, 43) each fail 0.5% of 12,861 real tunes.
    """
    n = len(body)
    if n < SHORTEST_BODY:
        return None
    run, period = longest_periodic_run(body)
    if run > longest_run:
        return f"{run} characters repeat every {period}, more than {longest_run}"
    size, floor = compressed_size(body), coefficient * n**exponent
    if size < floor:
        return f"{n} characters compress to {size} bytes, fewer than {floor:.0f}"
    return None
