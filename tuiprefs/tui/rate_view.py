"""What the Rate tab shows, and its state: the phase, the pair on the screen, and what sounds of it."""

from __future__ import annotations

from enum import Enum, auto

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from tuiprefs.rating.blind import BlindTest
from tuiprefs.rating.session import Progress
from tuiprefs.tui.blind_runs import BlindRuns
from tuiprefs.tui.desk import Desk, Hearing
from tuiprefs.tui.listening import Listening
from tuiprefs.tui.names import short_name
from tuiprefs.tui.rate_jobs import RateJobs
from tuiprefs.tui.rate_text import progress_line, subtitle
from tuiprefs.tui.services import Services
from tuiprefs.tui.widgets.notice import Notice
from tuiprefs.tui.widgets.tune_panel import TunePanel


class Phase(Enum):
    """What the tab is doing."""

    OPENING = auto()
    WAITING = auto()
    """There is no pair yet; it looks for one every second."""
    JUDGING = auto()
    """A pair is on the screen."""
    SAVING = auto()
    """An answer is being stored, or the next pair fetched; keys pressed now wait for it."""
    AUTO_RATING = auto()
    BLIND_WRITING = auto()
    """Two models write samples for a blind test."""
    ENDED = auto()
    """Left, auto-rated, or a blind test is over; enter goes on."""


class RateView(RateJobs):
    """Draws, and knows which keys mean something; ``RatePane`` decides what is drawn."""

    def __init__(self, services: Services, *, id: str) -> None:
        super().__init__(services, id=id)
        self.phase = Phase.OPENING
        """What the tab is doing."""
        self.desk: Desk | None = None
        """Where pairs come from and answers go."""
        self.hearing: Hearing | None = None
        """The pair on the screen."""
        self.blind: BlindTest | None = None
        """The blind test under way, if it is one."""
        self.progress: Progress | None = None
        """How the session goes."""
        self.listening: Listening | None = None
        """What sounds; None where nothing can."""
        self._blind_runs: BlindRuns | None = None
        self._shown_at = 0.0
        self._fetching = False
        self._unheard = False

    def compose(self) -> ComposeResult:
        """A line of progress above the pair; a notice in its place where there is none."""
        music = self.services.domain.has_sound
        yield Static("", id="rate-progress")
        with Horizontal(id="pair"):
            yield TunePanel("1  Left", music=music, id="left")
            yield TunePanel("2  Right", music=music, id="right")
        yield Notice(id="rate-notice")

    def _show_pair(self, hearing: Hearing, autoplay: bool = True) -> None:
        left, right = hearing.clips()
        pair = hearing.pair
        self.hearing = hearing
        self.remove_class("-notice")
        hidden = self.blind is not None
        for side, sample, clip in (("left", pair.left, left), ("right", pair.right, right)):
            panel = self.query_one(f"#{side}", TunePanel)
            panel.show(sample.text, "" if hidden else subtitle(sample), clip.seconds, clip.note)
        self._enter(Phase.JUDGING)
        self._show_progress()
        self._shown_at = self.services.clock()
        if self.listening is not None:
            self.listening.load(left, right)
            wanted = autoplay and self.services.settings.rating.autoplay
            self._unheard = wanted and not self.display
            if wanted and self.display:
                self.listening.play_both()
            self._tick()

    def _tick(self) -> None:
        if self.listening is None:
            return
        now = self.listening.tick()
        for side in ("left", "right"):
            self.query_one(f"#{side}", TunePanel).sound(now.seconds if now.side == side else None)

    def _show_progress(self) -> None:
        names = ""
        if self.blind is not None:
            plan = self.blind.plan
            names = f"{short_name(plan.model_a)} against {short_name(plan.model_b)}"
        self.query_one("#rate-progress", Static).update(progress_line(self.progress, self._rater, names))

    @property
    def _rater(self) -> str:
        return self.services.settings.rating.rater

    def _notice(self, title: str, text: str = "", done: int | None = None, total: int | None = None) -> None:
        self.add_class("-notice")
        self.query_one(Notice).show(title, text, done, total)

    def _silence(self) -> None:
        if self.listening is not None:
            self.listening.stop()
            self._tick()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something now."""
        judging = self.phase in (Phase.JUDGING, Phase.SAVING)
        if action == "resume":
            return self.phase is Phase.ENDED
        if action in ("choose", "scroll_text"):
            return judging
        if action in ("replay", "toggle_sound"):
            return judging and self.listening is not None
        if action == "auto_rate":
            return judging and self.blind is None
        if action == "undo":
            return judging or (self.phase in (Phase.WAITING, Phase.ENDED) and self.desk is not None)
        if action == "leave":
            return judging or self.phase is Phase.BLIND_WRITING
        return True

    def _enter(self, phase: Phase) -> None:
        before = self._keys_that_work()
        self.phase = phase
        # Drawing the keys anew costs more than all else between two pairs.
        if self._keys_that_work() != before:
            self.refresh_bindings()

    def _keys_that_work(self) -> list[bool | None]:
        names = ("resume", "choose", "replay", "auto_rate", "undo", "leave")
        return [self.check_action(name, ()) for name in names]

    def _end(self, title: str, text: str) -> None:
        self._enter(Phase.ENDED)
        self._notice(title, text)
