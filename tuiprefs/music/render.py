"""The way of a tune to sound: ABC to MIDI to PCM, each stage kept in a cache on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tuiprefs.music.abc2midi import Outcome, compile_abc
from tuiprefs.music.midi import read_notes
from tuiprefs.music.render_cache import Entry, RenderCache
from tuiprefs.music.render_settings import RenderSettings
from tuiprefs.music.soundfont import bundled_font
from tuiprefs.music.synth import Synth
from tuiprefs.music.wav import Pcm, encode_wav, is_whole_wav, read_wav
from tuiprefs.project.errors import UserError

__all__ = ["RENDER_VERSION", "RenderSettings", "Rendered", "Renderer", "render_many"]

RENDER_VERSION = 1
"""Raised whenever the same text and settings would sound or be judged otherwise."""


@dataclass(frozen=True)
class Rendered:
    """One text and what became of it.

    ``errors`` and ``warnings`` are the compiler's messages. ``sounding_seconds`` is the whole tune's length
    at the set speed, whatever part was rendered. ``midi_path`` is None unless ``outcome`` is ``ok``;
    ``audio_path`` also where only ``check`` was asked for.
    """

    outcome: Outcome
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    sounding_seconds: float
    note_count: int
    distinct_pitches: int
    abc_path: Path
    midi_path: Path | None
    audio_path: Path | None
    settings: RenderSettings

    def load(self) -> Pcm:
        """The audio as int16 ``(frames, 2)``; no frames if the tune did not compile.

        Audio that is missing or damaged (the cache has been pruned, say) is made again from the MIDI file.
        """
        pcm = read_wav(self.audio_path) if self.audio_path else None
        if pcm is None:
            pcm = _play(self.midi_path, self.settings) if self.midi_path else np.zeros((0, 2), np.int16)
        return np.repeat(pcm, 2, axis=1) if pcm.shape[1] == 1 else pcm


class Renderer:
    """Renders tunes, or takes them from the cache. Safe to share among threads."""

    def __init__(self, cache_dir: Path, settings: RenderSettings | None = None) -> None:
        self.settings = settings or RenderSettings()
        self.cache = RenderCache(cache_dir)
        if self.settings.instrument not in bundled_font().names:
            raise UserError(
                f"There is no instrument {self.settings.instrument!r}: set [audio] instrument to one of "
                f"{', '.join(bundled_font().names)}."
            )

    def check(self, abc: str) -> Rendered:
        """Compile ``abc`` without making audio (some 3 ms; cached 0.1 ms)."""
        entry = self.cache.entry(self.key(abc))
        return self._rendered(entry, self._found(entry, abc))

    def render(self, abc: str) -> Rendered:
        """Compile ``abc`` and make its audio. Whatever the text is, an outcome and no exception comes of it.

        UserError where abc2midi is missing, TuiprefsError where the cache cannot be written.
        """
        entry = self.cache.entry(self.key(abc))
        found = self._found(entry, abc)
        if found["outcome"] == "ok":
            if is_whole_wav(entry.audio):
                with contextlib.suppress(OSError):
                    os.utime(entry.audio)  # pruning drops what was used longest ago
            else:
                pcm = _play(entry.midi, self.settings)
                self.cache.write(entry.audio, encode_wav(pcm, self.settings.sample_rate))
        return self._rendered(entry, found)

    def prune(self, max_mb: float) -> int:
        """Bring the cache to at most ``max_mb`` megabytes, least recently used first; return bytes freed."""
        return self.cache.prune(max_mb)

    def key(self, abc: str) -> str:
        """The name of a text's files: a hash of it, of the settings that change its sound, of the version."""
        settings = asdict(self.settings)
        del settings["timeout_seconds"]
        parts = json.dumps([RENDER_VERSION, settings, abc])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]

    def _found(self, entry: Entry, abc: str) -> dict[str, Any]:
        found = self.cache.load(entry)
        if found is not None:
            return found
        compiled = compile_abc(abc, self.settings)
        notes = read_notes(compiled.midi or b"", self.settings.max_notes, self.settings.speed)
        pitches = np.unique(notes.pitch).tolist()
        found = {
            "outcome": compiled.outcome,
            "errors": compiled.errors,
            "warnings": compiled.warnings,
            "sounding_seconds": round(notes.sounding_seconds, 4),
            "note_count": len(notes),
            "pitches": pitches,
            "settings": asdict(self.settings),
            "render_version": RENDER_VERSION,
        }
        # A busy machine can make any tune late: the next time may go well.
        if compiled.outcome != "render-timeout":
            self.cache.save(entry, abc, compiled.midi, found)
        return found

    def _rendered(self, entry: Entry, found: dict[str, Any]) -> Rendered:
        compiled = found["outcome"] == "ok"
        return Rendered(
            outcome=found["outcome"],
            errors=tuple(found["errors"]),
            warnings=tuple(found["warnings"]),
            sounding_seconds=found["sounding_seconds"],
            note_count=found["note_count"],
            distinct_pitches=len(found["pitches"]),
            abc_path=entry.abc,
            midi_path=entry.midi if compiled else None,
            audio_path=entry.audio if compiled and entry.audio.exists() else None,
            settings=self.settings,
        )


def render_many(
    renderer: Renderer, texts: Iterable[str], workers: int = 2, audio: bool = True
) -> Iterator[Rendered]:
    """Render (or only check) many texts in threads, in their order.

    Threads and not processes: the compiler is a process of its own anyhow, numpy lets go of the
    interpreter, and threads share the resampled notes.
    """
    from concurrent.futures import ThreadPoolExecutor

    work = renderer.render if audio else renderer.check
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="render") as pool:
        yield from pool.map(work, texts)


@lru_cache(maxsize=2)
def _synth(sample_rate: int) -> Synth:
    return Synth(bundled_font(), sample_rate)


def _play(midi: Path, settings: RenderSettings) -> Pcm:
    """The audio of a MIDI file, ``(frames, 1 or 2)``; none if the file has gone."""
    try:
        data = midi.read_bytes()
    except OSError:
        data = b""
    notes = read_notes(data, settings.max_notes, settings.speed)
    audio = _synth(settings.sample_rate).render(notes, settings.instrument, settings.max_seconds)
    pcm = np.empty(audio.shape[::-1], np.int16)
    audio *= np.float32(32767)
    np.rint(audio, out=audio)
    pcm[:] = audio.T
    return pcm
