from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.music.helpers import cents_off, midi_file, tempo, track
from tuiprefs.music.midi import Notes, read_notes
from tuiprefs.music.soundfont import bundled_font
from tuiprefs.music.synth import Synth, instrument_of, limit

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
PROGRAMS = {"piano": 0, "fiddle": 40, "flute": 73, "accordion": 21, "harp": 46, "guitar": 24}
# The range in which tunes lie: c below middle C to e''' (corpus: 99.9% of notes are inside).
RANGE = (48, 88)


@pytest.fixture(scope="module")
def synth() -> Synth:
    return Synth(bundled_font())


def notes_of(*notes: tuple[float, float, int], velocity: int = 100, channel: int = 0) -> Notes:
    """Notes of (start, duration, pitch)."""
    start, duration, pitch = np.array(notes, np.float64).reshape(-1, 3).T
    same = np.full(len(start), 1)
    return Notes(start, duration, pitch.astype(np.int64), same * velocity, same * 0, same * channel)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_note_is_in_tune(synth: Synth, name: str) -> None:
    instrument = bundled_font().instrument(name)
    for pitch in range(max(RANGE[0], instrument.lowest), min(RANGE[1], instrument.highest) + 1):
        note = synth.tone(name, pitch, 0.6)[1764:26_000].astype(np.float64)
        assert abs(cents_off(note, pitch)) <= 5, pitch


def test_the_pitch_meter_is_right() -> None:
    time = np.arange(26_000) / 44_100
    for pitch, cents in ((48, -40.0), (69, 0.0), (80, 17.0), (88, 30.0)):
        frequency = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
        tone = sum(np.sin(2 * np.pi * k * frequency * time) / k for k in range(1, 8))
        assert cents_off(np.asarray(tone), pitch) == pytest.approx(cents, abs=0.5)


@pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not FLUID.exists(), reason="needs fluidsynth and FluidR3_GM.sf2"
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_notes_agree_with_fluidsynth(synth: Synth, name: str, tmp_path: Path) -> None:
    pitches = list(range(57, 87, 4))
    program = (0, bytes([0xC0, PROGRAMS[name]]))
    events = [
        event
        for pitch in pitches
        for event in ((0, bytes([0x90, pitch, 100])), (600, bytes([0x80, pitch, 0])), (400, b"\xb0\x07\x64"))
    ]
    # 1,000 ticks a second, a note of 0.6 s each second.
    midi = tmp_path / "scale.mid"
    midi.write_bytes(midi_file(track((0, tempo(1_000_000)), program, *events), division=1000))
    wav = tmp_path / "scale.wav"
    command = ["fluidsynth", "-ni", "-q", "-R0", "-C0", "-F", wav, "-T", "wav", "-r", "44100", FLUID, midi]
    subprocess.run([str(c) for c in command], capture_output=True, check=True)
    theirs, _ = soundfile.read(str(wav))
    ours = synth.render(read_notes(midi.read_bytes()), name, 60)[0]
    for number, pitch in enumerate(pitches):
        where = slice(number * 44_100 + 1764, number * 44_100 + 26_000)
        heard = [cents_off(sound[where].astype(np.float64), pitch) for sound in (ours, theirs[:, 0])]
        # FluidR3's own zones are up to 21 cents off; the nearest wrong note would be 100.
        assert abs(heard[0] - heard[1]) < 25, (pitch, heard)


def test_instruments_are_about_equally_loud(synth: Synth) -> None:
    levels = {}
    for name in PROGRAMS:
        scale = [synth.tone(name, pitch, 0.22)[:11_025] for pitch in range(60, 85)]
        levels[name] = 10 * np.log10(np.mean(np.square(scale, dtype=np.float64)))
    assert max(levels.values()) - min(levels.values()) < 5, levels


def test_onsets_are_quick_enough_for_a_reel(synth: Synth) -> None:
    for name in PROGRAMS:
        for pitch in range(60, 85):
            note = synth.tone(name, pitch, 0.5)[:22_050].astype(np.float64)
            level = np.sqrt(np.convolve(note**2, np.ones(441) / 441, "same"))
            assert np.argmax(level > level.max() / 2) < 0.08 * 44_100, (name, pitch)


def test_the_same_notes_give_the_same_bits_whatever_was_played_before() -> None:
    tune = notes_of((0, 0.3, 60), (0.3, 2.6, 62), (0.9, 0.2, 64), (1.2, 1.0, 60))
    fresh = Synth(bundled_font()).render(tune, "fiddle", 10)
    used = Synth(bundled_font(), cache_mb=0.5)  # room for three short notes: tables come and go
    for pitch, seconds in ((62, 0.1), (60, 5.0), (64, 1.5), (62, 3.0), (70, 1.0)):
        used.tone("fiddle", pitch, seconds)
    assert np.array_equal(used.render(tune, "fiddle", 10), fresh)
    assert np.array_equal(used.render(tune, "fiddle", 10), fresh)


