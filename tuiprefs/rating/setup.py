"""From a project to the parts that rating needs: renderer, auto-fail, pairs and session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tuiprefs import domains
from tuiprefs.domains.protocol import Domain
from tuiprefs.music.render import Renderer, RenderSettings
from tuiprefs.project.assets import asset
from tuiprefs.project.project import Project
from tuiprefs.rating.autofail import AutoFail, judge_unchecked
from tuiprefs.rating.blacklist import Blacklist, load_blacklist
from tuiprefs.rating.pairing import Pairer
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import Origin
from tuiprefs.store.database import Store


def project_domain(project: Project) -> Domain:
    """The domain of the project's samples."""
    return domains.get(project.settings.project.domain)


def make_renderer(project: Project) -> Renderer | None:
    """The renderer over the project's cache; None where samples make no sound."""
    if not project_domain(project).has_sound:
        return None
    audio = project.settings.audio
    settings = RenderSettings(
        tempo=audio.tempo,
        speed=audio.speed,
        instrument=audio.instrument,
        max_seconds=audio.max_seconds,
        timeout_seconds=audio.timeout_seconds,
    )
    return Renderer(project.cache_dir, settings)


def make_autofail(project: Project, renderer: Renderer | None = None) -> AutoFail:
    """The project's auto-fail rules; ``renderer`` may be one that is open already."""
    domain, settings = project_domain(project), project.settings.autofail
    # The shipped patterns are music; in words they mean nothing.
    shipped = [asset("blacklist.txt")] if domain.has_sound else []
    blacklist = load_blacklist(*shipped, *_own_blacklist(project)) if settings.blacklist else Blacklist()
    return AutoFail(domain, settings, renderer or make_renderer(project), blacklist)


def make_session(
    project: Project, store: Store, rater: str, *, origin: Origin = "human", renderer: Renderer | None = None
) -> RatingSession:
    """A rating session of ``rater`` over the project's samples, paired as the settings say."""
    pairer = Pairer(store, rater, project.settings.rating.pairing)
    return RatingSession(store, make_autofail(project, renderer), pairer, rater, origin=origin)


def check_samples(
    project: Project, store: Store, on_progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Judge every sample that has no verdict yet; returns how many each rule failed, and "ok"."""
    return judge_unchecked(store, make_autofail(project), on_progress=on_progress)


def _own_blacklist(project: Project) -> list[Path]:
    return [project.blacklist_path] if project.blacklist_path.exists() else []
