"""Cuts the bundled folk font out of FluidR3_GM.sf2 (MIT licence; Debian's package fluid-soundfont-gm).

    python -m tools.make_soundfont /usr/share/sounds/sf2/FluidR3_GM.sf2

writes ``assets/soundfont/``: one Ogg Vorbis file for each instrument, ``font.json``, ``LICENSE``. Of each
zone at velocity 100 it keeps one side of the stereo pair (both together would cancel: the sides are separate
recordings), drops what no note reaches, brings slow onsets forward so that a quaver of a reel is heard,
writes envelope and filter into the samples, tunes each zone to equal temperament, and levels the instruments.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from tools import ogg, sf2
from tuiprefs.music.soundfont import FORMAT, SoundFont
from tuiprefs.music.synth import Synth

Samples = NDArray[np.float64]

VELOCITY = 100
# Silent frames between zones, more than a long Vorbis block, so that none colours the next.
GAP = 4096
LOUDNESS = -21.0  # dB of full scale, K-weighted, of a scale of quavers at full velocity
SLOWEST_ONSET = 0.05  # seconds from the start to half of the sustained amplitude
QUALITY = 0.6  # of Vorbis, 0 to 1
CREDITS = """The samples in this folder are cut from Fluid (R3) SoundFont, FluidR3_GM.sf2.

Copyright (c) 2000-2002, 2008 Frank Wen <getfrank@gmail.com>
Copyright (c) 2008 Toby Smithe <tsmithe@ubuntu.com>

