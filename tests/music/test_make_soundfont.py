from __future__ import annotations

import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tools import ogg, sf2
from tools.make_soundfont import Recipe, cut_zone, encode, measured_deviation

RATE = 32_000
RECIPE = Recipe(program=5, lowest=50, highest=80, seconds=0.8, loop_seconds=(0.03, 0.1), release=0.2)


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def generators(**values: int) -> bytes:
    """Generator records in the order given, e.g. ``g54=1``."""
    return b"".join(struct.pack("<HH", int(name[1:]), value & 0xFFFF) for name, value in values.items())


def font_file(samples: np.ndarray) -> bytes:
    """A SoundFont of one preset (program 5): a global zone and two zones, the upper for loud notes only.

    Laid out by hand after section 7 of the SoundFont 2.04 specification.
    """
    pcm = (samples * 32767).astype("<i2").tobytes()
    name = b"test".ljust(20, b"\0")
    end = b"EO".ljust(20, b"\0")
    keys_low, keys_high, loud = 60 << 8, (127 << 8) | 61, (127 << 8) | 120
    zones = [
        generators(g38=-1200),  # global: release 0.5 s
        generators(g43=keys_low, g17=-500, g52=20, g54=1, g58=57, g53=0),
        generators(g43=keys_high, g44=loud, g37=1000, g36=1200, g51=-1, g58=57, g53=0),
    ]
    bags, offset = b"", 0
    for zone in zones:
        bags += struct.pack("<HH", offset // 4, 0)
        offset += len(zone)
    bags += struct.pack("<HH", offset // 4, 0)
    preset = [generators(g48=100, g36=1200), generators(g41=0)]
    body = b"".join(
        [
            chunk(b"phdr", struct.pack("<20sHHHIII", name, 5, 0, 0, 0, 0, 0)
                  + struct.pack("<20sHHHIII", end, 0, 0, 2, 0, 0, 0)),
            chunk(b"pbag", struct.pack("<HHHHHH", 0, 0, 2, 0, 3, 0)),
            chunk(b"pmod", bytes(10)),
            chunk(b"pgen", b"".join(preset) + bytes(4)),
            chunk(b"inst", struct.pack("<20sH", name, 0) + struct.pack("<20sH", end, 3)),
            chunk(b"ibag", bags),
            chunk(b"imod", bytes(10)),
            chunk(b"igen", b"".join(zones) + bytes(4)),
            chunk(b"shdr", struct.pack("<20sIIIIIBbHH", name, 0, len(samples), 8000, 9600, RATE, 60, 5, 0, 1)
                  + struct.pack("<20sIIIIIBbHH", end, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
        ]
    )  # fmt: skip
    lists = (
        chunk(b"LIST", b"INFO" + chunk(b"ifil", struct.pack("<HH", 2, 1)))
        + chunk(b"LIST", b"sdta" + chunk(b"smpl", pcm))
        + chunk(b"LIST", b"pdta" + body)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(lists)) + b"sfbk" + lists


def tone(cents: float, seconds: float = 1.0, decay: float = 0.0) -> np.ndarray:
    """MIDI pitch 57 (220 Hz), so many cents off, with two overtones, falling by ``decay`` dB a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = 220 * 2 ** (cents / 1200)
    wave = sum(np.sin(2 * np.pi * k * frequency * time) / k for k in (1, 2, 3))
    return np.asarray(0.4 * wave * 10 ** (-decay * time / 20))


@pytest.fixture
def font(tmp_path: Path) -> sf2.SoundFont:
    path = tmp_path / "test.sf2"
    path.write_bytes(font_file(tone(0)))
    return sf2.SoundFont(path)


def test_zones_are_read_as_the_standard_combines_them(font: sf2.SoundFont) -> None:
    (zone,) = font.zones(program=5, velocity=100)
    assert (zone.low, zone.high, zone.sample_rate, zone.loop) == (0, 60, RATE, (8000, 9600))
    # Root 57, tuned up by 20 (fine) + 5 (the sample's own correction) cents: untuned, 56.75 sounds.
    assert zone.root == pytest.approx(56.75)
    assert zone.release == pytest.approx(0.5)
    assert zone.pan == -0.5
    assert zone.attenuation_db == 10
    assert zone.decay == pytest.approx(2 ** ((-12000 + 1200) / 1200))  # the preset adds to the default
    assert zone.samples[:3].tolist() == pytest.approx(tone(0)[:3].tolist(), abs=1e-4)
    both = font.zones(program=5, velocity=125)
    assert len(both) == 2
    assert both[1].root == pytest.approx(57.95)
    assert both[1].sustain_db == 100
    assert both[1].loop is None
    assert both[1].decay == pytest.approx(4.0)  # 1,200 + 1,200 timecents


def test_what_is_no_font_is_refused(font: sf2.SoundFont, tmp_path: Path) -> None:
    (tmp_path / "no.sf2").write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(ValueError, match=r"no\.sf2 is no SoundFont"):
        sf2.SoundFont(tmp_path / "no.sf2")
    with pytest.raises(ValueError, match="no program 6"):
        font.zones(program=6, velocity=100)


@pytest.mark.parametrize("cents", [-30.0, 0.0, 12.5])
def test_a_zone_is_tuned_to_what_it_sounds(font: sf2.SoundFont, cents: float) -> None:
    (zone,) = font.zones(program=5, velocity=100)
    samples = tone(cents).astype(np.float32)
    # Whole periods of 220 Hz * 2 ** (cents / 1200), so that the loop itself is in tune.
    period = RATE / (220 * 2 ** (cents / 1200))
    zone = replace(zone, samples=samples, loop=(8000, 8000 + round(60 * period)))
    cut = cut_zone(zone, RECIPE)
    assert cut.root == pytest.approx(57 + cents / 100, abs=0.02)
    assert abs(measured_deviation(cut)) < 0.5


def test_a_long_pluck_is_cut_with_a_loop_that_goes_on_falling(font: sf2.SoundFont) -> None:
    zone = font.zones(program=5, velocity=125)[1]
    zone = replace(zone, samples=tone(0, seconds=3, decay=30).astype(np.float32), decay=1000.0)
    cut = cut_zone(zone, RECIPE)
    assert len(cut.samples) == pytest.approx(0.8 * RATE, abs=2)
    assert 0.03 <= (len(cut.samples) - cut.loop_start) / RATE <= 0.1
    assert cut.loop_decay == pytest.approx(30, abs=1.5)
    held = cut.held(2.5)
    reference = tone(0, seconds=3, decay=30)
    for second in (0.5, 1.0, 1.5, 2.0):
        where = slice(round(second * RATE), round((second + 0.2) * RATE))
        difference = 10 * np.log10(np.mean(held[where] ** 2) / np.mean(reference[where] ** 2))
        # 10 dB of the preset's attenuation count 0.4 each.
        assert difference == pytest.approx(-4, abs=1.5), second


def test_a_slow_onset_is_brought_forward(font: sf2.SoundFont) -> None:
    (zone,) = font.zones(program=5, velocity=100)
    swell = tone(0) * np.clip(np.arange(RATE) / (0.5 * RATE), 0, 1)
    cut = cut_zone(replace(zone, samples=swell.astype(np.float32), loop=(20_000, 24_800)), RECIPE)
    level = np.sqrt(np.convolve(cut.samples**2, np.ones(320) / 320, "same"))
    assert np.argmax(level > level.max() / 2) / RATE == pytest.approx(0.05, abs=0.01)


def test_encoding_twice_gives_the_same_bytes_and_the_samples_back(font: sf2.SoundFont) -> None:
    cuts = [cut_zone(zone, RECIPE) for zone in font.zones(program=5, velocity=125)]
    (first, entries), (second, _) = encode(cuts), encode(cuts)
    assert first == second
    decoded, rate = soundfile.read(io.BytesIO(first))
    assert rate == RATE
    for cut, entry in zip(cuts, entries, strict=True):
        part = decoded[entry["offset"] : entry["offset"] + entry["frames"]]
        assert np.corrcoef(part, cut.samples)[0, 1] > 0.995


def test_an_ogg_page_keeps_its_content_under_another_serial() -> None:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", RATE, 1, "VORBIS", format="OGG") as file:
        file.write(tone(0))
    data = buffer.getvalue()
    changed = ogg.with_serial(data, 77)
    assert len(changed) == len(data)
    assert changed[14:18] == b"\x4d\0\0\0"
    # A wrong checksum would make the decoder skip the page.
    assert np.array_equal(soundfile.read(io.BytesIO(changed))[0], soundfile.read(io.BytesIO(data))[0])
    with pytest.raises(ValueError, match="byte 0"):
        ogg.with_serial(b"RIFF" + bytes(50), 1)
