"""What every kind of sample offers to the rest of the program."""

import random
from dataclasses import dataclass
from typing import Protocol

MINIMUM_CHARACTERS = 42
"""Shortest sample worth comparing, in characters (the figure of the essay this project grew out of)."""


@dataclass(frozen=True)
class Cleaned:
    """Outcome of cleaning one text: either the text, or the name of the step that rejected it."""

    text: str | None
    """The cleaned text; None when it was rejected."""

    rejected_by: str | None = None
    """Name of the cleaning step that rejected the text; None when it was kept."""


class Domain(Protocol):
    """A kind of sample, such as tunes in ABC notation or plain text."""

    @property
    def name(self) -> str:
        """The name in settings and on the command line."""
        ...

    @property
    def has_sound(self) -> bool:
        """Whether a sample can be heard."""
        ...

    @property
    def default_query(self) -> str:
        """The fixed text that every sample begins with."""
        ...

    @property
    def minimum_characters(self) -> int:
        """Shortest sample that is kept, in characters."""
        ...

    def split(self, corpus_text: str) -> list[str]:
        """Cut a corpus dump into its texts."""
        ...

    def clean(self, text: str) -> Cleaned:
        """Bring one text into the form that models are trained on."""
        ...

    def vary(self, text: str, generator: random.Random) -> str:
        """A cleaned text that is worth as much as this one, for training; possibly this one itself."""
        ...

    def check(self, text: str) -> str | None:
        """Name of what is wrong with a sample as a text; None when nothing is."""
        ...

    def source(self, text: str) -> str:
        """The text as it is handed to the compiler that makes sound of it."""
        ...
