"""The Rate tab: what its keys do, and what happens when its jobs report."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Literal

from textual import on
from textual.binding import BindingType

from tuiprefs.rating.session import Answer
from tuiprefs.tui.actions import bindings
from tuiprefs.tui.dialogs import ConfirmScreen
from tuiprefs.tui.listening import Listening, Side
from tuiprefs.tui.messages import JobFailed, Said, SoundOpened
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
from tuiprefs.tui.rate_text import ENDED_HINT, blind_words, progress_line, said
from tuiprefs.tui.rate_view import Phase, RateView
from tuiprefs.tui.run_form import BlindRequest
from tuiprefs.tui.services import Services
from tuiprefs.tui.widgets.tune_panel import TunePanel

TICK_SECONDS = 0.1
RETRY_SECONDS = 1.0
SCROLL_LINES = 3

Command = Literal["left", "right", "tie", "skip", "undo"]


class RatePane(RateView, can_focus=True):
    """Pairs, one after another."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("rate")]

    def __init__(self, services: Services, *, id: str) -> None:
        super().__init__(services, id=id)
        self._typed_ahead: deque[Command] = deque()

    def on_mount(self) -> None:
        """Begin a session."""
        self._notice("Opening…")
        self.set_interval(TICK_SECONDS, self._tick)
        self.set_interval(RETRY_SECONDS, self._look_again)
        self.open_desk()

    def activate(self) -> None:
        """The tab was opened: take the keyboard, and play the pair that came while it was closed."""
        self.focus()
        if self._unheard and self.phase is Phase.JUDGING and self.listening is not None:
            self._unheard = False
            self.listening.play_both()

    def deactivate(self) -> None:
        """Another tab is opened: be silent."""
        self._silence()

    # -- keys

    def action_choose(self, answer: Answer) -> None:
        """Judge the pair on the screen; while the last answer is being stored, the next one."""
        self._do(answer)

    def action_undo(self) -> None:
        """Take the last answer back."""
        self._do("undo")

    def action_replay(self, side: Side) -> None:
        """Play one side."""
        if self.listening and self.phase is Phase.JUDGING:
            self.listening.play(side)
            self._tick()

    def action_toggle_sound(self) -> None:
        """Stop the sound, or play both."""
        if self.listening and self.phase is Phase.JUDGING:
            self.listening.toggle()
            self._tick()

    def action_scroll_text(self, direction: int) -> None:
        """Move both texts."""
        for panel in self.query(TunePanel):
            panel.scroll_text(direction * SCROLL_LINES)

    def action_auto_rate(self) -> None:
        """After a question, let auto-fail decide the rest."""
        desk = self.desk
        if desk is None or self.phase is not Phase.JUDGING:
            return

        def answered(yes: bool | None) -> None:
            if yes and self.desk is desk and self.phase is Phase.JUDGING:
                self._silence()
                self._enter(Phase.AUTO_RATING)
                self._notice("Auto-rating the rest…")
                self.rate_rest(desk)

        text = "Pairs with a broken sample are decided by the auto-fail rules; the others stay for later."
        self.app.push_screen(ConfirmScreen("Auto-rate the rest of this pass, and stop?", text), answered)

    def action_leave(self) -> None:
        """End the session, or the blind test."""
        self._silence()
        if self.phase is Phase.BLIND_WRITING:
            if self._blind_runs is not None:
                self.stop_blind(self._blind_runs)
            self._end("The blind test was left", ENDED_HINT)
        elif self.desk is not None and self.phase is Phase.JUDGING:
            if self.blind is not None:
                self._conclude()
            else:
                self.close_desk(self.desk)
                self._end("Session left", f"{progress_line(self.progress)}\n\n{ENDED_HINT}")
                self.hearing = None

    def action_resume(self) -> None:
        """Go on: with the pair that was on the screen, or in a new session."""
        if self.blind is None and self.desk is not None and self.hearing is not None:
            self._show_pair(self.hearing)
            return
        self._reset()
        self._notice("Opening…")
        self.open_desk()

    def begin_blind(self, request: BlindRequest) -> None:
        """Leave the session and compare two models."""
        self._silence()
        if self.desk is not None:
            self.close_desk(self.desk)
        self._reset()
        self._enter(Phase.BLIND_WRITING)
        self._notice("Preparing the blind test…")
        self.start_blind(request)

    def _do(self, command: Command) -> None:
        """Obey a key now, or after what is under way; never twice, and never for a pair not seen yet."""
        if self.phase is Phase.SAVING:
            self._typed_ahead.append(command)
        elif self.desk is None:
            return
        elif command == "undo":
            self._silence()
            self._enter(Phase.SAVING)
            self.take_back(self.desk)
        elif self.hearing is not None and self.phase is Phase.JUDGING:
            self._silence()
            self._enter(Phase.SAVING)
            self.save(self.desk, self.hearing, command, self.services.clock() - self._shown_at)

    def _obey_typed_ahead(self) -> None:
        if self._typed_ahead and self.phase is not Phase.SAVING:
            self._do(self._typed_ahead.popleft())

    # -- what the jobs report

    @on(DeskOpened)
    def _desk_opened(self, message: DeskOpened) -> None:
        message.stop()
        wanted = Phase.OPENING if message.blind is None else Phase.BLIND_WRITING
        if self.phase is not wanted:
            return
        self.desk, self.blind, self._blind_runs = message.desk, message.blind, None
        if message.player is not None:
            self.listening = Listening(message.player)
            self.post_message(SoundOpened(message.player.description))
        self._fetching = False
        self._enter(Phase.WAITING)
        self._look_again()

    @on(JobFailed)
    def _job_failed(self, message: JobFailed) -> None:
        """Where no session could begin or end, there is nothing on the screen to go on with."""
        if self.phase is Phase.OPENING and message.group in ("desk", "conclude"):
            self._end("Rating cannot go on", f"{message.sentence}\n\nenter: try again")

    @on(PairReady)
    def _pair_ready(self, message: PairReady) -> None:
        message.stop()
        self._fetching = False
        if message.desk is not self.desk or self.phase not in (Phase.WAITING, Phase.SAVING):
            return
        self.progress = message.progress
        self._show_pair(message.hearing, autoplay=not self._typed_ahead)
        if message.undone:
            self.post_message(Said("Taken back: judge this pair again."))
        self._obey_typed_ahead()
        self.prefetch(message.desk)

    @on(PairMissing)
    def _pair_missing(self, message: PairMissing) -> None:
        message.stop()
        self._fetching = False
        if message.desk is not self.desk or self.phase not in (Phase.WAITING, Phase.SAVING):
            return
        self.progress, self.hearing = message.progress, None
        if self.blind is not None:
            self._conclude()
            return
        self._enter(Phase.WAITING)
        now = message.situation
        self._notice(now.title, now.text, now.done, now.total)
        # A verdict typed ahead of a pair that does not come has nothing to judge; an undo has.
        undo = "undo" in self._typed_ahead
        self._typed_ahead.clear()
        if undo:
            self._do("undo")

    @on(PairFailed)
    def _pair_failed(self, message: PairFailed) -> None:
        message.stop()
        self._fetching = False
        if message.desk is self.desk:
            self._typed_ahead.clear()
            self.hearing = None
            self._end("The next pair could not be made ready", ENDED_HINT)

    @on(Saved)
    def _saved(self, message: Saved) -> None:
        message.stop()
        if message.desk is self.desk:
            self.progress = message.progress
            self.hearing = None
            self._show_progress()
            self.post_message(Said(said(message.answer)))

    @on(NotSaved)
    def _not_saved(self, message: NotSaved) -> None:
        message.stop()
        if message.desk is self.desk and self.hearing is not None:
            self._typed_ahead.clear()
            self._enter(Phase.JUDGING)

    @on(NothingToUndo)
    def _nothing_to_undo(self, message: NothingToUndo) -> None:
        message.stop()
        if message.desk is not self.desk:
            return
        self.post_message(Said("There is no verdict to take back."))
        self._enter(Phase.JUDGING if self.hearing is not None else Phase.WAITING)
        self._obey_typed_ahead()

    @on(AutoRating)
    def _auto_rating(self, message: AutoRating) -> None:
        message.stop()
        if self.phase is Phase.AUTO_RATING:
            self._notice("Auto-rating the rest…", "", message.done, message.total)

    @on(AutoRated)
    def _auto_rated(self, message: AutoRated) -> None:
        message.stop()
        if message.desk is self.desk and self.phase is Phase.AUTO_RATING:
            self.progress = message.progress
            pairs = "1 pair" if message.count == 1 else f"{message.count} pairs"
            self._end(f"Auto-fail has decided {pairs}", f"{progress_line(self.progress)}\n\n{ENDED_HINT}")

    @on(BlindStarted)
    def _blind_started(self, message: BlindStarted) -> None:
        message.stop()
        if self.phase is Phase.BLIND_WRITING:
            self._blind_runs = message.runs
        else:
            self.stop_blind(message.runs)

    @on(BlindWriting)
    def _blind_writing(self, message: BlindWriting) -> None:
        message.stop()
        self._fetching = False
        if self.phase is Phase.BLIND_WRITING and message.runs is self._blind_runs:
            title = "Checking the samples…" if message.progress.ready else "Both models are writing…"
            self._notice(title, "", message.progress.done, message.progress.total)
            if message.progress.ready:
                self._fetching = True

    @on(BlindFailed)
    def _blind_failed(self, message: BlindFailed) -> None:
        message.stop()
        self._fetching = False
        if self.phase is Phase.BLIND_WRITING:
            self._end("The blind test cannot begin", f"{message.sentence}\n\n{ENDED_HINT}")

    @on(BlindConcluded)
    def _blind_concluded(self, message: BlindConcluded) -> None:
        message.stop()
        if message.desk is self.desk:
            title, text = blind_words(message.result)
            self._end(title, f"{text}\n\n{ENDED_HINT}")

    # -- going on

    def _look_again(self) -> None:
        """Ask for a pair, or for news of the blind test, unless somebody is asking already."""
        if self._fetching:
            return
        if self.phase is Phase.WAITING and self.desk is not None:
            self._fetching = True
            self.fetch(self.desk)
        elif self.phase is Phase.BLIND_WRITING and self._blind_runs is not None:
            self._fetching = True
            self.watch_blind(self._blind_runs)

    def _conclude(self) -> None:
        assert self.desk is not None
        self._enter(Phase.OPENING)
        self._notice("Counting…")
        self.conclude_blind(self.desk, self.blind)

    def _reset(self) -> None:
        self.desk = self.hearing = self.blind = self.progress = self._blind_runs = None
        self._typed_ahead.clear()
        self._fetching = False
        self._enter(Phase.OPENING)
