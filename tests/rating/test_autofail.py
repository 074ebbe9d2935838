from __future__ import annotations

from pathlib import Path

import pytest

from tests.rating.helpers import FakeCompiled, FakeCompiler, broken_tune, fill, make_tune
from tuiprefs.domains import get
from tuiprefs.music.render import Renderer
from tuiprefs.music.render_settings import RenderSettings
from tuiprefs.project.assets import asset
from tuiprefs.project.settings import AutofailSettings
from tuiprefs.rating.autofail import RULES, AutoFail, Verdict, judge_unchecked, with_verdicts
from tuiprefs.rating.blacklist import Blacklist, load_blacklist
from tuiprefs.store.database import Store
from tuiprefs.store.samples import get_samples, list_samples, set_verdict

TUNE = make_tune(1)


def judge(result: FakeCompiled, text: str = TUNE, **settings: float) -> Verdict:
    compiler = FakeCompiler()
    compiler.results["X:"] = result
    return AutoFail(get("abc"), AutofailSettings(**settings), compiler, Blacklist()).judge(text)


def test_a_sound_tune_is_ok() -> None:
    assert judge(FakeCompiled()) == Verdict("ok", None, None)


@pytest.mark.parametrize(
    ("result", "rule", "detail"),
    [
        (
            FakeCompiled("compile-failed", ("Error: no  K: field",)),
            "does-not-compile",
            "no MIDI of it: Error: no K: field",
        ),
        (FakeCompiled(errors=("Error a", "Error b")), "too-many-errors", "2 compiler errors"),
        (FakeCompiled("render-timeout"), "render-timeout", "too long"),
        (FakeCompiled("render-crashed"), "render-crashed", "crashed"),
        (FakeCompiled(sounding_seconds=5.5), "too-short", "5.50 s of sound, less than 5.57 s"),
    ],
)
def test_each_outcome_has_its_rule(result: FakeCompiled, rule: str, detail: str) -> None:
    verdict = judge(result)
    assert (verdict.verdict, verdict.rule) == ("broken", rule)
    assert detail in (verdict.detail or "")
    assert rule in RULES


def test_the_first_rule_in_order_names_the_verdict() -> None:
    loop = broken_tune(1)
    assert judge(FakeCompiled(), loop).rule == "repetition"
    assert judge(FakeCompiled(sounding_seconds=1), loop).rule == "too-short"
    assert judge(FakeCompiled("compile-failed", ("Error",) * 9, sounding_seconds=0), loop).rule == RULES[1]


def test_a_text_that_is_no_music_is_not_compiled() -> None:
    compiler = FakeCompiler()
    autofail = AutoFail(get("abc"), AutofailSettings(), compiler, Blacklist())
    verdict = autofail.judge("Once upon a time there was a text that held no music whatsoever.")
    assert verdict.rule == "not-abc"
    assert compiler.asked == []


def test_the_compiler_gets_what_the_domain_makes_of_the_text() -> None:
    compiler = FakeCompiler()
    text = TUNE.replace("X:1\n", "X:1\n%%abc-include /etc/passwd\n")
    AutoFail(get("abc"), AutofailSettings(), compiler, Blacklist()).judge(text)
    assert len(compiler.asked) == 1
    assert "abc-include" not in compiler.asked[0]


def test_errors_are_allowed_per_hundred_characters() -> None:
    # 12 bars of 8 letters, 11 lines between them and two characters at the end: 109.
    two = FakeCompiled(errors=("Error", "Error"))
    assert judge(two, max_errors=1.8).rule == "too-many-errors"
    assert judge(two, max_errors=1.9).rule is None


def test_the_playing_speed_makes_no_tune_too_short() -> None:
    fast = FakeCompiled(sounding_seconds=4.0, settings=RenderSettings(speed=1.5))
    assert judge(fast).rule is None
    assert judge(fast, minimum_seconds=6.1).rule == "too-short"


def test_every_setting_matters() -> None:
    assert judge(FakeCompiled(), minimum_characters=len(TUNE.strip())).rule is None
    assert judge(FakeCompiled(), minimum_characters=len(TUNE.strip()) + 1).rule == "too-short"
    loop = broken_tune(1)
    assert judge(FakeCompiled(), loop, repetition=False).rule is None
    assert judge(FakeCompiled(), loop, longest_run=500, zlib_coefficient=0).rule is None
    assert judge(FakeCompiled(), loop, longest_run=500).rule == "repetition"
    assert judge(FakeCompiled(), zlib_exponent=1).rule == "repetition"


