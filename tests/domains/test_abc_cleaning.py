import pytest

from tuiprefs import domains
from tuiprefs.domains import abc_cleaning, abc_lexer
from tuiprefs.domains.abc_cleaning import STEPS, Draft, clean

STEP = {step.name: step.apply for step in STEPS}


def apply(name: str, body: str, **fields: str) -> Draft | None:
    return STEP[name](Draft(body, **fields))


def body_after(name: str, body: str, **fields: str) -> str | None:
    draft = apply(name, body, **fields)
    return None if draft is None else draft.body


def test_whole_tune() -> None:
    dirty = (
        "X: 17\nT: The Test Reel\nM: C|\nL: 1/16\nZ: somebody\nK: E Minor % one sharp\n%%MIDI program 40\n"
        '|: "Em"E4 (B2A2) {c}~B4 .d2v!trill!e2 | e4 [E2G2]d2 \\\n e4 d2B2 :|\n'
        "|: (3A2B2A2 G4-G4 F>>E z2 | [1 E16 :|[2 E8 e8 |]\n% the end\n\nX:18\nT: another\n"
    )
    assert clean(dirty).text == (
        "X:1\nL:1/8\nM:2/2\nK:Em\n|:E2BAB2de|e2[EG]de2dB::(3ABAG2-G2F/>>E/z|1E8:|2E4e4|]\n"
    )


def test_comments_and_directives() -> None:
    assert body_after("comments", "%%abc-include secret\nAB%c\nd") == "\nAB\nd"


def test_headers_are_reduced() -> None:
    draft = apply("headers", "X:1\nT:a\nM: 6/8\nL:1/8\nR:jig\nK: G\nABc\nw: words\ndef\n\nnot music\n")
    assert draft == Draft("ABc\ndef", meter="6/8", key="G", unit="1/8")


@pytest.mark.parametrize("field", ["K:D", "M:3/4", "L:1/4", "V:2"])
def test_changes_between_lines_reject(field: str) -> None:
    assert apply("headers", f"X:1\nM:6/8\nK:G\nABc\n{field}\ndef\n") is None


def test_line_that_begins_with_a_repeat_is_music() -> None:
    draft = apply("headers", "X:1\nM:6/8\nK:G\nABc\nd:|\ne::f\n")
    assert draft is not None
    assert draft.body == "ABc\nd:|\ne::f"


def test_inline_changes() -> None:
    assert apply("inline-changes", "AB[K:D]c") is None
    assert body_after("inline-changes", "AB[P:A]c[1d") == "ABc[1d"


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [("C", "4/4"), ("C|", "2/2"), ("6/8", "6/8"), ("none", None), ("", None), ("0/4", None), ("4/5", None)],
)
def test_meter(written: str, cleaned: str | None) -> None:
    draft = apply("meter", "A", meter=written)
    assert (draft.meter if draft else None) == cleaned


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("G", "G"),
        ("E Minor", "Em"),
        ("A Mixolydian", "Amix"),
        ("F#m", "F#m"),
        ("Bb", "Bb"),
        ("DMix", "Dmix"),
        ("EM", "E"),
        ("Hp", None),
        ("Bn", None),
        ("Dmix=c", None),
        ("", None),
    ],
)
def test_key(written: str, cleaned: str | None) -> None:
    draft = apply("key", "A", key=written)
    assert (draft.key if draft else None) == cleaned


def test_annotations_grace_notes_spaces_decorations_slurs() -> None:
    assert body_after("annotations", '"Am"A!trill!B+fermata+c') == "ABc"
    assert body_after("grace-notes", "{gf}A{/c}B") == "AB"
    assert body_after("spaces", "A B\\\n c`` d y*") == "ABcd"
    assert body_after("decorations", "~A.BuvcTd") == "ABcd"
    assert body_after("slurs", "(AB)(3(cde)") == "AB(3cde"


def test_chord_lengths_move_to_the_notes() -> None:
    assert body_after("chords", "[GB]2[D/F]2[1AB") == "[G2B2][DF2][1AB"
    assert apply("chords", "[GB]/0") is None


