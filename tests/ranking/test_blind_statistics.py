"""Golden values come from the essay's blind test, from exact fractions, and from simulation."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb

import pytest

from tuiprefs.ranking.blind_statistics import binomial_p_value, e_value, verdict, wilson_interval


def exact_p(wins: int, losses: int) -> Fraction:
    n, low = wins + losses, min(wins, losses)
    if wins == losses:
        return Fraction(1)
    return min(Fraction(1), 2 * Fraction(sum(comb(n, k) for k in range(low + 1)), 2**n))


def test_the_essays_93_of_210() -> None:
    low, high = wilson_interval(93, 117)
    assert (round(low, 3), round(high, 3)) == (0.377, 0.510)
    assert binomial_p_value(93, 117) == pytest.approx(0.11, abs=0.005)


def test_wilson_by_hand() -> None:
    # 5 of 10 at z = 1.959964: centre 1/2, half width z/(1+z²/n)·sqrt(1/40+z²/400) = 0.26340.
    assert wilson_interval(5, 5) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    # 0 of 10: the upper end is z²/(n+z²).
    assert wilson_interval(0, 10) == pytest.approx((0.0, 3.841459 / 13.841459), abs=1e-6)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_ties_count_half() -> None:
    assert wilson_interval(40, 20, 40) == pytest.approx(wilson_interval(60, 40))


def test_a_higher_level_is_wider() -> None:
    narrow, wide = wilson_interval(30, 20, level=0.5), wilson_interval(30, 20, level=0.99)
    assert wide[0] < narrow[0] < 0.6 < narrow[1] < wide[1]


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (0, 6), (5, 5), (14, 5), (93, 117), (600, 700)])
def test_p_value_is_the_exact_fraction(wins: int, losses: int) -> None:
    assert binomial_p_value(wins, losses) == pytest.approx(float(exact_p(wins, losses)), rel=1e-9)


def test_e_value_by_hand() -> None:
    # One pair says nothing: the mixture is symmetric.
    assert e_value(1, 0) == pytest.approx(1.0)
    # Two wins: 4 * B(12, 10)/B(10, 10) = 4 * (10*11)/(20*21).
    assert e_value(2, 0) == pytest.approx(4 * 110 / 420)
    assert e_value(1, 1) == pytest.approx(4 * 100 / 420)
    assert e_value(7, 3) == pytest.approx(e_value(3, 7))
    assert e_value(100_000, 0) > 1e100


def test_e_value_is_a_martingale_of_a_fair_coin() -> None:
    for wins, losses in ((0, 0), (3, 8), (40, 41)):
        mean = (e_value(wins + 1, losses) + e_value(wins, losses + 1)) / 2
        assert mean == pytest.approx(e_value(wins, losses))


def test_looking_after_every_pair_stays_honest() -> None:
    """Of 400 tests of equal things, watched over 300 pairs, fewer than 5% may ever reach 20."""
    chance = random.Random(1)
    false = 0
    for _ in range(400):
        wins = 0
        for n in range(1, 301):
            wins += chance.random() < 0.5
            if e_value(wins, n - wins) >= 20:
                false += 1
                break
    assert false <= 20


def test_verdicts_in_words() -> None:
    essay = verdict(93, 117, name_a="new", name_b="old")
    assert essay.better is None
    assert essay.sentence == (
        "No difference is shown: new won 93 of 210 (44%, 95% interval 38% to 51%); p = 0.11."
    )
    clear = verdict(30, 90, 10, name_a="old", name_b="new")
    assert clear.better == "b"
    assert clear.sentence.startswith(
        "new is better: new won 90 of 130 and 10 were equal (73%, 95% interval 65%"
    )
    assert clear.sentence.endswith("p < 0.001.")
    assert verdict(90, 30).better == "a"
    assert "won 2 of 4 and 1 was equal (62%" in verdict(2, 1, 1).sentence


def test_an_unfinished_test_asks_for_more_evidence() -> None:
    """65 of 100 is p = 0.004 at a fixed number, yet its e-value has not reached 20."""
    assert verdict(65, 35).better == "a"
    unfinished = verdict(65, 35, complete=False)
    assert unfinished.better is None
    assert unfinished.sentence.startswith("Undecided so far: A won 65 of 100")
    assert verdict(75, 25, complete=False).better == "a"


def test_nothing_judged_is_no_error() -> None:
    nothing = verdict(0, 0)
    assert (nothing.better, nothing.interval, nothing.p_value) == (None, (0.0, 1.0), 1.0)
    assert nothing.sentence == "Nothing has been judged yet."
    assert verdict(0, 0, 5).better is None
