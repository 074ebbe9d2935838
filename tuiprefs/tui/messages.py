"""Messages of jobs that concern the whole app; those of one tab stand beside it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class JobFailed(Message):
    """A job ended in an error, which is shown as a sentence."""

    group: str
    """The job's group, which says what was being done."""
    sentence: str
    """What went wrong."""


@dataclass
class Said(Message):
    """Something worth a line in the status bar."""

    text: str
    """One short sentence."""


@dataclass
class SoundOpened(Message):
    """What plays the sound is known."""

    description: str
    """Its name, or why there is none."""


@dataclass
class RunsSeen(Message):
    """How many runs are alive, for the tab bar, and whether one of them has an alarm."""

    alive: int
    alarm: bool

    def can_replace(self, message: Message) -> bool:
        """Only the newest count is of interest."""
        return isinstance(message, RunsSeen)
