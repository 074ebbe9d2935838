from fractions import Fraction

import pytest

from tuiprefs.domains.abc_bars import CopyIndex, bar_report, bar_shapes, copied_bars, diatonic_pitch


def tune(body: str, meter: str = "4/4", key: str = "G") -> str:
    return f"X:1\nL:1/8\nM:{meter}\nK:{key}\n{body}\n"


@pytest.mark.parametrize(
    ("bar", "meter", "eighths"),
    [
        ("GABc dedB".replace(" ", ""), "4/4", 8),
        ("G3/A/B>cd<e", "4/4", 6),
        ("G>>A", "4/4", 2),
        ("(3GABc2", "2/4", 4),
        ("(3G2A2B2", "2/4", 4),
        ("(2GA", "6/8", 3),
        ("(4GABc", "6/8", 3),
        ("(5GABcd", "6/8", 3),
        ("(5GABcd", "4/4", 2),
        ("(3:2:4GA/B/c", "4/4", 2),
        ("[G2B2]A", "4/4", 3),
        ("G2-G2z4", "4/4", 8),
        ("G/4A/4B/c", "2/4", 2),
    ],
)
def test_length_of_a_bar(bar: str, meter: str, eighths: int) -> None:
    report = bar_report(tune(f"{bar}|]", meter))
    assert report.problems == 0
    assert report.bar_lengths == (Fraction(eighths, 8),)


def test_broken_rhythm_keeps_the_sum_of_a_pair_and_dots_its_notes() -> None:
    report = bar_report(tune("G>|A|]"))
    assert report.problems == 1
    assert bar_report(tune("G2>A|]")).problems == 1
    assert bar_report(tune(">A|]")).problems == 1


def test_first_and_last_bars_do_not_count() -> None:
    report = bar_report(tune("G|GABcdedB|GABcdedB|GABcded|G2|]"))
    assert (report.inner_bars, report.exact_bars) == (3, 2)
    assert report.exact_share == pytest.approx(2 / 3)


def test_bar_lines_of_every_kind_divide_bars() -> None:
    report = bar_report(tune("A8|1A8:|2A8::A8|:A8||A8:|A8|]"))
    assert len(report.bar_lengths) == 7
    assert report.exact_bars == 5


def test_meter_and_unit_are_read_from_the_tune() -> None:
    assert bar_report("X:1\nL:1/4\nM:3/4\nK:G\nG|GAB|GA|G|]\n").exact_bars == 1
    assert bar_report(tune("G|GAB|G2AB|G|]", "3/8")).exact_bars == 1


@pytest.mark.parametrize("text", ["", "no header", "X:1\nK:G\nABc|", "X:1\nM:4/0\nK:G\nABc|"])
def test_without_a_meter_nothing_is_exact(text: str) -> None:
    report = bar_report(text)
    assert (report.inner_bars, report.exact_bars, report.exact_share) == (0, 0, 0.0)


@pytest.mark.parametrize("body", ["(3AB|c", "[AB|c]", "A]B", "A?B", "(3A(3BcdA", "A>|"])
def test_problems_are_counted(body: str) -> None:
    assert bar_report(tune(f"{body}|]")).problems >= 1


def test_shapes_forget_key_and_accidentals_but_keep_steps_and_rhythm() -> None:
    in_g = bar_shapes(tune("GA2B|d2=fz|]", key="G"))
    in_a = bar_shapes(tune("AB2c|e2gz|]", key="A"))
    assert in_g == in_a
    assert bar_shapes(tune("GA2c|]")) != bar_shapes(tune("GA2B|]"))
    assert bar_shapes(tune("GA2B|]")) != bar_shapes(tune("GAB|]"))


def test_diatonic_pitch() -> None:
    assert [diatonic_pitch(*note) for note in (("C", ""), ("D", ""), ("c", ""), ("C", ","), ("c", "'"))] == [
        0,
        1,
        7,
        -7,
        14,
    ]


def test_longest_run_of_copied_bars() -> None:
    first = "|".join(["GABc", "dedB", "c2A2", "G4"])
    second = "|".join(["E2e2", "fgaf", "e2d2", "B4"])
    index = CopyIndex([tune(first), tune(second)])
    assert copied_bars(tune(first), index) == 4
    # Two bars of the first and two of the second: no run goes from one tune into the next.
    assert copied_bars(tune("|".join(["c2A2", "G4", "E2e2", "fgaf"])), index) == 2
    assert copied_bars(tune("ABcd|efge|]", key="A"), index) == 1 + (
        bar_shapes(tune("efge")) == bar_shapes(tune("dedB"))
    )
    assert copied_bars(tune("z8|z8"), index) == 0
    assert copied_bars("", index) == 0
