"""What the jobs of the Rate tab report. Each names its desk: what comes from one that was left is ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from tuiprefs.rating.blind import BlindResult, BlindTest
from tuiprefs.rating.session import Answer, Progress
from tuiprefs.tui.blind_runs import BlindProgress, BlindRuns
from tuiprefs.tui.desk import Desk, Hearing
from tuiprefs.tui.services import Clip
from tuiprefs.tui.situation import Situation

if TYPE_CHECKING:
    from tuiprefs.music.player import Player


@dataclass
class DeskOpened(Message):
    """A session can begin."""

    desk: Desk
    player: Player | None
    blind: BlindTest | None


@dataclass
class PairReady(Message):
    """A pair with its sound can be shown."""

    desk: Desk
    hearing: Hearing
    clips: tuple[Clip, Clip]
    progress: Progress
    undone: bool = False


@dataclass
class PairMissing(Message):
    """There is no pair now."""

    desk: Desk
    situation: Situation
    progress: Progress


@dataclass
class PairFailed(Message):
    """A pair could not be made ready, or an answer not be taken back."""

    desk: Desk


@dataclass
class Saved(Message):
    """An answer is on disk."""

    desk: Desk
    hearing: Hearing
    answer: Answer
    progress: Progress


@dataclass
class NotSaved(Message):
    """An answer could not be stored."""

    desk: Desk


@dataclass
class NothingToUndo(Message):
    """There is no answer to take back."""

    desk: Desk


@dataclass
class AutoRating(Message):
    """Auto-fail is deciding the rest."""

    desk: Desk
    done: int
    total: int

    def can_replace(self, message: Message) -> bool:
        """Only the newest numbers are of interest."""
        return isinstance(message, AutoRating)


@dataclass
class AutoRated(Message):
    """Auto-fail has decided what it could."""

    desk: Desk
    count: int
    progress: Progress


@dataclass
class BlindStarted(Message):
    """The samples of a blind test are being written."""

    runs: BlindRuns


@dataclass
class BlindWriting(Message):
    """How far the samples of a blind test are."""

    runs: BlindRuns
    progress: BlindProgress


@dataclass
class BlindFailed(Message):
    """A blind test cannot begin."""

    sentence: str


@dataclass
class BlindConcluded(Message):
    """How a blind test stands, at its end or when it is left."""

    desk: Desk
    result: BlindResult
