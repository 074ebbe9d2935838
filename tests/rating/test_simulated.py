from __future__ import annotations

import io
import json
import math
import random
import subprocess
import sys

import pytest

from tuiprefs.rating import simulated
from tuiprefs.rating.command_rater import CommandRater
from tuiprefs.rating.simulated import TASTES, choose, read_tune, taste_score

HEAD = "X:1\nL:1/8\nM:4/4\nK:G\n"
# The third bar is short. Notes: G A B c d e d c | B G B d g4 | A2 F2 | G8
TUNE = HEAD + "GABcdedc|BGBdg4|A2F2|G8|]\n"


def test_what_is_read_of_a_tune() -> None:
    tune = read_tune(HEAD + "zG,2(3AB^c|[ce]'>d'|\n|: :|")
    assert tune.tonic == "G"
    assert tune.letters == ("G", "A", "B", "C", "C", "E", "D")
    assert tune.pitches == (-3, 5, 6, 7, 7, 9, 15)
    assert tune.lengths == ("2", "", "", "", "", "", "")
    assert len(tune.bars) == 2
    assert read_tune("no tune at all").pitches == ()
    assert read_tune("").bars == ()


def test_features_by_hand() -> None:
    tune = read_tune(TUNE)
    # Inner bars are the second and third; the third has 4 of 8 eighths.
    assert simulated.full_bars(tune) == 0.5
    # 15 moves: 7 seconds; c-B; B-G, G-B, B-d thirds; d-g a fourth; g-A a seventh; A-F a third; F-G a second.
    assert simulated.stepwise(tune) == pytest.approx(13 / 15)
    # F (3) to g (11): a ninth.
    assert simulated.singable_range(tune) == 1.0
    assert simulated.comes_home(tune) == 1.0
    assert simulated.fresh_bars(tune) == 1.0
    # Lengths: 12 of "", 1 of 4, 2 of 2, 1 of 8.
    bits = -(12 / 16 * math.log2(12 / 16) + 2 * (1 / 16 * math.log2(1 / 16)) + 2 / 16 * math.log2(2 / 16))
    assert simulated.lively_rhythm(tune) == pytest.approx(bits / 1.5)
    assert simulated.good_length(tune) == pytest.approx(0.0)
    # Pitches 4 5 6 7 8 9 8 7 | 6 4 6 8 11 | 5 3 | 4.
    assert simulated.high(tune) == pytest.approx((101 / 16 - 3) / 7)
    expected = 3 * 0.5 + 2 * 13 / 15 + 3 * (101 / 16 - 3) / 7 + 1 + 2 + 2.5 * bits / 1.5 + 0
    assert taste_score(TUNE) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("music", "feature", "value"),
    [
        ("G8|", "comes_home", 1.0),
        ("B8|", "comes_home", 0.5),
        ("d8|", "comes_home", 0.5),
        ("A8|", "comes_home", 0.0),
        ("GG|", "stepwise", 0.0),
        ("G2|", "stepwise", 0.0),
        ("Ce|", "singable_range", 1.0),
        ("CE|", "singable_range", 0.4),
        ("Cc'|", "singable_range", 0.4),
        ("A|A|A|A|A|A|A|A|", "fresh_bars", 1 / 8 / 0.75),
        ("A|B|A|B|", "fresh_bars", 0.5 / 0.75),
        ("A|" * 16, "good_length", 1.0),
        ("A|" * 8, "good_length", 0.5),
        ("A|" * 32, "good_length", 0.5),
        ("A|" * 100, "good_length", 0.0),
        ("CCC|", "high", 0.0),
        ("c'c'|", "high", 1.0),
        ("AB2c4d8|", "lively_rhythm", 1.0),
        ("ABcd|", "lively_rhythm", 0.0),
    ],
)
def test_single_features(music: str, feature: str, value: float) -> None:
    assert getattr(simulated, feature)(read_tune(HEAD + music)) == pytest.approx(value)


def test_scores_stay_within_the_weights() -> None:
    chance = random.Random(1)
    texts = ["", "K:", "no tune", HEAD, "K:G\n" + "z8|" * 9]
    texts += [HEAD + "".join(chance.choice("ABcdefg2/|:[]()'^,z >") for _ in range(200)) for _ in range(100)]
    for taste, weights in TASTES.items():
        scores = [taste_score(text, taste) for text in texts]
        assert scores[:5] == [0, 0, 0, 0, 0]
        assert all(0 <= score <= sum(weights.values()) for score in scores)
        assert len(set(scores)) > 50


def test_tastes_differ() -> None:
    low, high = HEAD + "CDEF|GFED|" * 8, HEAD + "cdef|gfed|" * 8
    assert taste_score(high, "fiddler") > taste_score(low, "fiddler") + 0.5
    assert taste_score(high, "singer") == pytest.approx(taste_score(low, "singer"))


def test_choices_follow_bradley_and_terry() -> None:
    better, worse = HEAD + "Bdgf|edcB|" * 8, HEAD + "Bdgf|edcB|" * 4
    difference = taste_score(better) - taste_score(worse)
    chance = random.Random(0)
    choices = [choose(better, worse, chance, noise=1.5) for _ in range(4000)]
    scale = 1.5 * math.sqrt(3) / math.pi
    left = 1 / (1 + math.exp(-(difference - simulated.TIE_WIDTH) / scale))
    right = 1 / (1 + math.exp((difference + simulated.TIE_WIDTH) / scale))
    # Four standard deviations of 4,000 draws are 0.032.
    assert choices.count("left") / 4000 == pytest.approx(left, abs=0.032)
    assert choices.count("right") / 4000 == pytest.approx(right, abs=0.032)


def test_without_noise_the_better_one_wins_and_equals_tie() -> None:
    chance = random.Random(0)
    poor = HEAD + "C8|"
    assert choose(TUNE, poor, chance, noise=0) == "left"
    assert choose(poor, TUNE, chance, noise=0) == "right"
    assert choose(TUNE, TUNE, chance, noise=0) == "tie"


def test_the_program_answers_line_by_line_and_repeats_itself() -> None:
    command = f"{sys.executable} -m tuiprefs.rating.simulated --noise 3 --taste singer --seed "
    answers = []
    for seed in (1, 1, 2):
        with CommandRater(f"{command}{seed}") as rater:
            answers.append([rater.ask(TUNE, HEAD + "C8|ABAB|", number) for number in range(40)])
    assert answers[0] == answers[1] != answers[2]
    assert {"left", "right"} <= set(answers[0])


def test_a_line_that_is_no_question_ends_it_in_one_sentence() -> None:
    answers = io.StringIO()
    good = json.dumps({"left": TUNE, "right": "", "pair": 1})
    with pytest.raises(SystemExit, match=r"This is no question like .*: nonsense"):
        simulated.answer_all(io.StringIO(f"{good}\nnonsense\n"), answers, random.Random(0), 0.0, "singer")
    assert answers.getvalue() == '{"choice": "left"}\n'


def test_it_starts_without_heavy_libraries() -> None:
    heavy = ("torch", "numpy", "sqlalchemy", "textual", "pydantic", "music21", "scipy")
    code = (
        "import sys, tuiprefs.rating.simulated as s; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
