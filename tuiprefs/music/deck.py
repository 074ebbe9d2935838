"""What plays now: a clip and how far it is, read by an audio callback and watched by the app."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

_RAMP = 256  # frames, 6 ms: short enough to feel instant, long enough not to click


@dataclass
class _Clip:
    pcm: Pcm
    start: int
    next_frame: int


class Deck:
    """One clip at a time. ``play`` and ``stop`` are called by the app, ``fill`` by the audio thread only.

    The two sides share one reference, swapped whole, so neither ever waits for the other.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._clip: _Clip | None = None
        self._heard: _Clip | None = None  # the clip of the last call of fill; the audio thread's own

    def play(self, pcm: Pcm, start_seconds: float) -> None:
        """Play int16 ``(frames, 2)`` from ``start_seconds`` on, in place of what plays."""
        if pcm.ndim != 2 or pcm.shape[1] != 2 or pcm.dtype != np.int16:
            raise ValueError(f"A clip is int16 (frames, 2), not {pcm.dtype} {pcm.shape}.")
        start = min(max(round(start_seconds * self.sample_rate), 0), len(pcm))
        self._clip = _Clip(pcm, start, start)

    def stop(self) -> None:
        """Fall silent."""
        self._clip = None

    def fill(self, out: Pcm) -> None:
        """Write the next frames: the clip, ramped in where it starts midway and out where it is cut."""
        out[:] = 0
        clip = self._clip
        if self._heard is not clip:
            if self._heard is not None:
                cut = self._heard.pcm[self._heard.next_frame :][: min(_RAMP, len(out))]
                fall = np.linspace(1, 0, _RAMP, dtype=np.float32)[: len(cut), None]
                out[: len(cut)] = cut * fall
            self._heard = clip
        if clip is None:
            return
        part = clip.pcm[clip.next_frame :][: len(out)]
        if clip.next_frame == clip.start > 0:
            part = part.copy()
            part[:_RAMP] = part[:_RAMP] * np.linspace(0, 1, _RAMP, dtype=np.float32)[: len(part), None]
        # Two clips at once may exceed 16 bits for the length of the ramp.
        out[: len(part)] = np.clip(out[: len(part)].astype(np.int32) + part, -32768, 32767)
        clip.next_frame += len(part)

    def position(self, latency_seconds: float) -> float | None:
        """Seconds into the clip at the ear now, sound handed over being that late; None when silent."""
        clip = self._clip
        if clip is None:
            return None
        frame = clip.next_frame - round(latency_seconds * self.sample_rate)
        if clip.next_frame >= len(clip.pcm):
            return None
        return max(frame, clip.start) / self.sample_rate
