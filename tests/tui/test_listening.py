"""Left, then right, then silence."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tui.fakes import RATE, FakeClock, FakePlayer
from tuiprefs.tui.listening import SILENCE, Listening, Sounding
from tuiprefs.tui.services import Clip

LEFT, RIGHT = 10, 6


def clip(seconds: int) -> Clip:
    return Clip(np.zeros((seconds * RATE, 2), np.int16), float(seconds))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def listening(clock: FakeClock) -> Listening:
    made = Listening(FakePlayer(clock))
    made.load(clip(LEFT), clip(RIGHT))
    return made


def test_right_follows_left_and_then_it_is_silent(listening, clock):
    listening.play_both()
    clock.now = 9.9
    assert listening.tick() == Sounding("left", 9.9)
    clock.now = 10.0
    assert listening.tick() == Sounding("right", 0.0)
    clock.now = 15.9
    assert listening.tick() == Sounding("right", pytest.approx(5.9))
    clock.now = 16.0
    assert listening.tick() == SILENCE
    assert listening.player.played == [LEFT * RATE, RIGHT * RATE]


def test_a_replayed_side_is_not_followed_by_the_other(listening, clock):
    listening.play("left")
    clock.now = 10.0
    assert listening.tick() == SILENCE


def test_replay_begins_again_at_once(listening, clock):
    listening.play_both()
    clock.now = 4.0
    listening.play("right")
    assert listening.tick() == Sounding("right", 0.0)
    clock.now = 10.5
    assert listening.tick() == SILENCE


def test_toggle_stops_and_plays_both(listening, clock):
    listening.toggle()
    clock.now = 2.0
    assert listening.tick().side == "left"
    listening.toggle()
    assert listening.tick() == SILENCE
    assert not listening.player.playing
    listening.toggle()
    assert listening.tick() == Sounding("left", 0.0)


def test_without_sound_on_the_left_the_right_one_plays(listening):
    listening.load(Clip(None, 0.0, "no sound"), clip(RIGHT))
    listening.play_both()
    assert listening.tick() == Sounding("right", 0.0)


def test_without_any_sound_it_is_silent(listening):
    listening.load(Clip(None, 0.0), Clip(None, 0.0))
    listening.play_both()
    assert listening.tick() == SILENCE
    listening.toggle()
    listening.play("right")
    assert listening.tick() == SILENCE


def test_a_new_pair_is_silent_at_first(listening):
    listening.play_both()
    listening.load(clip(3), clip(3))
    assert listening.tick() == SILENCE
    assert not listening.player.playing
