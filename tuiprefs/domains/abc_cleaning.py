"""Cleaning a tune in ABC notation, as an ordered tuple of named steps.

A cleaned tune is five lines: `X:1`, `L:1/8`, `M:`, `K:` and the whole music on one line without spaces.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from tuiprefs.domains import abc_lexer
from tuiprefs.domains.abc_bars import bar_report
from tuiprefs.domains.protocol import MINIMUM_CHARACTERS, Cleaned

UNIT = Fraction(1, 8)
"""Every cleaned tune is written in eighth notes."""

LONGEST_NOTE = 24
"""Longest note in eighths, three whole notes: a longer one is a typing error."""

LARGEST_WORDS = 248
"""Longest tune in words, both header and music: with the two ends it fits 256 positions of a model even when
a few rare words are spelt in characters."""

SMALLEST_EXACT_SHARE = 0.78
"""Share of inner bars that must fill the meter exactly. Printed tunes lose two bars in sixteen to the
upbeats of their two parts, so a sound tune stays above this."""

MODES = {
    "": "",
    "maj": "",
    "major": "",
    "ion": "",
    "ionian": "",
    "m": "m",
    "min": "m",
    "minor": "m",
    "aeo": "m",
    "aeolian": "m",
    "dor": "dor",
    "dorian": "dor",
    "mix": "mix",
    "mixolydian": "mix",
    "lyd": "lyd",
    "lydian": "lyd",
    "phr": "phr",
    "phrygian": "phr",
    "loc": "loc",
    "locrian": "loc",
}

_FIELD_LINE = re.compile(r"([A-Za-z]):(?![|:])(.*)")
_CHANGING_FIELDS = frozenset("KLMVUmX")
_CHORD = re.compile(r"\[([^\]\[|:\d][^\]\[|:]*)\](\d*)(/*)(\d*)")
_LONG_NOTE = re.compile(r"((?:\^\^?|__?|=)?[A-Ga-gxz][,']*)(\d*)(/*)(\d*)")
_BAR_RUN = re.compile(r"(?:\|\]|\[\||\||:)+(?:\[?(\d))?|\[(\d)")


@dataclass(frozen=True)
class Draft:
    """A tune on its way through the steps."""

    body: str
    """The whole tune before the headers are read, the music alone afterwards."""

    meter: str = ""
    """Value of the M: field."""

    key: str = ""
    """Value of the K: field."""

    unit: str = ""
    """Value of the L: field; empty when the tune has none."""

    def text(self) -> str:
        """The tune in its cleaned form."""
        return f"X:1\nL:1/8\nM:{self.meter}\nK:{self.key}\n{self.body}\n"


class Step(NamedTuple):
    """One named step of cleaning."""

    name: str
    apply: Callable[[Draft], Draft | None]
    """Returns the draft changed, or None to reject the tune."""


def drop_comments(draft: Draft) -> Draft:
    """Drop comments and `%%` directives."""
    return replace(draft, body=re.sub(r"%[^\n]*", "", draft.body))


def read_headers(draft: Draft) -> Draft | None:
    """Keep the fields M, K and L, drop all others; the music ends at the first blank line after K:."""
    fields: dict[str, str] = {}
    music: list[str] = []
    for line in draft.body.splitlines():
        match = _FIELD_LINE.match(line.strip())
        if "K" not in fields:
            if match:
                fields.setdefault(match[1], match[2].strip())
        elif not line.strip():
            if music:
                break
        elif match is None:
            music.append(line)
        elif match[1] in _CHANGING_FIELDS:
            return None
    if "K" not in fields or not music:
        return None
    return Draft("\n".join(music), fields.get("M", ""), fields["K"], fields.get("L", ""))


def reject_inline_changes(draft: Draft) -> Draft | None:
    """Reject tunes that change key, meter, unit or voice inside a line; drop other inline fields."""
    if re.search(r"\[[KLMV]:", draft.body):
        return None
    return replace(draft, body=re.sub(r"\[[A-Za-z]:[^\]]*\]", "", draft.body))


def normalise_meter(draft: Draft) -> Draft | None:
    """Write common time as 4/4 and cut time as 2/2; reject free or odd meters."""
    meter = {"C": "4/4", "C|": "2/2"}.get(draft.meter, draft.meter)
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})", meter)
    if match is None or int(match[1]) == 0 or int(match[2]) not in (1, 2, 4, 8, 16):
        return None
    return replace(draft, meter=meter)


def normalise_key(draft: Draft) -> Draft | None:
    """Write the mode in one way (`E Minor` is `Em`); reject what is no tonic with a mode."""
    match = re.fullmatch(r"([A-G][#b]?)\s*([A-Za-z]*)", draft.key)
    # A lone capital M is major where m is minor.
    mode = None if match is None else "" if match[2] == "M" else MODES.get(match[2].lower())
    return None if match is None or mode is None else replace(draft, key=match[1] + mode)


def drop_annotations(draft: Draft) -> Draft:
    """Drop chord symbols and texts in quotes, and named decorations between exclamation marks."""
    return replace(draft, body=re.sub(r'"[^"]*"|![^!\n]*!|\+[a-z]+\+', "", draft.body))


def drop_grace_notes(draft: Draft) -> Draft:
    """Drop grace notes in braces."""
    return replace(draft, body=re.sub(r"\{[^}]*\}", "", draft.body))


def drop_spaces(draft: Draft) -> Draft:
    """Drop spaces, line ends, continuation marks and the typesetter's spacers."""
    return replace(draft, body=re.sub(r"[\s\\`*]+|y", "", draft.body))


