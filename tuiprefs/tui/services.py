"""What the tabs work with: the project, its store, and the parts that make sound and verdicts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuiprefs import domains
from tuiprefs.domains.protocol import Domain
from tuiprefs.project.project import Project
from tuiprefs.project.settings import Settings
from tuiprefs.store.database import Store

if TYPE_CHECKING:
    from tuiprefs.music.player import Player
    from tuiprefs.music.render import Rendered, Renderer
    from tuiprefs.rating.autofail import AutoFail


@dataclass
class Clip:
    """The sound of one sample, as far as it is played."""

    pcm: Any
    """16-bit stereo frames of shape (n, 2); None where there is no sound."""
    seconds: float
    """How long it is."""
    note: str = ""
    """Why there is no sound."""


@dataclass
class Services:
    """One project with everything that works on it. Parts are made on first use, in whatever thread asks."""

    project: Project
    store: Store
    make_renderer: Callable[[Project], Renderer | None]
    make_player: Callable[[Settings], Player]
    clock: Callable[[], float] = time.monotonic
    _renderer: Renderer | None = field(default=None, init=False)
    _player: Player | None = field(default=None, init=False)
    _autofail: AutoFail | None = field(default=None, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    @classmethod
    def of(cls, project: Project, store: Store) -> Services:
        """The services of a project as it is used outside tests."""
        return cls(project, store, _renderer_of, _player_of)

    @property
    def settings(self) -> Settings:
        """The project's settings."""
        return self.project.settings

    @property
    def domain(self) -> Domain:
        """What a sample is."""
        return domains.get(self.settings.project.domain)

    @property
    def renderer(self) -> Renderer | None:
        """What makes sound; None in a domain without sound."""
        with self._lock:
            if self._renderer is None and self.domain.has_sound:
                self._renderer = self.make_renderer(self.project)
            return self._renderer

    def open_player(self) -> Player:
        """What plays sound; opening a device may take a second, so a job calls this first."""
        with self._lock:
            if self._player is None:
                self._player = self.make_player(self.settings)
            return self._player

    @property
    def player(self) -> Player | None:
        """The player, once it is open."""
        return self._player

    def close_player(self) -> None:
        """Silence, and give the device back."""
        with self._lock:
            if self._player is not None:
                self._player.stop()
                self._player.close()
                self._player = None

    @property
    def autofail(self) -> AutoFail:
        """The rules by which samples are broken."""
        from tuiprefs.rating.setup import make_autofail

        with self._lock:
            if self._autofail is None:
                self._autofail = make_autofail(self.project, self.renderer)
            return self._autofail

    def render(self, text: str) -> Rendered | None:
        """The sound of a sample; None in a domain without sound."""
        renderer = self.renderer
        return None if renderer is None else renderer.render(self.domain.source(text))

    def clip(self, text: str, seconds: float | None = None) -> Clip:
        """The first ``seconds`` of a sample's sound, or all of it; blocks while it is rendered."""
        rendered = self.render(text)
        if rendered is None:
            return Clip(None, 0.0)
        if rendered.outcome != "ok":
            return Clip(None, 0.0, f"no sound: {rendered.outcome.replace('-', ' ')}")
        pcm, rate = rendered.load(), rendered.settings.sample_rate
        if seconds is not None:
            pcm = pcm[: int(seconds * rate)]
        return Clip(pcm, len(pcm) / rate)

    def prune(self) -> None:
        """Bring the render cache down to its set size."""
        if self.renderer is not None:
            self.renderer.prune(self.settings.audio.cache_mb)


def _renderer_of(project: Project) -> Renderer | None:
    from tuiprefs.rating.setup import make_renderer

    return make_renderer(project)


def _player_of(settings: Settings) -> Player:
    from tuiprefs.music.player import open_player

    return open_player(settings.audio.device)