@pytest.mark.parametrize(
    ("unit", "meter", "written", "cleaned"),
    [
        ("1/16", "2/4", "A2B4c3z/^d", "AB2c3/z/4^d/"),
        ("1/4", "3/4", "AB/c3/2d//", "A2Bc3d/"),
        ("1/8", "6/8", "A3/2B1", "A3/B"),
        ("", "6/8", "A2", "A2"),
        ("", "2/4", "A2", "A"),
        ("1/8", "4/4", "A/0", None),
        ("1/8", "4/4", "A25", None),
        ("1/3", "4/4", "A", None),
    ],
)
def test_lengths(unit: str, meter: str, written: str, cleaned: str | None) -> None:
    assert body_after("lengths", written, meter=meter, unit=unit) == cleaned


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("|AB|cd|]", "AB|cd|]"),
        ("|:AB:||:cd:|", "|:AB::cd:|"),
        ("AB::cd", "AB::cd|]"),
        ("AB:|:cd||", "AB::cd|]"),
        ("AB|1cd:|2ef|", "AB|1cd:|2ef|]"),
        ("AB[1cd:|[2ef||", "AB|1cd:|2ef|]"),
        ("AB|[1cd:|][2ef:|", "AB|1cd:|2ef:|"),
        ("AB|]cd[|ef", "AB||cd||ef|]"),
        ("||AB|:cd:|:", "AB|:cd:|"),
        ("[GB]A[Ac]|", "[GB]A[Ac]|]"),
    ],
)
def test_bar_lines(written: str, cleaned: str) -> None:
    assert body_after("bar-lines", written) == cleaned


def test_open_repeats_are_closed() -> None:
    assert body_after("open-repeats", "A|:B|c|]") == "A|:B|c:|"
    assert body_after("open-repeats", "A|:B:|c|]") == "A|:B:|c|]"
    assert body_after("open-repeats", "A|b|]") == "A|b|]"


def test_ties_join_one_pitch() -> None:
    assert body_after("false-ties", "A-AB-cd-|dz-z") == "A-ABcd-|dzz"


@pytest.mark.parametrize("body", ["AB$c", "A&B", "Aé", "AB:c", '"A', "A 2"])
def test_unlexable(body: str) -> None:
    assert apply("unlexable", body) is None


def test_lexable() -> None:
    assert body_after("unlexable", "|:^A3/2>=b'-b'[G,2B]z::(3:2:4abcd|1e:|2f|]") is not None


def test_is_music_takes_linear_time() -> None:
    assert not abc_lexer.is_music("A" * 5000 + "$")


def test_long_tune_is_cut_at_a_part_end_and_repeats_stay_balanced() -> None:
    bar = "GABc|"
    draft = Draft("|:" + bar * 30 + "G2:|" + bar * 30 + "G2|]", meter="2/4", key="G")
    cut = STEP["over-long"](draft)
    assert cut is not None
    assert cut.body == "|:" + bar * 30 + "G2:|"
    no_parts = STEP["over-long"](Draft("|:" + bar * 80 + "G2:|", meter="2/4", key="G"))
    assert no_parts is not None
    assert no_parts.body.startswith("|:GABc|")
    assert no_parts.body.endswith("GABc:|")
    assert len(abc_lexer.words(no_parts.text())) <= abc_cleaning.LARGEST_WORDS


def test_short_tune_is_not_cut() -> None:
    draft = Draft("GABc|dedc|]", meter="2/4", key="G")
    assert STEP["over-long"](draft) is draft


def test_faulty_bars() -> None:
    good = Draft("GABc|" * 8 + "G4|]", meter="2/4", key="G")
    bad = Draft("GABc|GAB|" * 8 + "G4|]", meter="2/4", key="G")
    assert STEP["faulty-bars"](good) is good
    assert STEP["faulty-bars"](bad) is None


def test_rejection_names_the_step() -> None:
    assert clean("X:1\nM:C\nK:Hp\nABc def\n").rejected_by == "key"
    assert clean("no tune at all").rejected_by == "headers"
    assert clean("X:1\nM:C\nL:1/8\nK:G\nABcd|\n").rejected_by == "too-short"


def test_cleaning_twice_changes_nothing() -> None:
    tune = "X:9\nM:C\nL:1/16\nK:A Dorian\n|:" + "A2B2c2d2 e2d2c2B2|" * 6 + "[1A16:|[2A8 A8||\n"
    once = clean(tune).text
    assert once is not None
    assert clean(once).text == once


def test_step_names_are_unique() -> None:
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)


def test_domain_cleans_with_these_steps() -> None:
    assert domains.get("abc").clean("nothing").rejected_by == "headers"
