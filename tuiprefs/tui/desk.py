"""Pairs made ready for the screen before they are asked for; no Textual, used by jobs of the Rate tab."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from tuiprefs.rating.pairing import Pair, PairSource
from tuiprefs.rating.session import Answer, Progress
from tuiprefs.store.comparisons import ComparisonRecord
from tuiprefs.tui.services import Clip


class Session(Protocol):
    """What the desk needs of a rating session."""

    def next(self) -> Pair | None:
        """The next pair for the rater."""
        ...

    def choose(self, pair: Pair, answer: Answer, seconds: float | None = None) -> ComparisonRecord | None:
        """Store an answer; it is on disk when this returns."""
        ...

    def undo(self) -> Pair | None:
        """Take the newest answer back."""
        ...

    def auto_rate_rest(self, on_progress: Callable[[int, int], None] | None = None) -> int:
        """Let auto-fail decide what it can."""
        ...

    def close(self) -> None:
        """End the sitting."""
        ...

    @property
    def progress(self) -> Progress:
        """How it goes."""
        ...


class InterruptiblePairs:
    """A source of pairs that can be broken off, and that begins no pass in which nobody could be asked.

    Where most samples are broken a session goes through many pairs by itself before it finds one for a
    person. Closing the app must not have to wait for it; and where fewer than two samples are sound it would
    go on through every pair there is, and store them all.
    """

    def __init__(
        self,
        source: PairSource,
        check: Callable[[], None],
        count: Callable[[], int],
        worthwhile: Callable[[], bool],
    ) -> None:
        """Args:
        source: Where the pairs come from.
        check: Raises what breaks off.
        count: How many samples there are; where they have become more, another pass is begun.
        worthwhile: Whether another pass over the same samples could bring a pair for a person.
        """
        self._source = source
        self._check = check
        self._count = count
        self._worthwhile = worthwhile
        self._counted = -1

    def next_pair(self) -> Pair | None:
        """The next pair; None also where a further pass would be in vain."""
        self._check()
        if self._source.remaining == 0:
            count = self._count()
            if count == self._counted and not self._worthwhile():
                return None
            self._counted = count
        return self._source.next_pair()

    @property
    def remaining(self) -> int:
        """Pairs left of this pass."""
        return self._source.remaining

    def extra(self, pair: Pair) -> dict[str, Any] | None:
        """What to store beside the judgement."""
        return self._source.extra(pair)


class Hearing:
    """A pair with its sound, which is rendered once, by whoever asks first."""

    def __init__(self, pair: Pair, clip: Callable[[str], Clip]) -> None:
        self.pair = pair
        self._clip = clip
        self._lock = threading.Lock()
        self._clips: tuple[Clip, Clip] | None = None

    def clips(self) -> tuple[Clip, Clip]:
        """The sound of left and right; blocks while it is rendered."""
        with self._lock:
            if self._clips is None:
                self._clips = (self._clip(self.pair.left.text), self._clip(self.pair.right.text))
            return self._clips


class Desk:
    """Keeps up to ``ahead`` pairs rendered. May be used from several threads."""

    def __init__(self, session: Session, clip: Callable[[str], Clip], ahead: int) -> None:
        self.session = session
        self.ahead = ahead
        self._clip = clip
        self._ready: deque[Hearing] = deque()
        # Whoever asks the session for a pair holds this, so that undo knows of every pair that is out.
        self._supply = threading.Lock()

    def take(self) -> Hearing | None:
        """The next pair with its sound, or None when there is none now."""
        hearing = self._pop()
        if hearing is None:
            with self._supply:
                hearing = self._pop() or self._ask()
        if hearing is not None:
            hearing.clips()
        return hearing

    def fill(self) -> None:
        """Make pairs ready ahead of time."""
        while True:
            with self._supply:
                if len(self._ready) >= self.ahead:
                    return
                hearing = self._ask()
                if hearing is None:
                    return
                self._ready.append(hearing)
            hearing.clips()

    def choose(self, hearing: Hearing, answer: Answer, seconds: float) -> bool:
        """Store an answer; it is on disk when this returns. False where the pair had one already."""
        return self.session.choose(hearing.pair, answer, seconds) is not None

    def undo(self) -> Hearing | None:
        """Take the newest answer back: its pair, for the screen, or None where there is nothing to undo.

        The session hands out all pairs after it once more, so those made ready are dropped.
        """
        with self._supply:
            pair = self.session.undo()
            if pair is None:
                return None
            self._ready.clear()
        hearing = Hearing(pair, self._clip)
        hearing.clips()
        return hearing

    def auto_rate_rest(self, on_progress: Callable[[int, int], None]) -> int:
        """Let auto-fail decide the rest of the pass; returns the number of pairs it decided."""
        return self.session.auto_rate_rest(on_progress)

    @property
    def progress(self) -> Progress:
        """How the sitting goes."""
        return self.session.progress

    def close(self) -> None:
        """End the sitting."""
        self.session.close()

    def _pop(self) -> Hearing | None:
        try:
            return self._ready.popleft()
        except IndexError:
            return None

    def _ask(self) -> Hearing | None:
        pair = self.session.next()
        return None if pair is None else Hearing(pair, self._clip)
