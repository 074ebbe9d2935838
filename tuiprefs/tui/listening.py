"""What sounds of a pair: left, then right, each for as long as its clip; no Textual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tuiprefs.tui.services import Clip

Side = Literal["left", "right"]

if TYPE_CHECKING:
    from tuiprefs.music.player import Player


@dataclass(frozen=True)
class Sounding:
    """The side that sounds now and the seconds it has done; both None in silence."""

    side: Side | None
    seconds: float | None


SILENCE = Sounding(None, None)


class Listening:
    """Plays the two clips of a pair. All methods return at once; ``tick`` moves on from left to right."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self._clips: dict[Side, Clip] = {}
        self._side: Side | None = None
        self._then_right = False

    def load(self, left: Clip, right: Clip) -> None:
        """Take the clips of a new pair, in silence."""
        self.stop()
        self._clips = {"left": left, "right": right}

    def play_both(self) -> None:
        """Play left, and right after it."""
        if self._play("left"):
            self._then_right = True
        else:
            self._play("right")

    def play(self, side: Side) -> None:
        """Play one side from its beginning, and nothing after it."""
        self._then_right = False
        self._play(side)

    def toggle(self) -> None:
        """Stop what sounds, or play both."""
        if self._side is None:
            self.play_both()
        else:
            self.stop()

    def stop(self) -> None:
        """Be silent."""
        self._then_right = False
        if self._side is not None:
            self._side = None
            self.player.stop()

    def tick(self) -> Sounding:
        """What sounds now; goes on to the right clip, or to silence, where a clip has come to its end."""
        if self._side is None:
            return SILENCE
        seconds = self.player.position()
        if seconds is None or seconds >= self._clips[self._side].seconds:
            self._go_on()
            seconds = self.player.position() if self._side else None
        return Sounding(self._side, seconds) if self._side else SILENCE

    def _go_on(self) -> None:
        if self._then_right:
            self._then_right = False
            if self._play("right"):
                return
        self.stop()

    def _play(self, side: Side) -> bool:
        clip = self._clips.get(side)
        if clip is None or clip.pcm is None:
            self.stop()
            return False
        self._side = side
        self.player.play(clip.pcm)
        return True
