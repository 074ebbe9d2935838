"""Reads the instruments of a SoundFont 2 file: samples with the generators that decide how they are played.

Written from the SoundFont Technical Specification 2.04 (E-mu, 2006): chunk layout in section 7, generators
and their defaults in 8.1.3, how preset and instrument zones combine in 9.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

START_OFFSET, END_OFFSET, LOOP_START_OFFSET, LOOP_END_OFFSET = 0, 1, 2, 3
START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE = 4, 12, 45, 50
MODULATION_TO_CUTOFF, CUTOFF, PAN = 11, 8, 17
MODULATION_SUSTAIN = 29
ATTACK, HOLD, DECAY, SUSTAIN, RELEASE = 34, 35, 36, 37, 38
INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, ATTENUATION = 41, 43, 44, 48
COARSE_TUNE, FINE_TUNE, SAMPLE_ID, SAMPLE_MODES, ROOT_KEY = 51, 52, 53, 54, 58

# Where no zone sets a generator. Times are timecents: 1200 * log2(seconds).
_DEFAULTS = {CUTOFF: 13500, ATTACK: -12000, HOLD: -12000, DECAY: -12000, RELEASE: -12000, ROOT_KEY: -1}


@dataclass(frozen=True)
class Zone:
    """One sample as one preset plays it.

    ``samples`` is float32 in [-1, 1) at ``sample_rate`` Hz; the loop is ``[loop_start, loop_end)`` in frames,
    or None. ``root`` is the MIDI pitch (a fraction of a semitone included) that sounds when the sample is
    played at its own rate. Times are in seconds, ``decay`` and ``release`` as the standard has them: for a
    fall of 100 dB. ``pan`` runs from -0.5 (left) to 0.5.
    """

    low: int
    high: int
    samples: NDArray[np.float32]
    sample_rate: int
    loop: tuple[int, int] | None
    root: float
    attack: float
    hold: float
    decay: float
    sustain_db: float
    release: float
    attenuation_db: float
    cutoff_hz: float
    pan: float


class SoundFont:
    """A SoundFont 2 file, its sample data mapped and not read."""

    def __init__(self, path: Path) -> None:
        self._data = np.memmap(path, np.uint8, mode="r")
        if bytes(self._data[:4]) != b"RIFF" or bytes(self._data[8:12]) != b"sfbk":
            raise ValueError(f"{path} is no SoundFont 2 file.")
        self._chunks = dict(self._walk())
        self._presets = self._records("phdr", "<20sHHHIII")
        self._preset_bags = self._records("pbag", "<HH")
        self._preset_generators = self._records("pgen", "<Hh")
        self._instruments = self._records("inst", "<20sH")
        self._instrument_bags = self._records("ibag", "<HH")
        self._instrument_generators = self._records("igen", "<Hh")
        self._headers = self._records("shdr", "<20sIIIIIBbHH")
        offset, size = self._chunks["smpl"]
        self._pcm = self._data[offset : offset + size // 2 * 2].view("<i2")

    def zones(self, program: int, velocity: int, bank: int = 0) -> list[Zone]:
        """All zones of a General MIDI program (0 to 127) that sound at ``velocity``."""
        number = next(
            (i for i, p in enumerate(self._presets[:-1]) if (p[1], p[2]) == (program, bank)),
            None,
        )
        if number is None:
            raise ValueError(f"The font has no program {program} in bank {bank}.")
        found = []
        bags = range(self._presets[number][3], self._presets[number + 1][3])
        for preset in _zones(self._preset_bags, self._preset_generators, bags, INSTRUMENT):
            if not _contains(preset, VELOCITY_RANGE, velocity):
                continue
            which = preset[INSTRUMENT]
            bags = range(self._instruments[which][1], self._instruments[which + 1][1])
            for local in _zones(self._instrument_bags, self._instrument_generators, bags, SAMPLE_ID):
                if _contains(local, VELOCITY_RANGE, velocity):
                    found.append(self._zone(preset, local))
        return [zone for zone in found if zone.low <= zone.high]

    def _zone(self, preset: dict[int, int], local: dict[int, int]) -> Zone:
        def value(generator: int) -> int:
            return local.get(generator, _DEFAULTS.get(generator, 0)) + preset.get(generator, 0)

        header = self._headers[local[SAMPLE_ID] & 0xFFFF]
        _, start, end, loop_start, loop_end, rate, pitch, correction, _, _ = header
        start += value(START_OFFSET) + 32768 * value(START_COARSE)
        end += value(END_OFFSET) + 32768 * value(END_COARSE)
        loop_start += value(LOOP_START_OFFSET) + 32768 * value(LOOP_START_COARSE)
        loop_end += value(LOOP_END_OFFSET) + 32768 * value(LOOP_END_COARSE)
        root = local.get(ROOT_KEY, -1)
        root = root if root >= 0 else (pitch if pitch < 128 else 60)
        tuning = value(COARSE_TUNE) * 100 + value(FINE_TUNE) + correction
        low, high = _range(local, KEY_RANGE)
        preset_low, preset_high = _range(preset, KEY_RANGE)
        # The filter follows the modulation envelope, which stands at its sustain level once the note speaks.
        bend = value(MODULATION_TO_CUTOFF) * (1 - min(max(value(MODULATION_SUSTAIN), 0), 1000) / 1000)
        return Zone(
            low=max(low, preset_low),
            high=min(high, preset_high),
            samples=np.multiply(self._pcm[start:end], 1 / 32768, dtype=np.float32),
            sample_rate=rate,
            loop=(loop_start - start, loop_end - start) if value(SAMPLE_MODES) & 1 else None,
            root=root - tuning / 100,
            attack=2 ** (value(ATTACK) / 1200),
            hold=2 ** (value(HOLD) / 1200),
            decay=2 ** (value(DECAY) / 1200),
            sustain_db=min(max(value(SUSTAIN), 0), 1000) / 10,
            release=2 ** (value(RELEASE) / 1200),
            attenuation_db=max(value(ATTENUATION), 0) / 10,
            cutoff_hz=8.176 * 2 ** ((value(CUTOFF) + bend) / 1200),
            pan=value(PAN) / 1000,
        )

    def _walk(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield the name of each leaf chunk with (offset, size) of its content."""
        pending = [(12, len(self._data))]
        while pending:
            position, end = pending.pop()
            while position + 8 <= end:
                name = bytes(self._data[position : position + 4])
                (size,) = struct.unpack("<I", bytes(self._data[position + 4 : position + 8]))
                if name == b"LIST":
                    pending.append((position + 12, position + 8 + size))
                else:
                    yield name.decode("latin1"), (position + 8, size)
                position += 8 + size + size % 2

    def _records(self, chunk: str, layout: str) -> list[tuple[int, ...]]:
        offset, size = self._chunks[chunk]
        whole = size // struct.calcsize(layout) * struct.calcsize(layout)
        return list(struct.iter_unpack(layout, bytes(self._data[offset : offset + whole])))


def _zones(
    bags: list[tuple[int, ...]], generators: list[tuple[int, ...]], numbers: range, last: int
) -> Iterator[dict[int, int]]:
    """Yield the generators of each zone that ends in ``last``, over those of the global zone before them."""
    common: dict[int, int] = {}
    for number in numbers:
        local = {g[0]: g[1] for g in generators[bags[number][0] : bags[number + 1][0]]}
        if last in local:
            yield {**common, **local}
        elif number == numbers.start:
            common = local


def _range(generators: dict[int, int], generator: int) -> tuple[int, int]:
    packed = generators.get(generator, 127 << 8) & 0xFFFF
    return packed & 255, packed >> 8


def _contains(generators: dict[int, int], generator: int, value: int) -> bool:
    low, high = _range(generators, generator)
    return low <= value <= high
