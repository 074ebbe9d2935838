from __future__ import annotations

import random

import numpy as np
import pytest

from tests.music.helpers import midi_file, tempo, track
from tuiprefs.music.midi import read_notes

# 480 ticks a quarter, 500,000 microseconds a quarter unless a file says otherwise: 0.5 s for 480 ticks.


def test_times_follow_the_tempo_changes_of_another_track() -> None:
    conductor = track((0, tempo(1_000_000)), (480, tempo(250_000)))
    part = track(
        (0, b"\x90\x3c\x50"),
        (240, b"\x80\x3c\x00"),  # half a quarter at 1 s
        (0, b"\x90\x3e\x60"),
        (480, b"\x80\x3e\x00"),  # half a quarter at 1 s, half at 0.25 s
    )
    notes = read_notes(midi_file(conductor, part))
    assert notes.start.tolist() == [0.0, 0.5]
    assert notes.duration.tolist() == [0.5, 0.625]
    assert notes.pitch.tolist() == [60, 62]
    assert notes.velocity.tolist() == [80, 96]
    assert notes.sounding_seconds == 1.125


def test_speed_divides_times() -> None:
    data = midi_file(track((480, b"\x90\x3c\x50"), (480, b"\x80\x3c\x00")))
    notes = read_notes(data, speed=2)
    assert (notes.start.tolist(), notes.duration.tolist()) == ([0.25], [0.25])


def test_running_status_and_silent_note_on() -> None:
    # The status byte is given once; a note-on without velocity lets go.
    data = midi_file(track((0, b"\x91\x3c\x50"), (480, b"\x3c\x00"), (0, b"\x40\x40"), (480, b"\x40\x00")))
    notes = read_notes(data)
    assert notes.pitch.tolist() == [60, 64]
    assert notes.start.tolist() == [0.0, 0.5]
    assert notes.channel.tolist() == [1, 1]


def test_programs_hold_for_their_channel_from_then_on() -> None:
    data = midi_file(
        track(
            (0, b"\x90\x3c\x50"),
            (10, b"\x80\x3c\x00"),
            (0, b"\xc0\x49"),
            (0, b"\xb0\x07\x64"),
            (0, b"\x90\x3e\x50"),
            (0, b"\x91\x40\x50"),
            (10, b"\x80\x3e\x00"),
            (0, b"\x81\x40\x00"),
        )
    )
    notes = read_notes(data)
    assert dict(zip(notes.pitch.tolist(), notes.program.tolist(), strict=True)) == {60: 0, 62: 73, 64: 0}


def test_percussion_is_left_out_and_held_notes_end_with_their_track() -> None:
    data = midi_file(track((0, b"\x99\x26\x50"), (0, b"\x90\x3c\x50"), (960, b"\x89\x26\x00")))
    notes = read_notes(data)
    assert notes.pitch.tolist() == [60]
    assert notes.duration.tolist() == [1.0]


def test_two_of_one_pitch_end_in_the_order_they_began() -> None:
    data = midi_file(
        track((0, b"\x90\x3c\x50"), (48, b"\x90\x3c\x40"), (48, b"\x80\x3c\x00"), (48, b"\x80\x3c\x00"))
    )
    assert read_notes(data).duration.round(6).tolist() == [0.1, 0.1]


def test_sounding_seconds_count_from_the_first_note() -> None:
    data = midi_file(track((4800, b"\x90\x3c\x50"), (480, b"\x80\x3c\x00")))
    assert read_notes(data).sounding_seconds == 0.5
    assert read_notes(b"").sounding_seconds == 0.0


def test_the_number_of_notes_is_bounded() -> None:
    many = track(*[(1, bytes([0x90, 60, 80 * (i % 2)])) for i in range(1, 2001)])
    assert len(read_notes(midi_file(many), max_notes=100)) == 100
    held = track(*[(0, bytes([0x90, 60, 80])) for _ in range(500)])
    assert len(read_notes(midi_file(held), max_notes=100)) == 100


@pytest.mark.parametrize("data", [b"", b"MThd", b"RIFF" + bytes(100), midi_file(), b"MThd" + bytes(10)])
def test_what_is_no_midi_file_has_no_notes(data: bytes) -> None:
    assert len(read_notes(data)) == 0


def test_a_file_cut_off_anywhere_gives_the_notes_before() -> None:
    events = [(24 * (i % 2), bytes([0x90, 60 + i // 2, 80 * (1 - i % 2)])) for i in range(40)]
    whole = midi_file(track((0, tempo(600_000)), *events))
    counts = [len(read_notes(whole[:length])) for length in range(len(whole) + 1)]
    assert counts[-1] == 20
    assert counts == sorted(counts)


def test_garbage_gives_finite_notes() -> None:
    rng = random.Random(7)
    events = [(rng.randrange(500), bytes([0x90, rng.randrange(128), rng.randrange(128)])) for _ in range(60)]
    whole = midi_file(track((0, tempo(600_000)), *events))
    found = 0
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 30)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        notes = read_notes(bytes(data[: rng.randrange(len(data))]))
        found += len(notes)
        assert np.isfinite(notes.start).all()
        assert np.isfinite(notes.duration).all()
        assert (notes.duration >= 0).all()
        assert ((notes.pitch >= 0) & (notes.pitch < 128)).all()
        assert notes.sounding_seconds <= 36_000
    assert found > 1000