def test_the_blacklist_sees_the_tune_and_its_music_without_spaces(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("ABcAB\nT:Bad\n")
    compiler, patterns = FakeCompiler(), load_blacklist(path)
    autofail = AutoFail(get("abc"), AutofailSettings(), compiler, patterns)
    spaced = TUNE.replace("|]", "|AB cAB|]")
    assert autofail.judge(spaced) == Verdict("broken", "blacklist", "ABcAB")
    assert autofail.judge(TUNE.replace("M:", "T:Bad\nM:")).rule == "blacklist"
    off = AutoFail(get("abc"), AutofailSettings(blacklist=False), compiler, patterns)
    assert off.judge(spaced).rule is None


def test_text_has_the_text_rules_only(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("forbidden\n")
    autofail = AutoFail(get("text"), AutofailSettings(), None, load_blacklist(path))
    poem = "I: wandered lonely as a cloud\nThat floats on high o'er vales and hills,\n"
    assert autofail.judge(poem).rule is None
    assert autofail.judge("  \n").rule == "not-text"
    assert autofail.judge("Too short to be compared").rule == "too-short"
    assert autofail.judge("the same words " * 20).rule == "repetition"
    assert autofail.judge(poem + "a forbidden word").rule == "blacklist"
    # Words that meet only when their spaces are taken away are not the pattern.
    assert autofail.judge(poem + "for bidden").rule is None


def test_sound_needs_a_renderer() -> None:
    with pytest.raises(ValueError, match="renderer"):
        AutoFail(get("abc"), AutofailSettings(), None, Blacklist())


def test_unchecked_samples_are_judged_once_and_stored(
    store: Store, autofail: AutoFail, compiler: FakeCompiler
) -> None:
    ids = fill(store, 300, broken=5)
    set_verdict(store, ids[0], "broken", "blacklist", "by hand")
    seen: list[tuple[int, int]] = []
    counts = judge_unchecked(store, autofail, on_progress=lambda done, total: seen.append((done, total)))
    assert counts == {"ok": 299, "repetition": 5}
    assert len(compiler.asked) == 304
    assert seen[-1] == (304, 304)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert list_samples(store, verdict="unchecked") == []
    broken = {sample.id: sample.rule for sample in list_samples(store, verdict="broken")}
    assert broken == {ids[0]: "blacklist", **dict.fromkeys(ids[-5:], "repetition")}
    assert judge_unchecked(store, autofail) == {}
    assert len(compiler.asked) == 304


def test_with_verdicts_keeps_order_and_repeats(store: Store, autofail: AutoFail) -> None:
    first, second = fill(store, 1, broken=1)
    samples = get_samples(store, [second, first, second])
    judged = with_verdicts(store, autofail, samples)
    assert [sample.id for sample in judged] == [second, first, second]
    assert [sample.verdict for sample in judged] == ["broken", "ok", "broken"]
    assert [sample.verdict for sample in get_samples(store, [first, second])] == ["ok", "broken"]


@pytest.mark.e2e
def test_with_the_real_compiler(tmp_path: Path) -> None:
    renderer = Renderer(tmp_path / "cache")
    patterns = load_blacklist(asset("blacklist.txt"))
    autofail = AutoFail(get("abc"), AutofailSettings(), renderer, patterns)
    verdicts = {
        "jig": autofail.judge(
            "X:1\nL:1/8\nM:6/8\nK:D\nA|dfed2B|AFDE2D|FAdfed|ecAA2f|gfefdB|AFDE2A|dcBAGF|E3D2:|\n"
        ),
        "short": autofail.judge("X:1\nL:1/8\nM:6/8\nK:D\nA|dfed2B|AFDE2D|FAdfed|]\n"),
        "loop": autofail.judge(f"X:1\nL:1/8\nM:4/4\nK:C\n{'c/d/' * 60}|]\n"),
        "blacklisted": autofail.judge(make_tune(3).replace("|]", "|gggggg|gggggg|]")),
        "bad repeats": autofail.judge(make_tune(3).replace("|]", ":|1a4:|3b4::|[2c4|]")),
    }
    assert {name: verdict.rule for name, verdict in verdicts.items()} == {
        "jig": None,
        "short": "too-short",
        "loop": "repetition",
        "blacklisted": "blacklist",
        "bad repeats": "too-many-errors",
    }