def drop_decorations(draft: Draft) -> Draft:
    """Drop decorations written as one character, such as `~`, `.`, `u`, `v` or `T`."""
    return replace(draft, body=re.sub(r"[~.H-Wh-w]", "", draft.body))


def drop_slurs(draft: Draft) -> Draft:
    """Drop slurs; a parenthesis before a digit is a tuplet and stays."""
    return replace(draft, body=re.sub(r"\((?!\d)|\)", "", draft.body))


def multiply_chords(draft: Draft) -> Draft | None:
    """Move a length after a chord to the notes in it: `[GB]2` is `[G2B2]`."""
    bad = False

    def rewrite(match: re.Match[str]) -> str:
        nonlocal bad
        factor = abc_lexer.written_length(match[2], match[3], match[4])
        inside = None if factor is None else _scale_notes(match[1], factor)
        bad = bad or inside is None
        return f"[{inside}]"

    body = _CHORD.sub(rewrite, draft.body)
    return None if bad else replace(draft, body=body)


def normalise_lengths(draft: Draft) -> Draft | None:
    """Write every length in eighth notes; without an L: field the meter tells the unit (ABC standard 2.1)."""
    if draft.unit:
        match = re.fullmatch(r"1/(1|2|4|8|16|32)", draft.unit)
        if match is None:
            return None
        unit = Fraction(1, int(match[1]))
    else:
        unit = Fraction(1, 8) if Fraction(draft.meter) >= Fraction(3, 4) else Fraction(1, 16)
    body = _scale_notes(draft.body, unit / UNIT)
    return None if body is None else replace(draft, body=body, unit="1/8")


def _scale_notes(music: str, factor: Fraction) -> str | None:
    bad = False

    def rewrite(match: re.Match[str]) -> str:
        nonlocal bad
        length = _scale_length(match[2], match[3], match[4], factor)
        bad = bad or length is None
        return f"{match[1].replace('x', 'z')}{length}"

    scaled = _LONG_NOTE.sub(rewrite, music)
    return None if bad else scaled


@lru_cache(maxsize=1024)
def _scale_length(numerator: str, slashes: str, denominator: str, factor: Fraction) -> str | None:
    """A written length times the factor; None where nobody would write such a note."""
    length = abc_lexer.written_length(numerator, slashes, denominator)
    if length is None or (length * factor).denominator not in (1, 2, 4, 8) or length * factor > LONGEST_NOTE:
        return None
    return abc_lexer.format_length(length * factor)


def normalise_bar_lines(draft: Draft) -> Draft:
    """Write each bar line in one way; a tune begins without one and ends with `:|` or `|]`."""
    body = _BAR_RUN.sub(_one_bar_line, draft.body)
    body = re.sub(r"^\|\|?(?![:\d])", "", body)
    match = re.search(r"(?:::|:\|\d?|\|:|\|\||\|\]|\|\d?)?$", body)
    ending = match[0] if match else ""
    repeats = ending in ("::", ":|")
    return replace(draft, body=body[: len(body) - len(ending)] + (":|" if repeats else "|]"))


