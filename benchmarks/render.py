"""Measures the way of a tune to sound against abc2midi with timidity or fluidsynth on the full FluidR3 font.

    python benchmarks/render.py [--quick] [--json]

Tunes are real ones from the corpus inside the installed music21 package (read as files). CPU time is this
process's and its children's, each tune from its ABC to audio of the same length and speed in a file,
nothing cached but the resampled notes. Chains that are not installed are left out. Spectral correlation is
Pearson's between magnitude spectra in semitone bands of our audio and fluidsynth's dry audio (power of both
sides), of the same MIDI file: `whole` of the spectra averaged over the tune, `moments` of the spectrograms
(93 ms frames).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from tuiprefs.music.abc2midi import compile_abc, find_abc2midi
from tuiprefs.music.midi import read_notes
from tuiprefs.music.render import Renderer, RenderSettings, render_many
from tuiprefs.music.soundfont import bundled_font
from tuiprefs.music.synth import Synth

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
PROGRAMS = {"piano": 0, "fiddle": 40, "flute": 73, "accordion": 21, "harp": 46, "guitar": 24}
LONGEST_SECONDS = 60.0
BAND_FLOOR_HZ = 27.5


def corpus(count: int, seed: int = 1) -> list[str]:
    """Random real tunes that sound for 5 to 60 s."""
    package = importlib.util.find_spec("music21")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The benchmark takes its tunes from the Python package music21: install it.")
    folder = Path(package.submodule_search_locations[0], "corpus")
    tunes = []
    for name in ("oneills1850", "ryansMammoth", "airdsAirs"):
        for file in sorted((folder / name).glob("*.abc")):
            text = file.read_text("utf-8", "replace")
            tunes += ["X:" + part for part in text.split("\nX:")[1:]] + (
                [text.split("\nX:")[0]] if text.startswith("X:") else []
            )
    random.Random(seed).shuffle(tunes)
    settings, chosen = RenderSettings(speed=1.0), []
    for tune in tunes:
        compiled = compile_abc(tune, settings)
        if compiled.midi and 5 <= read_notes(compiled.midi).sounding_seconds <= LONGEST_SECONDS - 1:
            chosen.append(tune)
        if len(chosen) == count:
            break
    return chosen


def cpu_seconds() -> float:
    """CPU time of this process and its ended children so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall-clock seconds of ``work()``."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    return cpu_seconds() - cpu, time.perf_counter() - wall


def run(*command: str | Path) -> None:
    """Run a program, its output dropped."""
    subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def native_chains(folder: Path) -> dict[str, Callable[[Path], None]]:
    """The installed chains, each rendering one MIDI file to ``folder``."""
    chains: dict[str, Callable[[Path], None]] = {}
    if not FLUID.exists():
        return chains
    wav = folder / "native.wav"
    if shutil.which("timidity"):
        config = folder / "timidity.cfg"
        config.write_text(f"soundfont {FLUID}\n", encoding="utf-8")
        chains["abc2midi + timidity, FluidR3"] = lambda midi: run(
            "timidity", "-c", config, "-Ow", "-s", "44100", "-o", wav, midi
        )
    if shutil.which("fluidsynth"):
        chains["abc2midi + fluidsynth, FluidR3"] = lambda midi: run(
            "fluidsynth", "-ni", "-q", "-F", wav, "-T", "wav", "-r", "44100", FLUID, midi
        )
    return chains


def throughput(tunes: list[str], folder: Path) -> dict[str, Any]:
    """CPU milliseconds a tune of each chain, ours at speed 1 so that all clips are equally long."""
    renderer = Renderer(folder / "ours", RenderSettings(speed=1.0, max_seconds=LONGEST_SECONDS))
    cpu, wall = measure(lambda: list(render_many(renderer, tunes, workers=2)))
    checker = Renderer(folder / "checked", RenderSettings(speed=1.0))
    check_cpu, check_wall = measure(lambda: list(render_many(checker, tunes, workers=2, audio=False)))
    _, cached_wall = measure(lambda: [renderer.render(tune) for tune in tunes])
    result: dict[str, Any] = {
        "tunes": len(tunes),
        "audio_seconds_a_tune": statistics.mean(renderer.render(t).sounding_seconds for t in tunes),
        "ours": {"cpu_ms": 1e3 * cpu / len(tunes), "tunes_per_second": len(tunes) / wall},
        "ours, check only": {
            "cpu_ms": 1e3 * check_cpu / len(tunes),
            "tunes_per_second": len(tunes) / check_wall,
        },
        "ours, cached": {"wall_ms": 1e3 * cached_wall / len(tunes)},
    }
    abc, midi = folder / "native.abc", folder / "native.mid"
    for name, chain in native_chains(folder).items():

        def render_all(chain: Callable[[Path], None] = chain) -> None:
            for tune in tunes:
                abc.write_text(tune, encoding="utf-8")
                run(find_abc2midi() or "abc2midi", abc, "-o", midi, "-Q", "130")
                chain(midi)

        native_cpu, _ = measure(render_all)
        result[name] = {"cpu_ms": 1e3 * native_cpu / len(tunes), "times_ours": native_cpu / cpu}
    return result


