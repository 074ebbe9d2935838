"""The background jobs of the Rate tab: everything that reads, renders or stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical

from tuiprefs.project.errors import TuiprefsError
from tuiprefs.rating.session import Answer
from tuiprefs.store.samples import count_samples
from tuiprefs.tui.blind_runs import BlindRuns, blind_progress, sample_ids, start_blind_runs, stop_blind_runs
from tuiprefs.tui.desk import Desk, Hearing, InterruptiblePairs
from tuiprefs.tui.jobs import job, stop_if_cancelled
from tuiprefs.tui.rate_messages import (
    AutoRated,
    AutoRating,
    BlindConcluded,
    BlindFailed,
    BlindStarted,
    BlindWriting,
    DeskOpened,
    NothingToUndo,
    NotSaved,
    PairFailed,
    PairMissing,
    PairReady,
    Saved,
)
from tuiprefs.tui.run_form import BlindRequest
from tuiprefs.tui.services import Services
from tuiprefs.tui.situation import can_be_compared, situation

if TYPE_CHECKING:
    from tuiprefs.music.player import Player


class RateJobs(Vertical):
    """Jobs only; ``RatePane`` shows what they report."""

    def __init__(self, services: Services, *, id: str) -> None:
        super().__init__(id=id)
        self.services = services
        """The project and what works on it."""

    @job("desk")
    def open_desk(self) -> None:
        """Begin an ordinary session."""
        from tuiprefs.rating.pairing import Pairer
        from tuiprefs.rating.session import RatingSession

        services, rating = self.services, self.services.settings.rating
        player = self._player()
        store, pairer = services.store, Pairer(services.store, rating.rater, rating.pairing)
        pairs = InterruptiblePairs(
            pairer, stop_if_cancelled, lambda: count_samples(store), lambda: can_be_compared(store)
        )
        session = RatingSession(store, services.autofail, pairs, rating.rater)
        seconds = services.settings.audio.clip_seconds
        desk = Desk(session, lambda text: services.clip(text, seconds), rating.prefetch)
        self.post_message(DeskOpened(desk, player, None))
        services.prune()

    @job("blind")
    def start_blind(self, request: BlindRequest) -> None:
        """Let both models write samples for a blind test."""
        try:
            self.post_message(BlindStarted(start_blind_runs(self.services, request)))
        except TuiprefsError as error:
            self.post_message(BlindFailed(str(error)))

    @job("blind")
    def watch_blind(self, runs: BlindRuns) -> None:
        """See how far they are, and begin the test when they have ended."""
        try:
            progress = blind_progress(runs)
            self.post_message(BlindWriting(runs, progress))
            if progress.ready:
                self._open_blind_desk(runs)
        except TuiprefsError as error:
            self.post_message(BlindFailed(str(error)))

    def _open_blind_desk(self, runs: BlindRuns) -> None:
        from tuiprefs.rating.blind import BlindPlan, BlindTest

        services, request = self.services, runs.request
        ids_a, ids_b = (sample_ids(services, folder) for folder in runs.folders)
        player = self._player()
        names = [folder.spec.parents["model"] for folder in runs.folders]
        plan = BlindPlan(names[0], names[1], ids_a, ids_b, count=request.count)
        test = BlindTest(services.store, services.autofail, rater=services.settings.rating.rater, plan=plan)
        seconds = services.settings.audio.blind_seconds
        ahead = services.settings.rating.prefetch
        desk = Desk(test.session(), lambda text: services.clip(text, seconds), ahead)
        self.post_message(DeskOpened(desk, player, test))

    @job("blind")
    def stop_blind(self, runs: BlindRuns) -> None:
        """Give up a blind test before it has begun."""
        stop_blind_runs(runs)

    @job("conclude")
    def conclude_blind(self, desk: Desk, pane_test: object) -> None:
        """Count a blind test."""
        from tuiprefs.rating.blind import BlindTest

        assert isinstance(pane_test, BlindTest)
        desk.close()
        self.post_message(BlindConcluded(desk, pane_test.result()))

    @job("pair")
    def fetch(self, desk: Desk) -> None:
        """Make the next pair ready."""
        self._supply(desk)

    @job("save")
    def save(self, desk: Desk, hearing: Hearing, answer: Answer, seconds: float) -> None:
        """Store an answer, and only then make the next pair ready."""
        try:
            desk.choose(hearing, answer, seconds)
        except Exception:
            self.post_message(NotSaved(desk))
            raise
        self.post_message(Saved(desk, hearing, answer, desk.progress))
        self._supply(desk)

    @job("prefetch")
    def prefetch(self, desk: Desk) -> None:
        """Render pairs before they are asked for."""
        desk.fill()

    @job("undo")
    def take_back(self, desk: Desk) -> None:
        """Take the newest answer back."""
        try:
            hearing = desk.undo()
            if hearing is None:
                self.post_message(NothingToUndo(desk))
            else:
                self.post_message(PairReady(desk, hearing, hearing.clips(), desk.progress, undone=True))
        except Exception:
            self.post_message(PairFailed(desk))
            raise

    @job("auto-rate")
    def rate_rest(self, desk: Desk) -> None:
        """Let auto-fail decide what it can of the rest."""

        def on_progress(done: int, total: int) -> None:
            stop_if_cancelled()
            self.post_message(AutoRating(desk, done, total))

        try:
            count = desk.auto_rate_rest(on_progress)
        except Exception:
            self.post_message(PairFailed(desk))
            raise
        self.post_message(AutoRated(desk, count, desk.progress))

    @job("close-desk")
    def close_desk(self, desk: Desk) -> None:
        """Note the end of a session."""
        desk.close()

    def _supply(self, desk: Desk) -> None:
        try:
            hearing = desk.take()
            if hearing is None:
                self.post_message(PairMissing(desk, situation(self.services), desk.progress))
            else:
                self.post_message(PairReady(desk, hearing, hearing.clips(), desk.progress))
        except Exception:
            self.post_message(PairFailed(desk))
            raise

    def _player(self) -> Player | None:
        return self.services.open_player() if self.services.domain.has_sound else None