def _one_bar_line(match: re.Match[str]) -> str:
    number = match[1] or match[2] or ""
    run = match[0].rstrip("0123456789").rstrip("[")
    if run == ":":
        return match[0]
    opens, closes = run.endswith(":"), run.startswith(":")
    if opens and closes:
        return "::" + number
    if opens:
        return "|:" + number
    if closes:
        return ":|" + number
    thick = "]" in run or "[" in run or run.count("|") > 1
    return "||" if thick and not number else "|" + number


def close_repeats(draft: Draft) -> Draft:
    """Close a repeat that was opened and never closed, at the end of the tune."""
    signs = re.findall(r"\|:|::|:\|", draft.body)
    if not signs or signs[-1] == ":|":
        return draft
    return replace(draft, body=draft.body.removesuffix("|]") + ":|")


def drop_false_ties(draft: Draft) -> Draft:
    """Drop hyphens that do not join two notes of one pitch: transcribers used them as slurs."""
    if "-" not in draft.body:
        return draft
    parts = abc_lexer.words(draft.body)
    kept: list[str] = []
    for index, word in enumerate(parts):
        if word != "-" or _joins_one_pitch(parts, index):
            kept.append(word)
    return replace(draft, body="".join(kept))


def _joins_one_pitch(parts: list[str], index: int) -> bool:
    before = abc_lexer.note_parts(parts[index - 1]) if index else None
    following = (abc_lexer.note_parts(word) for word in parts[index + 1 : index + 3])
    after = next((note for note in following if note), None)
    return before is not None and after is not None and before[1] != "z" and before[1:3] == after[1:3]


def reject_unlexable(draft: Draft) -> Draft | None:
    """Reject music with anything in it that is no known word."""
    return draft if abc_lexer.is_music(draft.body) else None


def reject_short(draft: Draft) -> Draft | None:
    """Reject tunes of fewer characters than a sample must have."""
    return draft if len(draft.body) >= MINIMUM_CHARACTERS else None


def cut_long(draft: Draft) -> Draft:
    """Cut a tune that is too long at the last end of a part that fits, else at the last bar line."""
    parts = abc_lexer.words(draft.text())
    if len(parts) <= LARGEST_WORDS:
        return draft
    header = 4
    fitting = range(header, LARGEST_WORDS - 1)
    part_ends = [i for i in fitting if parts[i] in ("||", "::", "|:") or parts[i] == ":|"]
    bars = [i for i in fitting if abc_lexer.is_bar_line(parts[i])]
    enough = [i for i in part_ends if i >= LARGEST_WORDS // 3]
    end = (enough or bars or [LARGEST_WORDS - 2])[-1]
    kept = parts[header:end]
    opened = max((i for i, word in enumerate(kept) if word in ("|:", "::")), default=-1)
    closed = max((i for i, word in enumerate(kept) if word.startswith(":|")), default=-1)
    repeats = parts[end] in (":|", "::") or opened > closed
    return replace(draft, body="".join(kept) + (":|" if repeats else "|]"))


def reject_faulty_bars(draft: Draft) -> Draft | None:
    """Reject tunes whose inner bars mostly do not fill the meter: typing errors, or a wrong M: field."""
    report = bar_report(draft.text())
    exact = report.exact_bars >= SMALLEST_EXACT_SHARE * report.inner_bars
    return draft if report.inner_bars and exact and not report.problems else None


STEPS: tuple[Step, ...] = (
    Step("comments", drop_comments),
    Step("headers", read_headers),
    Step("inline-changes", reject_inline_changes),
    Step("meter", normalise_meter),
    Step("key", normalise_key),
    Step("annotations", drop_annotations),
    Step("grace-notes", drop_grace_notes),
    Step("spaces", drop_spaces),
    Step("decorations", drop_decorations),
    Step("slurs", drop_slurs),
    Step("chords", multiply_chords),
    Step("lengths", normalise_lengths),
    Step("bar-lines", normalise_bar_lines),
    Step("open-repeats", close_repeats),
    Step("false-ties", drop_false_ties),
    Step("unlexable", reject_unlexable),
    Step("too-short", reject_short),
    Step("over-long", cut_long),
    Step("faulty-bars", reject_faulty_bars),
)


def clean(text: str, steps: tuple[Step, ...] = STEPS) -> Cleaned:
    """Send one tune through the steps in order."""
    draft: Draft | None = Draft(text)
    for step in steps:
        assert draft is not None
        draft = step.apply(draft)
        if draft is None:
            return Cleaned(None, step.name)
    assert draft is not None
    return Cleaned(draft.text())
