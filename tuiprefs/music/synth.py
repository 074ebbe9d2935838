"""Plays notes with the sample font: a pitch is resampled once and kept, a note is one multiply-and-add."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tuiprefs.music.midi import Notes
from tuiprefs.music.soundfont import Instrument, SoundFont, Zone

Audio = NDArray[np.float32]

_CHUNK_SECONDS = 0.25
_LONGEST_NOTE_SECONDS = 10.0
_CEILING = 0.89  # -1 dB of full scale, room for the overshoot of a player's resampler
_LIMITER_SECONDS = 0.02
_MOST_VOICE_SECONDS = 1_500.0  # of all notes together; a minute of full four-part chords has 240
_TONE_BYTES = 64_000_000

# General MIDI families by first program -> the nearest bundled instrument (General MIDI 1 sound set).
_FAMILIES = (
    (0, "piano"),
    (8, "harp"),
    (16, "accordion"),
    (24, "guitar"),
    (40, "fiddle"),
    (46, "harp"),
    (47, "piano"),
    (48, "fiddle"),
    (56, "flute"),
    (104, "guitar"),
    (109, "accordion"),
    (110, "fiddle"),
    (111, "flute"),
    (112, "piano"),
)


def instrument_of(program: int, default: str) -> str:
    """The bundled instrument for a General MIDI program; 0, which abc2midi takes unasked, is ``default``."""
    if program == 0:
        return default
    return next(name for first, name in reversed(_FAMILIES) if program >= first)


@dataclass
class _Voice:
    """One pitch of one instrument, resampled as far as a note has needed it so far."""

    zone: Zone
    step: float  # input frames for each output frame
    padded: Audio  # the samples, with the first frames of the loop again after the end
    table: Audio = field(default_factory=lambda: np.zeros(0, np.float32))
    chunks: int = 0


class Synth:
    """Renders notes to float32 PCM. Safe to share among threads; the same notes give the same bits."""

    def __init__(self, font: SoundFont, sample_rate: int = 44_100, cache_mb: float = 64) -> None:
        self.font = font
        self.sample_rate = sample_rate
        self._chunk = round(_CHUNK_SECONDS * sample_rate)
        self._cache_bytes = int(cache_mb * 1e6)
        self._voices: OrderedDict[tuple[str, int], _Voice] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def render(self, notes: Notes, default_instrument: str, max_seconds: float) -> Audio:
        """Play ``notes`` and return ``(channels, frames)``, 1 channel if all is in the middle, else 2.

        Peaks stay below full scale. Notes that start after ``max_seconds`` are left out and the last ones cut
        there with a short fade. Velocity acts as in SoundFont 2: amplitude (v / 127) squared. A text that
        means thousands of voices at once costs no more than some: the later ones are dropped.
        """
        held = np.minimum(notes.duration, _LONGEST_NOTE_SECONDS)
        sounding = np.flatnonzero(notes.start < max_seconds)
        sounding = sounding[np.cumsum(held[sounding]) <= _MOST_VOICE_SECONDS]
        instruments = {
            program: self.font.instrument(instrument_of(program, default_instrument))
            for program in sorted({int(p) for p in notes.program[sounding]})
        }
        tail = max((i.release for i in instruments.values()), default=0.0)
        end = float((notes.start + held)[sounding].max(initial=-tail)) + tail
        frames = round(min(end, max_seconds) * self.sample_rate)
        buses: dict[float, Audio] = {}
        tones: dict[tuple[str, int, int], Audio] = {}
        for i in sounding:
            instrument = instruments[int(notes.program[i])]
            key = (instrument.name, int(notes.pitch[i]), round(float(held[i]) * self.sample_rate))
            if key not in tones:
                if sum(tone.nbytes for tone in tones.values()) > _TONE_BYTES:
                    tones.clear()
                tones[key] = self._tone(instrument, key[1], key[2])
            pan = _pan(int(notes.channel[i]))
            if pan not in buses:
                buses[pan] = np.zeros(frames, np.float32)
            start = round(float(notes.start[i]) * self.sample_rate)
            part = buses[pan][start : start + len(tones[key])]
            part += tones[key][: len(part)] * np.float32((notes.velocity[i] / 127) ** 2)
        return self._finish(_mix(buses, frames))

    def tone(self, instrument_name: str, pitch: int, seconds: float) -> Audio:
        """One note at full velocity held for ``seconds``, with its release: ``(frames,)``."""
        instrument = self.font.instrument(instrument_name)
        return self._tone(instrument, pitch, round(seconds * self.sample_rate))

    def _tone(self, instrument: Instrument, pitch: int, held: int) -> Audio:
        fall = _release(round(instrument.release * self.sample_rate))
        tone = self._table(instrument, pitch, held + len(fall))[: held + len(fall)].copy()
        tone[held:] *= fall
        return tone

    def _table(self, instrument: Instrument, pitch: int, frames: int) -> Audio:
        """At least ``frames`` frames of an endless note of this pitch."""
        with self._lock:
            key = (instrument.name, pitch)
            voice = self._voices.pop(key, None) or _new_voice(instrument, pitch, self.sample_rate)
            self._voices[key] = voice
            if len(voice.table) < frames:
                # Whole chunks, each computed alone: a longer table starts with the bits of a shorter one.
                new = [voice.table]
                while voice.chunks * self._chunk < frames:
                    new.append(
                        self._resample(voice, voice.chunks * self._chunk) * np.float32(instrument.gain)
                    )
                    voice.chunks += 1
                self._bytes -= voice.table.nbytes
                voice.table = np.concatenate(new)
                self._bytes += voice.table.nbytes
            while self._bytes > self._cache_bytes and len(self._voices) > 1:
                _, oldest = self._voices.popitem(last=False)
                self._bytes -= oldest.table.nbytes
            return voice.table

    def _resample(self, voice: _Voice, first: int) -> Audio:
        """Output frames ``first`` to ``first + chunk`` by four-point Hermite interpolation (Catmull-Rom)."""
        zone = voice.zone
        position = np.arange(first, first + self._chunk, dtype=np.float64) * voice.step
        beyond = position - zone.loop_start
        if beyond[-1] >= 0:
            loop = len(zone.samples) - zone.loop_start
            position = np.where(beyond < 0, position, zone.loop_start + np.mod(beyond, loop))
        index = position.astype(np.int64)
        t = (position - index).astype(np.float32)
        # The padding before the first frame shifts every index by one.
        a, b, c, d = (voice.padded[k:][index] for k in range(4))
        out: Audio = b + np.float32(0.5) * t * (
            c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))
        )
        if zone.loop_decay and beyond[-1] > 0:
            seconds = np.maximum(beyond, 0) / (voice.step * self.sample_rate)
            out *= (10 ** (-zone.loop_decay * seconds / 20)).astype(np.float32)
        return out

    def _finish(self, audio: Audio) -> Audio:
        if not audio.size:
            return audio
        fade = min(round(0.01 * self.sample_rate), audio.shape[1])
        audio[:, audio.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        return limit(audio, round(_LIMITER_SECONDS * self.sample_rate))


def limit(audio: Audio, block: int) -> Audio:
    """Turn ``(channels, frames)`` down around peaks above -1 dB, smoothly and before they come.

    A look-ahead limiter: the gain that each block of ``block`` frames needs, spread to its neighbours by a
    minimum and drawn as straight lines between the blocks' edges, which never lie above the needed gain.
    """
    if max(audio.max(initial=0), -audio.min(initial=0)) <= _CEILING:
        return audio
    peak = np.abs(audio).max(axis=0)
    blocks = -(-len(peak) // block)
    loudest = np.pad(peak, (0, blocks * block - len(peak))).reshape(blocks, block).max(axis=1)
    needed = np.pad(np.minimum(1, _CEILING / np.maximum(loudest, _CEILING)), 1, mode="edge")
    edges = np.minimum(needed[:-1], needed[1:])
    gain = np.interp(np.arange(len(peak)), np.arange(blocks + 1) * block, edges)
    limited: Audio = audio * gain.astype(np.float32)
    return limited


def _new_voice(instrument: Instrument, pitch: int, sample_rate: int) -> _Voice:
    zone = instrument.zone(pitch)
    step = instrument.sample_rate / sample_rate * 2 ** ((pitch - zone.root) / 12)
    again = np.resize(zone.samples[zone.loop_start :], 3)
    return _Voice(zone, step, np.concatenate([np.zeros(1, np.float32), zone.samples, again]))


@lru_cache(maxsize=16)
def _release(frames: int) -> Audio:
    """How a note let go dies away: exponentially to -60 dB, drawn to nothing at the end: no click."""
    time = np.linspace(0, 1, frames, endpoint=False)
    fall: Audio = (10 ** (-3 * time) * (1 - time)).astype(np.float32)
    return fall


def _pan(channel: int) -> float:
    """Where a MIDI channel stands, -1 left to 1 right: the melody in the middle, the others beside it."""
    return 0.0 if channel == 0 else (0.3 if channel % 2 else -0.3)


def _mix(buses: dict[float, Audio], frames: int) -> Audio:
    """Add the buses to one channel, or to two by the constant-power law, 1 for the middle in both."""
    if not buses:
        return np.zeros((1, frames), np.float32)
    if set(buses) == {0.0}:
        return buses[0.0][None]
    out = np.zeros((2, frames), np.float32)
    for pan, bus in buses.items():
        angle = (pan + 1) * np.pi / 4
        out[0] += bus * np.float32(np.sqrt(2) * np.cos(angle))
        out[1] += bus * np.float32(np.sqrt(2) * np.sin(angle))
    return out
