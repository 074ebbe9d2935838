from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tuiprefs.music import player as player_module
from tuiprefs.music.deck import Deck
from tuiprefs.music.player import FilePlayer, SilentPlayer, open_player
from tuiprefs.project.errors import UserError


def ramp(frames: int) -> np.ndarray:
    """A clip in which each frame is its own number, negative on the right."""
    left = np.arange(frames, dtype=np.int16)
    return np.stack([left, -left], axis=1)


class Clock:
    """Stands in for the time module."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(player_module, "time", clock)
    return clock


def filled(deck: Deck, frames: int) -> np.ndarray:
    out = np.full((frames, 2), 7, np.int16)
    deck.fill(out)
    return out


def test_a_deck_hands_out_the_clip_block_by_block_and_then_silence() -> None:
    deck, clip = Deck(1000), ramp(1000)
    assert not filled(deck, 10).any()
    deck.play(clip, 0)
    heard = np.concatenate([filled(deck, 300) for _ in range(5)])
    assert np.array_equal(heard[:1000], clip)
    assert not heard[1000:].any()
    assert deck.position(0) is None


def test_a_deck_knows_how_far_it_is() -> None:
    deck = Deck(1000)
    assert deck.position(0) is None
    deck.play(ramp(1000), 0.25)
    assert deck.position(0.1) == 0.25  # nothing is at the ear yet
    filled(deck, 300)
    assert deck.position(0.1) == pytest.approx(0.45)
    deck.stop()
    assert deck.position(0.1) is None


def test_starting_midway_and_stopping_do_not_click() -> None:
    deck = Deck(44_100)
    loud = np.full((44_100, 2), 20_000, np.int16)
    deck.play(loud, 0.5)
    started = filled(deck, 1000)[:, 0].astype(int)
    assert started[0] == 0
    assert np.abs(np.diff(started)).max() < 100
    assert (started[300:] == 20_000).all()
    deck.stop()
    stopped = filled(deck, 1000)[:, 0].astype(int)
    assert stopped[0] == 20_000
    assert np.abs(np.diff(stopped)).max() < 100
    assert not stopped[300:].any()


def test_switching_clips_stays_within_16_bits() -> None:
    deck = Deck(44_100)
    loud = np.full((44_100, 2), 32_767, np.int16)
    deck.play(loud, 0)
    filled(deck, 500)
    deck.play(loud.copy(), 0)
    assert (filled(deck, 500) == 32_767).all()
    deck.play(np.zeros((0, 2), np.int16), 0)
    assert not filled(deck, 500)[256:].any()


@pytest.mark.parametrize("bad", [np.zeros((5, 2)), np.zeros(5, np.int16), np.zeros((5, 1), np.int16)])
def test_a_deck_refuses_other_shapes(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="int16"):
        Deck(1000).play(bad, 0)


def test_the_silent_player_keeps_the_clock(clock: Clock) -> None:
    player = open_player("silent")
    assert (player.description, player.playing, player.position()) == ("sound: off", False, None)
    player.play(ramp(22_050), start_seconds=0.1)
    clock.now += 0.15
    assert player.playing
    assert player.position() == pytest.approx(0.25)
    clock.now += 0.25
    assert (player.playing, player.position()) == (False, None)  # the half second is over
    player.play(ramp(22_050))
    player.stop()
    assert player.position() is None
    player.close()


def test_the_file_player_writes_what_was_heard(clock: Clock, tmp_path: Path) -> None:
    path, clip = tmp_path / "heard.wav", ramp(30_000)
    player = open_player(f"file:{path}")
    assert isinstance(player, FilePlayer)
    player.play(clip, start_seconds=0.1)
    clock.now += 0.2
    player.play(clip)  # cuts the first short
    clock.now += 100  # far beyond its end
    player.close()
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (44_100, 2, 2)
        heard = np.frombuffer(file.readframes(10**6), "<i2").reshape(-1, 2)
    assert np.array_equal(heard, np.concatenate([clip[4410 : 4410 + 8820], clip]))


def test_unknown_kinds_and_unwritable_files_are_plain_sentences(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'gramophone'.*auto, sounddevice"):
        open_player("gramophone")
    with pytest.raises(UserError, match="cannot be written"):
        open_player(f"file:{tmp_path}/none/heard.wav")


def test_whatever_goes_wrong_with_a_device_ends_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("PortAudio library not found\nand more")

    monkeypatch.setattr(player_module, "SoundDevicePlayer", broken)
    monkeypatch.setattr(player_module, "MiniaudioPlayer", broken)
    player = open_player("auto")
    assert isinstance(player, SilentPlayer)
    assert player.description == "no sound device: silent"
    assert open_player("sounddevice").description == "sounddevice: PortAudio library not found: silent"


def run_player(kind: str, body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys, time; import numpy as np; from tuiprefs.music.player import open_player\n"
        f"player = open_player({kind!r})\n"
        "left = (20000 * np.sin(np.arange(30000) * 0.05)).astype(np.int16)\n"
        "clip = np.stack([left, -left], axis=1)\n" + body
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("kind", ["auto", "sounddevice", "miniaudio"])
def test_without_a_device_there_is_silence_and_not_a_word(kind: str, tmp_path: Path) -> None:
    config = tmp_path / "asound.conf"
    config.write_text("pcm.!default { type hw card 99 }\n", encoding="utf-8")
    done = run_player(
        kind,
        "player.play(clip); print(player.description, player.position() is not None); player.close()",
        ALSA_CONFIG_PATH=str(config),
        PULSE_SERVER="unix:/nowhere",
        JACK_NO_START_SERVER="1",
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.strip().endswith("silent True")


@pytest.mark.skipif(
    sys.platform != "linux" or ctypes.util.find_library("asound") is None, reason="needs ALSA's library"
)
@pytest.mark.parametrize("kind", ["sounddevice", "miniaudio"])
def test_a_device_gets_the_clip_bit_for_bit(kind: str, tmp_path: Path) -> None:
    if kind == "sounddevice" and ctypes.util.find_library("portaudio") is None:
        pytest.skip("needs PortAudio")
    capture, config = tmp_path / "capture.wav", tmp_path / "asound.conf"
    # ALSA's own plugins: what is played goes to a file, at full speed.
    config.write_text(
        "pcm.null { type null }\n"
        'pcm.!default { type plug slave.pcm "capture" }\n'
        f'pcm.capture {{ type file slave {{ pcm "null" }} file "{capture}" format "wav" }}\n',
        encoding="utf-8",
    )
    done = run_player(
        kind,
        "print(player.description); player.play(clip); deadline = time.monotonic() + 20\n"
        "while player.playing and time.monotonic() < deadline: time.sleep(0.01)\n"
        "print(player.playing); player.close()",
        ALSA_CONFIG_PATH=str(config),
        PULSE_SERVER="unix:/nowhere",
        JACK_NO_START_SERVER="1",
    )
    assert done.stderr == ""
    description, playing = done.stdout.splitlines()
    assert kind in description
    assert playing == "False"
    data = capture.read_bytes()[44:]
    heard = np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2)
    left = (20000 * np.sin(np.arange(30000) * 0.05)).astype(np.int16)
    first = np.flatnonzero(heard.any(axis=1))[0] - 1  # the clip's own first frame is zero
    assert np.array_equal(heard[first : first + 30_000], np.stack([left, -left], axis=1))
