"""Short texts such as poems, read rather than heard."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from tuiprefs.domains.protocol import MINIMUM_CHARACTERS, Cleaned
from tuiprefs.domains.splitting import split_dump


def drop_control_characters(text: str) -> str | None:
    """Drop characters that are neither printed nor line ends."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n"))


def drop_trailing_spaces(text: str) -> str | None:
    """Drop spaces before line ends, and empty lines around the text."""
    return re.sub(r"[ \t]+\n", "\n", text.rstrip() + "\n").strip("\n")


def join_empty_lines(text: str) -> str | None:
    """Leave one empty line between paragraphs."""
    return re.sub(r"\n{3,}", "\n\n", text)


def reject_short(text: str) -> str | None:
    """Reject texts that are too short to compare."""
    return text if len(text) >= MINIMUM_CHARACTERS else None


STEPS: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("control-characters", drop_control_characters),
    ("trailing-spaces", drop_trailing_spaces),
    ("empty-lines", join_empty_lines),
    ("too-short", reject_short),
)


@dataclass(frozen=True)
class TextDomain:
    """Plain text; nothing is fixed about how a sample begins."""

    name: str = "text"
    has_sound: bool = False
    default_query: str = ""
    minimum_characters: int = MINIMUM_CHARACTERS

    def split(self, corpus_text: str) -> list[str]:
        """Cut a corpus dump at its separators."""
        return split_dump(corpus_text)

    def clean(self, text: str) -> Cleaned:
        """Tidy the white space of a text."""
        cleaned: str | None = text
        for name, step in STEPS:
            assert cleaned is not None
            cleaned = step(cleaned)
            if cleaned is None:
                return Cleaned(None, name)
        return Cleaned(cleaned)

    def vary(self, text: str, generator: random.Random) -> str:
        """The text itself: words have no other keys."""
        return text

    def check(self, text: str) -> str | None:
        """`empty` for a text without a printed character; None for others."""
        return None if text.strip() else "empty"

    def source(self, text: str) -> str:
        """The text as it is; nothing compiles it."""
        return text