def first_sound(tunes: list[str], folder: Path, repeats: int) -> dict[str, float]:
    """Wall-clock seconds from starting Python to PCM in hand, in fresh processes with an empty cache."""
    script = (
        "import sys; from pathlib import Path; from tuiprefs.music.render import Renderer; "
        "Renderer(Path(sys.argv[1])).render(Path(sys.argv[2]).read_text()).load()"
    )
    seconds = []
    for number, tune in enumerate(tunes[:repeats]):
        text = folder / "first.abc"
        text.write_text(tune, encoding="utf-8")
        cache = str(folder / f"first-{number}")
        wall = time.perf_counter()
        subprocess.run([sys.executable, "-c", script, cache, str(text)], check=True, env=dict(os.environ))
        seconds.append(time.perf_counter() - wall)
    return {"median_seconds": statistics.median(seconds), "worst_seconds": max(seconds)}


def in_semitones(audio: NDArray[Any]) -> NDArray[np.float64]:
    """Magnitude spectrogram of ``(frames, channels)`` in semitone bands: ``(moments, bands)``."""
    size = 4096
    frequencies = np.fft.rfftfreq(size, 1 / 44_100)
    band = np.round(12 * np.log2(np.maximum(frequencies, BAND_FLOOR_HZ) / BAND_FLOOR_HZ)).astype(int)
    power = np.zeros((0, 0))
    for channel in audio.T:
        frames = np.lib.stride_tricks.sliding_window_view(channel.astype(np.float64), size)[::1024]
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
        power = spectrum if not power.size else power + spectrum
    bands = np.zeros((len(power), band.max() + 1))
    for number in range(len(frequencies)):
        bands[:, band[number]] += power[:, number]
    return np.sqrt(bands)


def likeness(tunes: list[str], folder: Path) -> dict[str, dict[str, float]]:
    """Spectral correlation with fluidsynth for each instrument."""
    if not shutil.which("fluidsynth") or not FLUID.exists():
        return {}
    synth, settings = Synth(bundled_font()), RenderSettings(speed=1.0)
    midi, wav = folder / "like.mid", folder / "like.wav"
    result = {}
    for name, program in PROGRAMS.items():
        whole, moments = [], []
        for tune in tunes:
            compiled = compile_abc(tune.replace("\nK:", f"\n%%MIDI program {program}\nK:", 1), settings)
            if compiled.midi is None:
                continue
            midi.write_bytes(compiled.midi)
            run("fluidsynth", "-ni", "-q", "-R0", "-C0", "-F", wav, "-T", "wav", "-r", "44100", FLUID, midi)
            theirs, _ = soundfile.read(str(wav))
            ours = synth.render(read_notes(compiled.midi), name, 20).T
            length = min(len(ours), len(theirs))
            a, b = in_semitones(ours[:length]), in_semitones(theirs[:length])
            whole.append(float(np.corrcoef(a.mean(0), b.mean(0))[0, 1]))
            moments.append(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]))
        result[name] = {"whole": statistics.mean(whole), "moments": statistics.mean(moments)}
    return result


def pitch_error() -> dict[str, dict[str, float]]:
    """Cents off equal temperament of each instrument over its range, by the fundamental of a 0.6 s note."""
    synth, result = Synth(bundled_font()), {}
    for name in bundled_font().names:
        instrument, cents = bundled_font().instrument(name), []
        for pitch in range(instrument.lowest, instrument.highest + 1):
            nominal = 440 * 2 ** ((pitch - 69) / 12)
            note = synth.tone(name, pitch, 0.6)[1764:26_460].astype(np.float64)
            size = 1 << 18
            spectrum = np.abs(np.fft.rfft(note * np.hanning(len(note)), size)) ** 2
            frequencies = np.fft.rfftfreq(size, 1 / 44_100)
            near = np.abs(1200 * np.log2(np.maximum(frequencies, 1) / nominal)) < 80
            centre = np.average(frequencies[near], weights=spectrum[near])
            cents.append(abs(1200 * np.log2(centre / nominal)))
        result[name] = {"mean_cents": float(np.mean(cents)), "worst_cents": float(np.max(cents))}
    return result


def main() -> int:
    """Entry of the command line."""
    parser = argparse.ArgumentParser(description="Measure the render path against native chains.")
    parser.add_argument("--quick", action="store_true", help="few tunes, some 20 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    tunes = corpus(10 if arguments.quick else 50)
    with tempfile.TemporaryDirectory(prefix="tuiprefs-bench-") as name:
        folder = Path(name)
        report = {
            "throughput": throughput(tunes, folder),
            "first_sound_cold": first_sound(tunes, folder, 3 if arguments.quick else 9),
            "spectral_correlation": likeness(tunes[: 2 if arguments.quick else 8], folder),
            "pitch_error": pitch_error(),
        }
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 0


def show(report: dict[str, Any], indent: str = "") -> None:
    """Print nested figures as lines."""
    for name, value in report.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            show(value, indent + "  ")
        else:
            print(
                f"{indent}{name:32s} {value:.3f}"
                if isinstance(value, float)
                else f"{indent}{name:32s} {value}"
            )


if __name__ == "__main__":
    sys.exit(main())
