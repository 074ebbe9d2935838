"""16-bit WAV files: what the cache holds, since writing one costs a tenth of encoding FLAC."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]


def encode_wav(pcm: Pcm, sample_rate: int) -> bytes:
    """A WAV file of int16 ``(frames, channels)``."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm.astype("<i2", copy=False).tobytes())
    return buffer.getvalue()


def read_wav(path: Path) -> Pcm | None:
    """A 16-bit WAV file as int16 ``(frames, channels)``; None if it is missing, cut off or something else."""
    try:
        with path.open("rb") as stream, wave.open(stream) as file:
            frames, channels = file.getnframes(), file.getnchannels()
            data = file.readframes(frames)
            if file.getsampwidth() != 2 or len(data) != frames * channels * 2:
                return None
    except (OSError, EOFError, wave.Error):
        return None
    return np.frombuffer(data, "<i2").reshape(-1, channels).astype(np.int16, copy=False)


def is_whole_wav(path: Path) -> bool:
    """Whether a file is a WAV file with as many bytes as its header says (some 30 microseconds)."""
    try:
        with path.open("rb") as stream, wave.open(stream) as file:
            expected = file.getnframes() * file.getnchannels() * file.getsampwidth()
            return bool(stream.seek(0, io.SEEK_END) >= expected + 44)
    except (OSError, EOFError, wave.Error):
        return False
