"""What tests of the music room share: MIDI files built by hand and an independent pitch meter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TUNE = "X:1\nT:Test\nM:6/8\nL:1/8\nK:D\nA|d2e fdB|AFA Adc|d2e fdB|ABd e2f|d2e fdB|AFA AFE|FGA B3|AFD D2:|\n"
"""The first part of a jig, played twice."""


def variable_length(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def track(*events: tuple[int, bytes]) -> bytes:
    """A track of (delta ticks, message) with its end marker."""
    body = b"".join(variable_length(delta) + message for delta, message in events) + b"\x00\xff\x2f\x00"
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def midi_file(*tracks: bytes, division: int = 480) -> bytes:
    header = (1).to_bytes(2, "big") + len(tracks).to_bytes(2, "big") + division.to_bytes(2, "big")
    return b"MThd" + (6).to_bytes(4, "big") + header + b"".join(tracks)


def tempo(microseconds: int) -> bytes:
    return b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def cents_off(sound: NDArray[np.floating], pitch: int, sample_rate: int = 44_100) -> float:
    """How far a sound is from a MIDI pitch, in cents: autocorrelation of its fundamental in frames of 60 ms.

    Partials above are filtered off (those of strings are stretched), the frames' answers weighted by energy
    (so that vibrato averages out).
    """
    nominal = 440 * 2 ** ((pitch - 69) / 12)
    spectrum = np.fft.rfft(sound, 2 * len(sound))
    frequencies = np.fft.rfftfreq(2 * len(sound), 1 / sample_rate)
    low = np.fft.irfft(spectrum * np.exp(-((frequencies / (1.4 * nominal)) ** 16)))[: len(sound)]
    size = round(0.06 * sample_rate)
    window = np.hanning(size)
    frames = np.lib.stride_tricks.sliding_window_view(low, size)[::882] * window
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 4 * size, axis=1)) ** 2, axis=1)[:, :size]
    bias = np.fft.irfft(np.abs(np.fft.rfft(window, 4 * size)) ** 2)[:size]
    correlation = correlation / np.maximum(bias, bias[0] * 1e-6)
    periods = max(1, int(0.015 * nominal))
    lag = periods * sample_rate / nominal
    reach = min(0.06, 0.35 / periods)
    first = int(lag * (1 - reach)) - 1
    peak = first + np.argmax(correlation[:, first : int(lag * (1 + reach)) + 2], axis=1)
    row = np.arange(len(peak))
    left, middle, right = (correlation[row, peak + k] for k in (-1, 0, 1))
    exact = peak + 0.5 * (left - right) / (left - 2 * middle + right)
    cents = 1200 * np.log2(periods * sample_rate / exact / nominal)
    return float(np.average(cents, weights=(frames**2).sum(axis=1)))
