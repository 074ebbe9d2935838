"""A rating session: pairs for the screen, judgements on disk before it moves, undo, and auto-rated pairs."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from tuiprefs.rating.autofail import AutoFail, with_verdicts
from tuiprefs.rating.pairing import Automatic, Pair, PairSource
from tuiprefs.rating.queries import newest_sitting_to_undo
from tuiprefs.store.comparisons import (
    ComparisonRecord,
    NewComparison,
    Origin,
    Outcome,
    add_comparison,
    add_comparisons,
    list_comparisons,
    undo_last,
)
from tuiprefs.store.database import Store
from tuiprefs.store.raters import SessionKind, end_session, ensure_rater, start_session
from tuiprefs.store.samples import SampleRecord, get_samples

Answer = Literal["left", "right", "tie", "skip"]
ANSWERS: tuple[Answer, ...] = ("left", "right", "tie", "skip")

_CHUNK = 64
_BEST = {"left": 0, "right": 1}


@dataclass(frozen=True)
class Progress:
    """How a sitting goes."""

    rated: int
    """Judgements of the rater, ties included."""

    automatic: int
    """Pairs that auto-fail decided."""

    skipped: int
    remaining: int
    """Pairs left of this pass, those on the screen and prefetched included."""

    median_seconds: float | None
    """Median time for one judgement, in seconds; None before the first."""

    pace_per_hour: float | None
    """Judgements an hour at that time each."""


class RatingSession:
    """One sitting of one rater over the pairs of a source. May be used from several threads.

    A pair that ``next`` has handed out stays open until ``choose`` is called with it, so that pairs can be
    asked for, and rendered, before they are needed.
    """

    def __init__(
        self,
        store: Store,
        autofail: AutoFail,
        pairer: PairSource,
        rater: str,
        mode: SessionKind = "rate",
        *,
        origin: Origin = "human",
        sitting: int | None = None,
        sides: random.Random | None = None,
    ) -> None:
        """Begin a sitting, or continue the stored one ``sitting``.

        ``sides`` is the chance that decides which sample stands left; unset, the operating system's.
        """
        self.store = store
        self.autofail = autofail
        self.pairer = pairer
        self.rater = rater
        self.mode: SessionKind = mode
        self.origin: Origin = origin
        self._sitting = sitting
        self._sides = sides or random.SystemRandom()
        # One lock for the slow way of a new pair (compiling), another for what a key press needs at once.
        self._supply = threading.Lock()
        self._state = threading.Lock()
        self._waiting: deque[Pair] = deque()
        self._open: dict[frozenset[int], Pair] = {}
        self._seconds: dict[int, float] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._automatic = 0
        ensure_rater(store, rater, "human" if origin == "human" else "command")
        if sitting is not None:
            for record in list_comparisons(store, session=sitting):
                self._count(record)

    @property
    def sitting(self) -> int:
        """Id of the stored sitting, which begins with its first judgement."""
        if self._sitting is None:
            self._sitting = start_session(self.store, self.rater, self.mode)
        return self._sitting

    def next(self) -> Pair | None:
        """The next pair that needs a rater, or None; pairs with broken samples are decided on the way."""
        with self._supply:
            while (pair := self._supplied()) is not None:
                with self._kept_on_failure([pair]):
                    (pair,) = self._with_verdicts([pair])
                    with self._state:
                        if pair.automatic is None:
                            self._open[pair.key] = pair
                            return pair
                        self._record_automatic([pair])
        return None

    def choose(self, pair: Pair, answer: Answer, seconds: float | None = None) -> ComparisonRecord | None:
        """Store the answer; it is on disk when this returns. None when the pair has been answered already."""
        with self._state:
            if pair.key in self._open:
                shown = self._open[pair.key]
            elif any(waiting.key == pair.key for waiting in self._waiting):
                shown = pair
            else:
                return None
            record = add_comparison(self.store, self._comparison(shown, answer, self.origin, seconds))
            self._open.pop(pair.key, None)
            self._waiting = deque(waiting for waiting in self._waiting if waiting.key != pair.key)
            self._count(record)
            return record

    def undo(self) -> Pair | None:
        """Take back the rater's newest judgement and return its pair for the screen; None when there is none.

        It reaches back into earlier sittings of the same kind; a blind test only into itself. All pairs that
        are still open go back to the front of the queue: the caller drops those it holds, and ``next`` hands
        them out again.
        """
        with self._state:
            record = self._take_back()
            if record is None:
                return None
            self._outcomes.pop(record.id, None)
            self._seconds.pop(record.id, None)
            left, right = get_samples(self.store, record.sample_ids)
            pair = Pair(left, right)
            self._waiting.extendleft(reversed(self._open.values()))
            self._waiting = deque(waiting for waiting in self._waiting if waiting.key != pair.key)
            self._open = {pair.key: pair}
            return pair

    def auto_rate_rest(self, on_progress: Callable[[int, int], None] | None = None) -> int:
        """Record the verdict of every pair left in this pass that holds a broken sample; returns how many.

        Nobody is asked for the others; they stay in the queue. ``on_progress`` gets the numbers done and
        found.
        """
        recorded, done, kept = 0, 0, list[Pair]()
        with self._supply, ThreadPoolExecutor(max_workers=2) as pool:
            total = self.pairer.remaining + len(self._waiting)
            try:
                while chunk := self._rest_of_pass():
                    with self._kept_on_failure(chunk):
                        judged = self._with_verdicts(chunk, pool)
                        broken = [pair for pair in judged if pair.automatic is not None]
                        with self._state:
                            self._record_automatic(broken)
                    kept += [pair for pair in judged if pair.automatic is None]
                    recorded, done = recorded + len(broken), done + len(chunk)
                    if on_progress is not None:
                        on_progress(done, max(total, done))
            finally:
                # Also when it is broken off: what nobody decided is still to be asked.
                with self._state:
                    self._waiting.extend(kept)
        return recorded

    @property
    def progress(self) -> Progress:
        """How this sitting goes."""
        with self._state:
            skipped = sum(outcome == "skip" for outcome in self._outcomes.values())
            typical = median(self._seconds.values()) if self._seconds else None
            return Progress(
                rated=len(self._outcomes) - skipped,
                automatic=self._automatic,
                skipped=skipped,
                remaining=self.pairer.remaining + len(self._waiting) + len(self._open),
                median_seconds=typical,
                pace_per_hour=3600 / typical if typical else None,
            )

    def close(self) -> None:
        """Note the end of the sitting, if it has begun."""
        if self._sitting is not None:
            end_session(self.store, self._sitting)

    def _supplied(self) -> Pair | None:
        with self._state:
            if self._waiting:
                return self._waiting.popleft()
        pair = self.pairer.next_pair()
        if pair is not None and self._sides.random() < 0.5:
            pair = Pair(pair.right, pair.left)
        return pair

    def _rest_of_pass(self) -> list[Pair]:
        chunk: list[Pair] = []
        while len(chunk) < _CHUNK and (self._waiting or self.pairer.remaining):
            pair = self._supplied()
            if pair is None:
                break
            chunk.append(pair)
        return chunk

    def _with_verdicts(self, pairs: list[Pair], pool: ThreadPoolExecutor | None = None) -> list[Pair]:
        samples = [sample for pair in pairs for sample in (pair.left, pair.right)]
        judged = with_verdicts(self.store, self.autofail, samples, pool)
        return [
            replace(pair, left=left, right=right, automatic=automatic_verdict(left, right))
            for pair, left, right in zip(pairs, judged[::2], judged[1::2], strict=True)
        ]

    @contextmanager
    def _kept_on_failure(self, pairs: list[Pair]) -> Iterator[None]:
        """Put pairs back into the queue when the disk or the compiler fails under them."""
        try:
            yield
        except BaseException:
            with self._state:
                self._waiting.extendleft(reversed(pairs))
            raise

    def _record_automatic(self, pairs: list[Pair]) -> None:
        new = [
            self._comparison(pair, pair.automatic, "autofail", None)
            for pair in pairs
            if pair.automatic is not None
        ]
        if new:
            self._automatic += add_comparisons(self.store, new)

    def _comparison(self, pair: Pair, answer: Answer, origin: Origin, seconds: float | None) -> NewComparison:
        outcome: Outcome = "choice" if answer in _BEST else "tie" if answer == "tie" else "skip"
        return NewComparison(
            sample_ids=(pair.left.id, pair.right.id),
            outcome=outcome,
            best=_BEST.get(answer),
            origin=origin,
            # What auto-fail decides is nobody's judgement, and no rater has to be asked for it again.
            rater=None if origin == "autofail" else self.rater,
            session=self.sitting,
            seconds=seconds,
            query=pair.left.query,
            extra=self.pairer.extra(pair),
        )

    def _count(self, record: ComparisonRecord) -> None:
        if record.origin == "autofail":
            self._automatic += 1
            return
        self._outcomes[record.id] = record.outcome
        if record.seconds is not None and record.outcome != "skip":
            self._seconds[record.id] = record.seconds

    def _take_back(self) -> ComparisonRecord | None:
        if self.mode == "blind":
            return undo_last(self.store, rater=self.rater, session=self.sitting)
        found, sitting = newest_sitting_to_undo(self.store, self.rater, self.mode)
        return undo_last(self.store, rater=self.rater, session=sitting) if found else None


def automatic_verdict(left: SampleRecord, right: SampleRecord) -> Automatic | None:
    """One broken: the other wins; both: a tie; none: a rater has to be asked."""
    match left.verdict == "broken", right.verdict == "broken":
        case True, True:
            return "tie"
        case True, False:
            return "right"
        case False, True:
            return "left"
    return None
