from __future__ import annotations

import random
import zlib

import pytest

from tuiprefs.rating.repetition import (
    compressed_size,
    longest_periodic_run,
    repetition_fault,
    spaceless_music,
)

USUAL = {"coefficient": 2.98, "exponent": 0.58, "longest_run": 43}
REEL = (
    "G2BGDGBG|FADFADFA|G2BGDGBd|ecAFG2GA|BdgdBdgd|cegecege|fafdfafd|gbagedBA|"
    "GABcdedB|cABGAGEG|DGBdgdBd|edcBAGFE|D2FAdAFA|Bcdefgaf|gfgabagf|edcAG4|]"
)


def naive_run(body: str, longest_period: int) -> tuple[int, int]:
    best = (0, 0)
    for period in range(1, longest_period + 1):
        run = 0
        for place in range(period, len(body)):
            run = run + 1 if body[place] == body[place - period] else 0
            if run > best[0]:
                best = (run, period)
    return best


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", (0, 0)),
        ("a", (0, 0)),
        ("abcdef", (0, 0)),
        ("aaaa", (3, 1)),
        ("xabababy", (4, 2)),
        ("abcdabcdabcd", (8, 4)),
        # The tail of a loop that is cut short still belongs to it.
        ("abcdabcdab", (6, 4)),
    ],
)
def test_longest_run_by_hand(body: str, expected: tuple[int, int]) -> None:
    assert longest_periodic_run(body) == expected


def test_longest_run_equals_the_plain_loop() -> None:
    chance = random.Random(3)
    for _ in range(60):
        body = "".join(chance.choice("abc") for _ in range(chance.randrange(0, 120)))
        loop = "".join(chance.choice("abcd") for _ in range(chance.randrange(1, 50)))
        body += loop * chance.randrange(1, 4)
        assert longest_periodic_run(body) == naive_run(body, 40)


def test_a_period_beyond_the_limit_is_no_loop() -> None:
    pattern = "".join(chr(0x100 + number) for number in range(41))
    assert longest_periodic_run(pattern * 3) == (0, 0)
    assert longest_periodic_run(pattern * 3, longest_period=41) == (82, 41)


def test_a_real_tune_passes_and_loops_fail() -> None:
    assert repetition_fault(REEL, **USUAL) is None
    for loop in ("c/", "|G2BGDGBG", "|G2BGDGBG|FADFADFA", REEL[:36]):
        fault = repetition_fault(loop * (300 // len(loop) + 1), **USUAL)
        assert fault is not None
        assert f"repeat every {len(loop)}," in fault
    assert repetition_fault(REEL[:60] + "g/a/" * 40, **USUAL) is not None


def test_the_zlib_floor_decides_alone() -> None:
    n = len(REEL)
    size = compressed_size(REEL)
    assert size == len(zlib.compress(REEL.encode(), 9))
    below = (size - 0.5) / n**0.58
    above = (size + 0.5) / n**0.58
    assert repetition_fault(REEL, coefficient=below, exponent=0.58, longest_run=43) is None
    fault = repetition_fault(REEL, coefficient=above, exponent=0.58, longest_run=43)
    assert fault is not None
    assert fault.startswith(f"{n} characters compress to {size} bytes")


def test_the_run_limit_is_the_last_length_allowed() -> None:
    body = "abcdefghijklmnopqrstuvwxyz" + "Z" * 44
    assert longest_periodic_run(body) == (43, 1)
    assert repetition_fault(body, coefficient=0, exponent=0.58, longest_run=43) is None
    assert repetition_fault(body, coefficient=0, exponent=0.58, longest_run=42) is not None


def test_short_bodies_are_left_alone() -> None:
    assert repetition_fault("a" * 19, coefficient=99, exponent=1, longest_run=1) is None
    assert repetition_fault("a" * 20, coefficient=0, exponent=0, longest_run=1) is not None


def test_headers_words_and_comments_are_no_music() -> None:
    abc = "X:1\nT:A|B\nK:G\n% a comment\nG2 B2|\nw:la la\nG:|\nd2 |]\n"
    assert spaceless_music(abc) == "G2B2|G:|d2|]"


def test_a_text_of_nothing_but_one_character_is_one_run() -> None:
    assert longest_periodic_run("z" * 100_000) == (99_999, 1)
