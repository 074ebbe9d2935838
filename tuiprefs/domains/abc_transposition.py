"""Moving a cleaned tune to another key by whole scale steps, exactly."""

import random
import re

from tuiprefs.domains import abc_lexer
from tuiprefs.domains.abc_bars import diatonic_pitch

LOWEST = diatonic_pitch("G", ",")
HIGHEST = diatonic_pitch("e", "'")
"""A transposed tune stays between the fiddle's open G string and the e of its first position's reach."""

LARGEST_STEP = 3
LETTERS = "CDEFGAB"
_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_MODE_FIFTHS = {"": 0, "m": -3, "dor": -2, "mix": -1, "lyd": 1, "phr": -4, "loc": -5}
_ALTERATIONS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2}
_ACCIDENTALS = {alteration: sign for sign, alteration in _ALTERATIONS.items()}
_KEY = re.compile(r"^K:([A-G])([#b]?)([a-z]*)\n", re.MULTILINE)


def sharps(letter: str, accidental: str, mode: str) -> int:
    """Number of sharps in a key signature; flats are negative. E flat major is -3, D dorian is 0."""
    return _FIFTHS[letter] + {"": 0, "#": 7, "b": -7}[accidental] + _MODE_FIFTHS[mode]


def signature(count: int) -> dict[str, int]:
    """Semitones by which a signature of so many sharps (or, negative, flats) alters each letter."""
    if count >= 0:
        return dict.fromkeys("FCGDAEB"[:count], 1)
    return dict.fromkeys("BEADGCF"[:-count], -1)


def transpose(text: str, steps: int) -> str | None:
    """Move a cleaned tune up by scale steps (down when negative), its key with it.

    The new tonic is whichever of the letter's natural, flat and sharp has the smallest signature. Every note
    keeps its place in the scale and its distance from the scale, so the tune is the same in another key.

    Returns:
        The transposed tune; None where a note would need a double accidental, or the key is not understood.
    """
    key = _KEY.search(text)
    if key is None or key[3] not in _MODE_FIFTHS:
        return None
    letter = LETTERS[(LETTERS.index(key[1]) + steps) % 7]
    accidental = min(("", "b", "#"), key=lambda sign: abs(sharps(letter, sign, key[3])))
    old, new = signature(sharps(*key.groups())), signature(sharps(letter, accidental, key[3]))
    moved: list[str] = []
    for word in abc_lexer.words(text[key.end() :]):
        note = abc_lexer.note_parts(word)
        replaced = word if note is None or note[1] == "z" else _move(note, steps, old, new)
        if replaced is None:
            return None
        moved.append(replaced)
    return f"{text[: key.start()]}K:{letter}{accidental}{key[3]}\n{''.join(moved)}"


def _move(
    note: tuple[str, str, str, str], steps: int, old: dict[str, int], new: dict[str, int]
) -> str | None:
    sign, letter, marks, length = note
    octave, place = divmod(diatonic_pitch(letter, marks) + steps, 7)
    target = LETTERS[place]
    if sign:
        off_scale = _ALTERATIONS[sign] - old.get(letter.upper(), 0)
        alteration = off_scale + new.get(target, 0)
        if abs(alteration) > 1:
            return None
        sign = _ACCIDENTALS[alteration]
    written = target if octave <= 0 else target.lower()
    return sign + written + ("," * -octave if octave <= 0 else "'" * (octave - 1)) + length


def transpose_at_random(text: str, generator: random.Random, share: float) -> str:
    """With the given probability, move a tune by up to three steps, within the range of a fiddle."""
    if generator.random() >= share:
        return text
    steps = generator.choice([step for step in range(-LARGEST_STEP, LARGEST_STEP + 1) if step])
    moved = transpose(text, steps)
    if moved is None:
        return text
    notes = [abc_lexer.note_parts(word) for word in abc_lexer.words(moved[moved.index("\nK:") + 1 :])[1:]]
    pitches = [diatonic_pitch(note[1], note[2]) for note in notes if note and note[1] != "z"]
    return moved if pitches and min(pitches) >= LOWEST and max(pitches) <= HIGHEST else text