def test_threads_share_a_synth(synth: Synth) -> None:
    tune = notes_of(*[(0.1 * i, 0.15, 60 + i % 12) for i in range(40)])
    expected = Synth(bundled_font()).render(tune, "flute", 10)
    results: list[bool] = []
    shared = Synth(bundled_font(), cache_mb=1)

    def work() -> None:
        for _ in range(3):
            results.append(np.array_equal(shared.render(tune, "flute", 10), expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 12


def test_a_note_starts_on_time_dies_away_and_scales_with_velocity(synth: Synth) -> None:
    loud = synth.render(notes_of((0.5, 0.4, 69), velocity=127), "flute", 10)[0]
    release = bundled_font().instrument("flute").release
    assert not loud[: 22_050 - 1].any()
    assert np.abs(loud[22_050:24_000]).max() > 0.01
    assert len(loud) == round((0.9 + release) * 44_100)
    assert loud[-1] == 0
    assert np.abs(loud[-200:]).max() < 1e-3 * np.abs(loud).max()
    soft = synth.render(notes_of((0.5, 0.4, 69), velocity=64), "flute", 10)[0]
    # SoundFont 2: amplitude goes with the square of velocity.
    assert np.abs(soft).max() / np.abs(loud).max() == pytest.approx((64 / 127) ** 2, rel=1e-4)


def test_a_clip_is_cut_at_its_length_with_a_fade(synth: Synth) -> None:
    audio = synth.render(notes_of((0, 5, 69), (3, 1, 72)), "accordion", 1.0)
    assert audio.shape == (1, 44_100)
    assert audio[0, -1] == 0
    assert np.abs(audio[0, -1000:-500]).max() > 0.05


def test_nothing_clips_however_many_voices(synth: Synth) -> None:
    chord = notes_of(*[(0.0, 2.0, pitch) for pitch in range(40, 90)], velocity=127)
    audio = synth.render(chord, "accordion", 5)
    assert 0.5 < np.abs(audio).max() <= 0.8901
    quiet = np.full((2, 1000), 0.5, np.float32)
    assert limit(quiet, 100) is quiet


def test_the_limiter_turns_down_smoothly_and_only_around_the_peak() -> None:
    audio = np.full((1, 10_000), 0.5, np.float32)
    audio[0, 5000] = 3.0
    limited = limit(audio.copy(), 100)[0]
    gain = limited / audio[0]
    assert np.abs(limited).max() <= 0.8901
    assert np.allclose(gain[:4800], 1)
    assert np.allclose(gain[5300:], 1)
    assert np.abs(np.diff(gain)).max() < 0.02


def test_thousands_of_voices_cost_a_bounded_amount(synth: Synth) -> None:
    audio = synth.render(notes_of(*[(0.001 * i, 30.0, 60 + i % 20) for i in range(5000)]), "piano", 60)
    assert np.isfinite(audio).all()
    # 10 s is the longest note, and 150 of them fill the 1,500 voice-seconds.
    assert audio.shape[1] == round((0.149 + 10 + bundled_font().instrument("piano").release) * 44_100)


def test_other_channels_stand_beside_the_melody(synth: Synth) -> None:
    melody = synth.render(notes_of((0, 0.5, 69)), "flute", 5)
    assert melody.shape[0] == 1
    beside = synth.render(notes_of((0, 0.5, 69), channel=1), "flute", 5)
    assert beside.shape[0] == 2
    left, right = np.abs(beside).max(axis=1)
    assert right > left
    # Constant power: both sides together as loud as the middle.
    assert left**2 + right**2 == pytest.approx(2 * float(np.abs(melody).max()) ** 2, rel=1e-3)


def test_programs_choose_the_nearest_instrument() -> None:
    assert instrument_of(0, "flute") == "flute"
    families = {1: "piano", 15: "harp", 22: "accordion", 25: "guitar", 40: "fiddle", 46: "harp", 73: "flute"}
    assert {program: instrument_of(program, "piano") for program in families} == families
    assert {instrument_of(program, "piano") for program in range(128)} <= set(bundled_font().names)


def test_no_notes_make_no_sound(synth: Synth) -> None:
    assert synth.render(notes_of(), "piano", 10).shape == (1, 0)
