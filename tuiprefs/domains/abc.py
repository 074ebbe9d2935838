"""Tunes in ABC notation."""

import random
import re
from dataclasses import dataclass

from tuiprefs.domains import abc_cleaning, abc_lexer
from tuiprefs.domains.abc_transposition import transpose_at_random
from tuiprefs.domains.protocol import MINIMUM_CHARACTERS, Cleaned
from tuiprefs.domains.splitting import split_dump

VARIED_SHARE = 0.5
"""Probability that a tune is moved to another key when a model trains on it: half of what a model reads keeps
the keys as the collections have them."""

SMALLEST_NOTES = 8
LARGEST_STRANGE_SHARE = 0.3
"""A text with fewer notes, or with more characters than this that are no music, is no tune."""

_FIELD = re.compile(r"[A-Za-z]:(?![|:])")
_FORBIDDEN_FIELD = re.compile(r"I:")
_TUNE_START = re.compile(r"^(?=X:)", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ASIDES = re.compile(r'"[^"\n]*"|![^!\n]*!|\{[^}\n]*\}|\[[A-Za-z]:[^\]\n]*\]|[\s\\`()*]')
_DECORATION = re.compile(r"[~.H-WuvT](?=[\^_=A-Ga-g\[])")


@dataclass(frozen=True)
class AbcDomain:
    """Tunes in ABC notation, heard through abc2midi."""

    name: str = "abc"
    has_sound: bool = True
    default_query: str = "X:1\nL:1/8\n"
    minimum_characters: int = MINIMUM_CHARACTERS

    def split(self, corpus_text: str) -> list[str]:
        """Cut a corpus dump at its separators, and at every X: field."""
        tunes: list[str] = []
        for part in split_dump(corpus_text):
            pieces = [piece.strip() for piece in _TUNE_START.split(part) if piece.strip()]
            # What stands before the first X: of a file is a preface; without any X: it is the tune itself.
            tunes += [piece for piece in pieces if piece.startswith("X:")] or pieces
        return tunes

    def clean(self, text: str) -> Cleaned:
        """Bring a tune into the five lines that models are trained on."""
        return abc_cleaning.clean(text)

    def vary(self, text: str, generator: random.Random) -> str:
        """Move a cleaned tune to another key, half of the time."""
        return transpose_at_random(text, generator, VARIED_SHARE)

    def check(self, text: str) -> str | None:
        """`not-abc` for a text with hardly any notes, or with much that is no music; None for others."""
        music = _DECORATION.sub("", _ASIDES.sub("", "\n".join(_music_lines(text))))
        parts = abc_lexer.words(music)
        notes = sum(abc_lexer.note_parts(word) is not None for word in parts)
        strange = sum(len(word) == 1 and not abc_lexer.is_music(word) for word in parts)
        too_strange = strange > LARGEST_STRANGE_SHARE * max(len(parts), 1)
        return "not-abc" if notes < SMALLEST_NOTES or too_strange else None

    def source(self, text: str) -> str:
        """One tune for the compiler: X: and K: where they are missing, no directives, no second tune.

        Directives could read other files (`%%abc-include`) or change the compiler's settings, so they and I:
        fields are dropped with the comments.
        """
        lines = [_CONTROL.sub("", line.split("%", 1)[0]).rstrip() for line in text.splitlines()]
        lines = [line for line in lines if line and not _FORBIDDEN_FIELD.match(line)]
        lines = [re.sub(r"\[I:[^\]]*\]?", "", line) for line in lines]
        starts = [index for index, line in enumerate(lines) if line.startswith("X:")]
        lines = lines[: starts[1]] if len(starts) > 1 else lines
        head = [line for line in lines if line.startswith("X:")][:1] or ["X:1"]
        rest = [line for line in lines if not line.startswith("X:")]
        if not any(line.startswith("K:") for line in rest):
            first_music = next((i for i, line in enumerate(rest) if not _FIELD.match(line)), len(rest))
            rest.insert(first_music, "K:C")
        return "\n".join([*head, *rest]) + "\n"


def _music_lines(text: str) -> list[str]:
    lines = (line.split("%", 1)[0].strip() for line in text.splitlines())
    return [line for line in lines if line and not _FIELD.match(line)]