From its README: "I hereby release Fluid under the MIT license, as described in COPYING. [...] Fluid
was constructed in part from samples found in the public domain that I
edited/cleaned/remixed/programmed and largely from recordings of my own and in conjunction with the
people below who helped along the way: Suren M. Seron, Scott Hanan, Steve Aupperle, Chris Gillman,
Alex Taubr, Chris Prola, Andrew Klenk, Winfried Hubbe, Dylan, Tim, Gort, Uros Katic, Ethan Winer
(http://www.ethanwiner.com)"

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class Recipe:
    """What to take of one instrument: keys ``lowest`` to ``highest``, samples of at most ``seconds``.

    ``loop_seconds`` is the range in which a loop is sought where a longer sample is cut. ``release``
    overrides the font's (seconds for 60 dB): its room is larger than a fast tune bears.
    """

    program: int
    lowest: int
    highest: int
    seconds: float
    loop_seconds: tuple[float, float]
    release: float


RECIPES = {
    "fiddle": Recipe(40, 55, 88, 2.0, (0.1, 0.3), 0.22),
    "flute": Recipe(73, 60, 93, 2.0, (0.1, 0.3), 0.18),
    "accordion": Recipe(21, 53, 93, 2.2, (0.4, 1.2), 0.15),
    "harp": Recipe(46, 41, 98, 1.6, (0.03, 0.12), 1.0),
    "guitar": Recipe(24, 40, 88, 1.6, (0.03, 0.12), 0.3),
    "piano": Recipe(0, 36, 100, 1.6, (0.06, 0.3), 0.25),
}


@dataclass(frozen=True)
class Cut:
    """A zone made ready: everything but the loop and its decay is in ``samples``, which end with the loop."""

    low: int
    high: int
    samples: Samples
    sample_rate: int
    loop_start: int
    loop_decay: float
    root: float

    def held(self, seconds: float) -> Samples:
        """The sample at its own pitch and rate, looped for ``seconds``."""
        position = np.arange(round(seconds * self.sample_rate))
        beyond = position - self.loop_start
        looped = np.where(
            beyond < 0, position, self.loop_start + beyond % (len(self.samples) - self.loop_start)
        )
        decay = 10 ** (-self.loop_decay * np.maximum(beyond, 0) / self.sample_rate / 20)
        return self.samples[looped] * decay


def cut_zone(zone: sf2.Zone, recipe: Recipe) -> Cut:
    """Bake filter, level and envelope into a zone, shorten it, and tune it."""
    rate = zone.sample_rate
    samples = zone.samples.astype(np.float64)
    if zone.cutoff_hz < 0.4 * rate:
        samples = signal.sosfilt(signal.butter(2, zone.cutoff_hz, fs=rate, output="sos"), samples)
    # FluidSynth and the E-mu hardware take 0.4 dB where the standard says 1 dB of attenuation.
    samples *= 10 ** (-0.4 * zone.attenuation_db / 20)
    sustained = zone.sustain_db < 1
    loop_start, loop_end = zone.loop or (len(samples), len(samples))
    loop_decay = 0.0
    if not sustained:
        time = np.arange(len(samples)) / rate
        loop_decay = 100 / zone.decay
        fall = loop_decay * np.clip(np.minimum(time, loop_start / rate) - zone.hold, 0, None)
        samples *= 10 ** (-fall / 20)
    if loop_end > recipe.seconds * rate or zone.loop is None:
        samples, loop_start, extra = _shorten(samples, rate, recipe, sustained)
        loop_end = len(samples)
        loop_decay = extra if extra else loop_decay
    samples = samples[:loop_end]
    if sustained:
        start = _late_onset(samples, rate, loop_start)
        samples, loop_start = samples[start:], loop_start - start
        fade = round(0.008 * rate)
        samples[:fade] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    cut = Cut(zone.low, zone.high, samples, rate, loop_start, loop_decay, zone.root)
    return replace(cut, root=cut.root + measured_deviation(cut) / 100)


def _late_onset(samples: Samples, rate: int, loop_start: int) -> int:
    """Frames to drop so that half of the full amplitude is reached within ``SLOWEST_ONSET``."""
    window = round(0.01 * rate)
    level = np.sqrt(np.convolve(samples**2, np.ones(window) / window, "same"))
    reached = int(np.argmax(level >= level.max() / 2))
    return max(0, min(reached - round(SLOWEST_ONSET * rate), loop_start - window))


def _shorten(samples: Samples, rate: int, recipe: Recipe, sustained: bool) -> tuple[Samples, int, float]:
    """End a sample after the recipe's time with a loop of its own: (samples, loop start, decay in dB/s)."""
    end = min(round(recipe.seconds * rate), len(samples) - 1)
    decay = 0.0 if sustained else _decay(samples[max(0, end - rate // 2) : end], rate)
    shortest, longest = (round(s * rate) for s in recipe.loop_seconds)
    longest = min(longest, end // 3)
    # Within the loop the sample's own fall is taken out, so that going round does not pump.
    flat = samples[: end + 1] * 10 ** (decay * (np.arange(end + 1) - end) / rate / 20)
    window = min(shortest, round(0.03 * rate))
    target = flat[end - window : end]
    starts = np.arange(end - longest, end - shortest)
    segments = np.lib.stride_tricks.sliding_window_view(flat, window)[starts - window]
    likeness = segments @ target / (np.linalg.norm(segments, axis=1) * np.linalg.norm(target) + 1e-12)
    start = int(starts[np.argmax(likeness)])
    # Rebase the flattened part on the level that the sample has where the loop begins.
    flat *= 10 ** (decay * (end - start) / rate / 20)
    fade = np.linspace(0, 1, window)
    out = np.concatenate([samples[:start], flat[start:end]])
    out[-window:] = out[-window:] * (1 - fade) + flat[start - window : start] * fade
    return out, start, decay


def _decay(samples: Samples, rate: int) -> float:
    """How fast a sound falls, in dB a second, by a line through the levels of its 20 ms blocks."""
    block = round(0.02 * rate)
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    level = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-12)
    return float(max(0.0, -np.polyfit(np.arange(len(level)) * block / rate, level, 1)[0]))


def measured_deviation(cut: Cut) -> float:
    """Cents by which a zone sounds above its root: the mean over the first 0.6 s, which few notes outlast.

    The frequency is that of the fundamental (the upper partials of strings are stretched), taken from the
    turning of its phase within a band of a semitone about, and every moment counts by its energy.
    """
    rate = cut.sample_rate
    held = cut.held(0.6)
    nominal = 440 * 2 ** ((cut.root - 69) / 12)
    size = 1 << (4 * len(held) - 1).bit_length()
    cents = 1200 * np.log2(np.maximum(np.fft.fftfreq(size, 1 / rate), 1e-3) / nominal)
    band = np.fft.ifft(np.fft.fft(held, size) * np.exp(-0.5 * (cents / 100) ** 2))[: len(held)]
    band = band[round(0.04 * rate) : -round(0.02 * rate)]
    turn = np.sum(band[1:] * np.conj(band[:-1]))  # the angle of the sum is the energy-weighted mean step
    return float(1200 * np.log2(np.angle(turn) * rate / (2 * np.pi) / nominal))


def cut_instrument(font: sf2.SoundFont, recipe: Recipe) -> list[Cut]:
    """The zones of one instrument, from low to high, covering every key."""
    zones = [z for z in font.zones(recipe.program, VELOCITY) if z.pan <= 0]
    zones = sorted(
        (z for z in zones if z.high >= recipe.lowest and z.low <= recipe.highest), key=lambda z: z.low
    )
    cuts = [cut_zone(zone, recipe) for zone in zones]
    lows = [0, *(cut.low for cut in cuts[1:])]
    highs = [*(low - 1 for low in lows[1:]), 127]
    return [replace(cut, low=low, high=high) for cut, low, high in zip(cuts, lows, highs, strict=True)]


def encode(cuts: list[Cut]) -> tuple[bytes, list[dict[str, Any]]]:
    """One Vorbis file of all zones of an instrument, and their entries for ``font.json``."""
    peak = max(float(np.abs(cut.samples).max()) for cut in cuts)
    pieces, entries, offset = [], [], GAP
    for cut in cuts:
        pieces += [np.zeros(GAP), cut.samples * (0.7 / peak)]
        entries.append(
            {
                "low": cut.low,
                "high": cut.high,
                "offset": offset,
                "frames": len(cut.samples),
                "loop_start": cut.loop_start,
                "root": round(cut.root, 4),
                "loop_decay": round(cut.loop_decay, 2),
            }
        )
        offset += len(cut.samples) + GAP
    pcm = np.concatenate([*pieces, np.zeros(GAP)]).astype(np.float32)
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", cuts[0].sample_rate, 1, "VORBIS", format="OGG", compression_level=1 - QUALITY
    ) as file:
        # In blocks, since the encoder of libsndfile overruns its stack on one long write.
        for start in range(0, len(pcm), 4096):
            file.write(pcm[start : start + 4096])
    return ogg.with_serial(buffer.getvalue(), 1), entries


def loudness(synth: Synth, name: str, lowest: int, highest: int) -> float:
    """K-weighted level in dB (ITU-R BS.1770-5, filters of 48 kHz) of quavers over the range of melodies."""
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    highpass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    length = round(0.25 * synth.sample_rate)
    powers = []
    for pitch in range(max(lowest, 60), min(highest, 84) + 1):
        note = signal.sosfilt(np.array([shelf, highpass]), synth.tone(name, pitch, 0.22)[:length])
        powers.append(np.mean(np.square(note)))
    return float(10 * np.log10(np.mean(powers)))


def build(source: Path, folder: Path) -> None:
    """Write the font into ``folder``, whose content is replaced."""
    font = sf2.SoundFont(source)
    description: dict[str, Any] = {
        "format": FORMAT,
        "source": source.name,
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "license": "MIT",
        "instruments": {},
    }
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for instrument, recipe in RECIPES.items():
            cuts = cut_instrument(font, recipe)
            data, zones = encode(cuts)
            (work / f"{instrument}.ogg").write_bytes(data)
            description["instruments"][instrument] = {
                "file": f"{instrument}.ogg",
                "gain_db": 0.0,
                "release": recipe.release,
                "lowest": recipe.lowest,
                "highest": recipe.highest,
                "zones": zones,
            }
        _write(work, description)
        synth = Synth(SoundFont(work))
        for instrument, entry in description["instruments"].items():
            level = loudness(synth, instrument, entry["lowest"], entry["highest"])
            entry["gain_db"] = round(LOUDNESS - level, 2)
        _write(work, description)
        (work / "LICENSE").write_text(CREDITS, encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(work.iterdir()):
            shutil.copyfile(file, folder / file.name)
            print(f"{file.stat().st_size:>9,} bytes  {folder / file.name}", file=sys.stderr)


def _write(folder: Path, description: dict[str, Any]) -> None:
    (folder / "font.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Entry of the command line."""
    parser = argparse.ArgumentParser(description="Cut the bundled folk font out of FluidR3_GM.sf2.")
    parser.add_argument("sf2", type=Path, nargs="?", default=Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"))
    parser.add_argument("--to", type=Path, default=Path(__file__).parent.parent / "assets" / "soundfont")
    arguments = parser.parse_args()
    if not arguments.sf2.is_file():
        print(
            f"{arguments.sf2} does not exist: install Debian's package fluid-soundfont-gm, or give the path "
            "of FluidR3_GM.sf2.",
            file=sys.stderr,
        )
        return 2
    build(arguments.sf2, arguments.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
