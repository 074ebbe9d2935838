"""Auto-fail: the rules, in order, by which a sample counts as broken without being heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from tuiprefs.domains.protocol import Domain
from tuiprefs.music.render_settings import RenderSettings
from tuiprefs.project.settings import AutofailSettings
from tuiprefs.rating.blacklist import Blacklist
from tuiprefs.rating.repetition import repetition_fault, spaceless, spaceless_music
from tuiprefs.store.database import Store
from tuiprefs.store.samples import SampleRecord, count_samples, list_samples, set_verdicts

RULES = (
    "not-abc",
    "does-not-compile",
    "too-many-errors",
    "render-timeout",
    "render-crashed",
    "too-short",
    "repetition",
    "blacklist",
)
"""Names of the rules, in the order in which they are tried; text has ``not-text`` and no sound."""

_CHUNK = 128


class Compiled(Protocol):
    """What auto-fail reads of a tune that was compiled."""

    @property
    def outcome(self) -> str:
        """ok, compile-failed, render-timeout or render-crashed."""
        ...

    @property
    def errors(self) -> Sequence[str]:
        """Errors that the compiler printed."""
        ...

    @property
    def sounding_seconds(self) -> float:
        """Length of the whole tune at the playing speed, in seconds."""
        ...

    @property
    def settings(self) -> RenderSettings:
        """How it was compiled."""
        ...


class Compiler(Protocol):
    """What compiles a tune without making audio of it (``music.render.Renderer``)."""

    def check(self, abc: str) -> Compiled:
        """Compile one tune; bad tunes are outcomes, never exceptions."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What auto-fail says of one sample."""

    verdict: Literal["ok", "broken"]
    rule: str | None = None
    """Name of the rule that failed it; None for a good sample."""

    detail: str | None = None
    """What that rule found, in words."""


class AutoFail:
    """All rules with their settings. May be called from several threads at once."""

    def __init__(
        self, domain: Domain, settings: AutofailSettings, renderer: Compiler | None, blacklist: Blacklist
    ) -> None:
        """``renderer`` may be None for a domain without sound."""
        if domain.has_sound and renderer is None:
            raise ValueError(f"the {domain.name} domain has sound, so its rules need a renderer")
        self.domain = domain
        self.settings = settings
        self.renderer = renderer
        self.blacklist = blacklist

    def judge(self, text: str) -> Verdict:
        """The first rule that ``text`` breaks, or ok."""
        for rule, detail in self._faults(text):
            return Verdict("broken", rule, detail)
        return Verdict("ok")

    def _faults(self, text: str) -> Iterator[tuple[str, str]]:
        """Every rule that ``text`` breaks, found one after another as they are asked for."""
        settings = self.settings
        if reason := self.domain.check(text):
            yield f"not-{self.domain.name}", f"as a text it is {reason}"
        body = spaceless_music(text) if self.domain.has_sound else spaceless(text)
        if self.domain.has_sound and self.renderer is not None:
            compiled = self.renderer.check(self.domain.source(text))
            yield from _compiler_faults(compiled, settings.max_errors * len(body) / 100)
            # The limit is meant for the tempo as written, so that playing faster breaks no tune.
            seconds = compiled.sounding_seconds * compiled.settings.speed
            if seconds < settings.minimum_seconds:
                yield "too-short", f"{seconds:.2f} s of sound, less than {settings.minimum_seconds:g} s"
        if (n := len(text.strip())) < settings.minimum_characters:
            yield "too-short", f"{n} characters, fewer than {settings.minimum_characters}"
        if settings.repetition and (
            fault := repetition_fault(
                body,
                coefficient=settings.zlib_coefficient,
                exponent=settings.zlib_exponent,
                longest_run=settings.longest_run,
            )
        ):
            yield "repetition", fault
        if settings.blacklist and (
            pattern := self.blacklist.match(text, body if self.domain.has_sound else None)
        ):
            yield "blacklist", pattern


def _compiler_faults(compiled: Compiled, allowed_errors: float) -> Iterator[tuple[str, str]]:
    errors = compiled.errors
    first = f": {' '.join(errors[0].split())}" if errors else ""
    if compiled.outcome == "compile-failed":
        yield "does-not-compile", f"abc2midi makes no MIDI of it{first}"
    if len(errors) > allowed_errors:
        yield "too-many-errors", f"{len(errors)} compiler errors, more than {allowed_errors:.3g}{first}"
    if compiled.outcome == "render-timeout":
        yield "render-timeout", "compiling it took too long"
    elif compiled.outcome != "ok":
        yield "render-crashed", "the compiler crashed on it"


def with_verdicts(
    store: Store, autofail: AutoFail, samples: Sequence[SampleRecord], pool: ThreadPoolExecutor | None = None
) -> list[SampleRecord]:
    """The same samples, those without a verdict judged first and their verdicts stored."""
    unchecked = [sample for sample in samples if sample.verdict is None]
    if not unchecked:
        return list(samples)
    judge_all = map if pool is None else pool.map
    verdicts = dict(
        zip(
            (sample.id for sample in unchecked),
            judge_all(autofail.judge, [sample.text for sample in unchecked]),
            strict=True,
        )
    )
    set_verdicts(store, [(id_, one.verdict, one.rule, one.detail) for id_, one in verdicts.items()])
    return [
        replace(sample, verdict=one.verdict, rule=one.rule, detail=one.detail)
        if (one := verdicts.get(sample.id))
        else sample
        for sample in samples
    ]


def judge_unchecked(
    store: Store,
    autofail: AutoFail,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Give a verdict to every sample that has none, ``workers`` at a time.

    Verdicts are stored in batches, so that an interruption loses little. ``on_progress`` gets the numbers
    done and found. Returns how many samples each rule failed, and how many are "ok".
    """
    total, done = count_samples(store, verdict="unchecked"), 0
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        while chunk := list_samples(store, verdict="unchecked", limit=_CHUNK):
            counts.update(sample.rule or "ok" for sample in with_verdicts(store, autofail, chunk, pool))
            done += len(chunk)
            if on_progress is not None:
                on_progress(done, max(total, done))
    return dict(counts)
