"""The bundled sound font: zones from ``font.json``, samples decoded when an instrument is first asked for."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuiprefs.project.assets import asset
from tuiprefs.project.errors import TuiprefsError, UserError

FORMAT = 1


@dataclass(frozen=True)
class Zone:
    """One sample and the keys (MIDI pitches ``low`` to ``high``, both included) that play it.

    ``samples`` is float32 and ends where the loop ends. From frame ``loop_start`` on the loop is repeated
    for as long as the note is held, falling by ``loop_decay`` dB a second. ``root`` is the MIDI pitch, with
    its fraction, that sounds when the sample is played at its own rate.
    """

    low: int
    high: int
    samples: NDArray[np.float32]
    loop_start: int
    root: float
    loop_decay: float


@dataclass(frozen=True)
class Instrument:
    """An instrument ready to play: its zones from low to high, which together cover every key.

    ``gain`` is linear and brings all instruments of a font to one loudness. ``release`` is the time in
    seconds in which a note dies away (by 60 dB) once it is let go. Pitches from ``lowest`` to ``highest``
    are the range that the samples were recorded for; beyond it the nearest sample is stretched.
    """

    name: str
    sample_rate: int
    gain: float
    release: float
    lowest: int
    highest: int
    zones: tuple[Zone, ...]

    def zone(self, pitch: int) -> Zone:
        """The zone that plays ``pitch`` (0 to 127)."""
        return next((zone for zone in self.zones if pitch <= zone.high), self.zones[-1])


class SoundFont:
    """A folder with ``font.json`` and one Ogg Vorbis file for each instrument. Safe to share by threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._description: dict[str, Any] = json.loads((folder / "font.json").read_text("utf-8"))
            if self._description["format"] != FORMAT:
                raise ValueError(f"format {self._description['format']}, not {FORMAT}")
            self.names = tuple(self._description["instruments"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TuiprefsError(
                f"The sound font in {folder} cannot be read ({error}): install tuiprefs again."
            ) from error
        self._loaded: dict[str, Instrument] = {}
        self._lock = threading.Lock()

    def instrument(self, name: str) -> Instrument:
        """Return an instrument, decoding its samples on the first call (some 20 ms); unknown: UserError."""
        with self._lock:
            if name not in self._loaded:
                if name not in self.names:
                    raise UserError(
                        f"The sound font has no instrument {name!r}: choose one of {', '.join(self.names)}."
                    )
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def _load(self, name: str) -> Instrument:
        # Imported here since a compile-only process (auto-fail) needs no decoder.
        import soundfile

        entry = self._description["instruments"][name]
        samples, sample_rate = soundfile.read(str(self.folder / entry["file"]), dtype="float32")
        zones = tuple(
            Zone(
                low=zone["low"],
                high=zone["high"],
                samples=_closed(
                    samples[zone["offset"] : zone["offset"] + zone["frames"]], zone["loop_start"]
                ),
                loop_start=zone["loop_start"],
                root=zone["root"],
                loop_decay=zone["loop_decay"],
            )
            for zone in entry["zones"]
        )
        return Instrument(
            name=name,
            sample_rate=sample_rate,
            gain=10 ** (entry["gain_db"] / 20),
            release=entry["release"],
            lowest=entry["lowest"],
            highest=entry["highest"],
            zones=zones,
        )


def _closed(samples: NDArray[np.float32], loop_start: int) -> NDArray[np.float32]:
    """Fade the end of a loop into what comes before its start, so that going round has no step.

    The loops are closed in the font's source; lossy compression opens them a little.
    """
    frames = min((len(samples) - loop_start) // 4, loop_start, 64)
    fade = np.linspace(0, 1, frames, dtype=np.float32)
    samples[len(samples) - frames :] *= 1 - fade
    samples[len(samples) - frames :] += samples[loop_start - frames : loop_start] * fade
    return samples


@lru_cache(maxsize=1)
def bundled_font() -> SoundFont:
    """The font that comes with the package, one object for the whole process."""
    return SoundFont(asset("soundfont"))
