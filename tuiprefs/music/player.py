"""Plays clips through whatever sound device there is; without one, a silent player keeps the clock."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tuiprefs.music.deck import Deck, Pcm
from tuiprefs.music.quiet import silenced_stderr
from tuiprefs.project.errors import UserError

SAMPLE_RATE = 44_100
# Asked of the device. Less and Python, busy drawing a screen, comes too late to fill the next buffer.
_LATENCY_SECONDS = 0.03


class Player(Protocol):
    """Something that plays one clip at a time. Every method returns at once; any thread may call it."""

    @property
    def description(self) -> str:
        """One line for the status bar, e.g. ``sound: default (sounddevice)``."""

    @property
    def playing(self) -> bool:
        """Whether a clip is sounding."""

    def play(self, pcm: Pcm, start_seconds: float = 0.0) -> None:
        """Play int16 ``(frames, 2)`` at 44.1 kHz from ``start_seconds`` on, in place of what plays."""

    def stop(self) -> None:
        """Fall silent."""

    def position(self) -> float | None:
        """Seconds into the clip, or None when silent."""

    def close(self) -> None:
        """Let go of the device."""


def open_player(kind: str = "auto") -> Player:
    """Open a player: ``auto``, ``sounddevice``, ``miniaudio``, ``silent`` or ``file:PATH``.

    ``auto`` takes the first that opens of sounddevice, miniaudio and silent. A named one that does not open
    is silent too, with the reason in its description; no device is never an error. Opening may take seconds
    (a sound server being started), and prints nothing. An unknown kind or an unwritable file: UserError.
    """
    if kind == "silent":
        return SilentPlayer("sound: off")
    if kind.startswith("file:"):
        return FilePlayer(Path(kind.removeprefix("file:")).expanduser())
    backends: dict[str, Callable[[], Player]] = {
        "sounddevice": SoundDevicePlayer,
        "miniaudio": MiniaudioPlayer,
    }
    if kind not in ("auto", *backends):
        raise UserError(
            f"There is no sound device {kind!r}: set [audio] device to auto, sounddevice, miniaudio, silent "
            "or file:PATH."
        )
    for name in backends if kind == "auto" else (kind,):
        with silenced_stderr():
            # Whatever a missing library or a broken sound set-up raises, rating goes on without sound.
            try:
                return backends[name]()
            except Exception as error:
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return SilentPlayer("no sound device: silent" if kind == "auto" else f"{kind}: {reason}: silent")


class SilentPlayer:
    """Plays nothing in real time, so that progress still moves."""

    def __init__(self, description: str = "no sound device: silent") -> None:
        self.description = description
        self._clip: tuple[Pcm, float, float] | None = None  # pcm, start in seconds, when it began

    @property
    def playing(self) -> bool:
        """Whether a clip would be sounding."""
        return self.position() is not None

    def play(self, pcm: Pcm, start_seconds: float = 0.0) -> None:
        """See ``Player``."""
        self._clip = (pcm, start_seconds, time.monotonic())

    def stop(self) -> None:
        """See ``Player``."""
        self._clip = None

    def position(self) -> float | None:
        """See ``Player``."""
        clip = self._clip
        if clip is None:
            return None
        pcm, start, began = clip
        seconds = start + time.monotonic() - began
        return seconds if seconds * SAMPLE_RATE < len(pcm) else None

    def close(self) -> None:
        """See ``Player``."""
        self.stop()


class FilePlayer(SilentPlayer):
    """Writes to a WAV file what would have been heard, one clip after the other without the pauses."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sound: written to {path}")
        try:
            self._stream = path.open("wb")
        except OSError as error:
            raise UserError(f"The sound cannot be written to {path}: {error.strerror}.") from error
        self._file = wave.open(self._stream, "wb")  # noqa: SIM115 - open as long as the player is
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(SAMPLE_RATE)
        self._file.writeframes(b"")

    def play(self, pcm: Pcm, start_seconds: float = 0.0) -> None:
        """See ``Player``; what was playing is written as far as it got."""
        self._write()
        super().play(pcm, start_seconds)

    def stop(self) -> None:
        """See ``Player``; what was playing is written as far as it got."""
        self._write()
        super().stop()

    def close(self) -> None:
        """See ``Player``; the file is whole afterwards."""
        self.stop()
        self._file.close()
        self._stream.close()

    def _write(self) -> None:
        if self._clip is not None:
            pcm, start, began = self._clip
            first = round(start * SAMPLE_RATE)
            heard = pcm[first : first + round((time.monotonic() - began) * SAMPLE_RATE)]
            self._file.writeframes(heard.astype("<i2", copy=False).tobytes())


class _DeckPlayer:
    """What the players with a device share."""

    description: str

    def __init__(self) -> None:
        self._deck = Deck(SAMPLE_RATE)
        self._latency = _LATENCY_SECONDS

    @property
    def playing(self) -> bool:
        """Whether a clip is sounding."""
        return self.position() is not None

    def play(self, pcm: Pcm, start_seconds: float = 0.0) -> None:
        """See ``Player``."""
        self._deck.play(pcm, start_seconds)

    def stop(self) -> None:
        """See ``Player``."""
        self._deck.stop()

    def position(self) -> float | None:
        """See ``Player``."""
        return self._deck.position(self._latency)


class SoundDevicePlayer(_DeckPlayer):
    """PortAudio through the sounddevice package: one stream kept open, so that a key is heard at once."""

    def __init__(self) -> None:
        super().__init__()
        import sounddevice  # OSError where PortAudio is missing

        device = sounddevice.query_devices(kind="output")
        self._stream = sounddevice.OutputStream(
            samplerate=SAMPLE_RATE,
            channels=2,
            dtype="int16",
            latency=_LATENCY_SECONDS,
            callback=self._callback,
        )
        self._stream.start()
        self._latency = float(self._stream.latency)
        self.description = f"sound: {device['name']} (sounddevice)"

    def _callback(self, out: Pcm, frames: int, moment: Any, status: Any) -> None:
        self._deck.fill(out)

    def close(self) -> None:
        """See ``Player``."""
        self.stop()
        with silenced_stderr():
            self._stream.close()


class MiniaudioPlayer(_DeckPlayer):
    """miniaudio, which brings its own back ends, for systems without PortAudio."""

    def __init__(self) -> None:
        super().__init__()
        import miniaudio

        self._device = miniaudio.PlaybackDevice(
            output_format=miniaudio.SampleFormat.SIGNED16,
            nchannels=2,
            sample_rate=SAMPLE_RATE,
            buffersize_msec=20,
            app_name="tuiprefs",
        )
        source = self._source()
        next(source)
        self._device.start(source)
        self.description = f"sound: {self._device.backend} (miniaudio)"

    def _source(self) -> Generator[bytes, int, None]:
        frames = yield b""
        while True:
            out = np.empty((frames, 2), np.int16)
            self._deck.fill(out)
            frames = yield out.tobytes()

    def close(self) -> None:
        """See ``Player``."""
        self.stop()
        with silenced_stderr():
            self._device.close()
