from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.music.helpers import TUNE
from tuiprefs.music import render as render_module
from tuiprefs.music.render import Rendered, Renderer, RenderSettings, render_many
from tuiprefs.music.wav import encode_wav, read_wav
from tuiprefs.project.errors import TuiprefsError, UserError

SETTINGS = RenderSettings(timeout_seconds=20)


@pytest.fixture
def renderer(tmp_path: Path) -> Renderer:
    return Renderer(tmp_path / "cache", SETTINGS)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are really compiled, not taken from the cache."""
    texts: list[str] = []
    real = render_module.compile_abc

    def counted(abc: str, settings: RenderSettings):  # type: ignore[no-untyped-def]
        texts.append(abc)
        return real(abc, settings)

    monkeypatch.setattr(render_module, "compile_abc", counted)
    return texts


def test_a_tune_becomes_sound_with_every_stage_on_disk(renderer: Renderer) -> None:
    rendered = renderer.render(TUNE)
    assert rendered.outcome == "ok"
    assert rendered.errors == ()
    assert rendered.abc_path.read_text() == TUNE
    assert rendered.midi_path is not None
    assert rendered.midi_path.read_bytes().startswith(b"MThd")
    assert rendered.audio_path is not None
    pcm = rendered.load()
    assert pcm.dtype == np.int16
    assert pcm.shape[1] == 2
    assert 3000 < np.abs(pcm.astype(int)).max() < 32767
    # An upbeat, seven bars of 6/8 and five quavers, twice: 96 at 130 quarters a minute, 1.1 times as fast.
    assert rendered.sounding_seconds == pytest.approx(96 * 0.5 * 60 / 130 / 1.1, abs=0.05)
    assert len(pcm) / 44_100 == pytest.approx(rendered.sounding_seconds + 0.22, abs=0.05)
    # In the tune's body every letter is a note.
    assert rendered.note_count == 2 * sum(letter.isalpha() for letter in TUNE.split("K:D\n")[1])
    assert rendered.distinct_pitches == len(set(TUNE.split("K:D\n")[1]) & set("ABCDEFGabcdefg"))


def test_speed_shortens_time_and_keeps_pitch(tmp_path: Path) -> None:
    tune = "X:1\nM:4/4\nL:1/1\nK:C\nA|\n"
    peaks, lengths = [], []
    for speed in (1.0, 1.5):
        rendered = Renderer(tmp_path, replace(SETTINGS, speed=speed, instrument="flute")).render(tune)
        pcm = rendered.load()[4410:44_100, 0].astype(float)
        spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), 1 << 18))
        peaks.append(np.argmax(spectrum) * 44_100 / (1 << 18))
        lengths.append(rendered.sounding_seconds)
    assert lengths[0] / lengths[1] == pytest.approx(1.5, rel=1e-3)
    assert 1200 * np.log2(peaks[1] / peaks[0]) == pytest.approx(0, abs=10)


def test_a_rendered_tune_comes_from_the_cache(renderer: Renderer, compilations: list[str]) -> None:
    first, second = renderer.render(TUNE), renderer.render(TUNE)
    assert first == second
    assert len(compilations) == 1
    other = Renderer(renderer.cache.folder, SETTINGS)
    assert other.check(TUNE).note_count == first.note_count
    assert len(compilations) == 1


def test_each_setting_that_sounds_has_its_own_files(tmp_path: Path) -> None:
    plain = Renderer(tmp_path, SETTINGS)
    changes = [
        {"tempo": 100},
        {"speed": 1.0},
        {"instrument": "harp"},
        {"sample_rate": 22_050},
        {"max_seconds": 3.0},
        {"max_notes": 10},
    ]
    sounds = [plain.render(TUNE).load()]
    for change in changes:
        renderer = Renderer(tmp_path, replace(SETTINGS, **change))  # type: ignore[arg-type]
        assert renderer.key(TUNE) != plain.key(TUNE)
        sounds.append(renderer.render(TUNE).load())
    assert len({sound.tobytes() for sound in sounds}) == len(sounds)
    assert Renderer(tmp_path, replace(SETTINGS, timeout_seconds=1)).key(TUNE) == plain.key(TUNE)
    assert plain.key(TUNE + " ") != plain.key(TUNE)


def test_checking_makes_no_audio_and_rendering_goes_on_from_there(
    renderer: Renderer, compilations: list[str]
) -> None:
    checked = renderer.check(TUNE)
    assert (checked.outcome, checked.audio_path) == ("ok", None)
    rendered = renderer.render(TUNE)
    assert rendered.audio_path is not None
    assert replace(rendered, audio_path=None) == checked
    assert len(compilations) == 1
    assert np.array_equal(checked.load(), rendered.load())


def test_two_processes_make_the_same_bits(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tuiprefs.music.render import Renderer\n"
        "Renderer(Path(sys.argv[1])).render(Path(sys.argv[2]).read_text())"
    )
    text = tmp_path / "tune.abc"
    text.write_text(TUNE, encoding="utf-8")
    sounds = []
    for number in range(2):
        cache = tmp_path / str(number)
        subprocess.run([sys.executable, "-c", script, str(cache), str(text)], check=True)
        sounds.append(next(cache.glob("??/*.wav")).read_bytes())
    assert sounds[0] == sounds[1]


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(500))


def damage_gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [damage_cut, damage_empty, damage_garbage, damage_gone])
@pytest.mark.parametrize("suffix", [".mid", ".wav", ".json"])
def test_a_damaged_file_counts_as_missing(
    suffix: str, damage: object, renderer: Renderer, compilations: list[str]
) -> None:
    whole = renderer.render(TUNE)
    expected = whole.load()
    path = whole.abc_path.with_suffix(suffix)
    assert callable(damage)
    damage(path)
    if suffix == ".wav":
        assert np.array_equal(whole.load(), expected)  # made again from the MIDI file
    again = renderer.render(TUNE)
    assert again == whole
    assert np.array_equal(again.load(), expected)
    assert len(compilations) == (1 if suffix == ".wav" else 2)


def test_findings_of_an_unknown_shape_count_as_missing(renderer: Renderer) -> None:
    whole = renderer.check(TUNE)
    for text in ("[]", "{}", "null", '{"midi_crc32": 5}', "3"):
        whole.abc_path.with_suffix(".json").write_text(text, encoding="utf-8")
        assert renderer.check(TUNE) == whole


def test_failures_are_remembered_but_not_delays(renderer: Renderer, compilations: list[str]) -> None:
    failed = renderer.render("no tune\n")
    assert (failed.outcome, failed.midi_path, failed.audio_path) == ("compile-failed", None, None)
    assert failed.load().shape == (0, 2)
    assert "No tune processed" in renderer.render("no tune\n").errors[0]
    assert len(compilations) == 1
    hasty = Renderer(renderer.cache.folder, replace(SETTINGS, timeout_seconds=0.2))
    hang = "X:1\nP:A999999999\nK:C\nP:A\nCDE|\n"
    assert [hasty.render(hang).outcome for _ in range(2)] == ["render-timeout"] * 2
    assert len(compilations) == 3


def test_a_tune_of_rests_compiles_to_silence(renderer: Renderer) -> None:
    rendered = renderer.render("X:1\nM:4/4\nL:1/4\nK:C\nz4|z4|\n")
    assert (rendered.outcome, rendered.note_count, rendered.sounding_seconds) == ("ok", 0, 0.0)
    assert rendered.load().shape == (0, 2)
    assert renderer.render("X:1\nM:4/4\nL:1/4\nK:C\nz4|z4|\n") == rendered


def test_pruning_drops_the_longest_unused_audio_first(renderer: Renderer) -> None:
    tunes = [TUNE.replace("T:Test", f"T:{number}") for number in range(4)]
    rendered = [renderer.render(tune) for tune in tunes]
    now = time.time()
    for age, one in zip((40, 30, 20, 10), rendered, strict=True):
        assert one.audio_path is not None
        os.utime(one.audio_path, (now - age, now - age))
    renderer.render(tunes[0])  # used again: now the newest
    audio_bytes = rendered[0].audio_path.stat().st_size  # type: ignore[union-attr]
    freed = renderer.prune((2 * audio_bytes + 20_000) / 1e6)
    assert freed == 2 * audio_bytes
    assert [one.audio_path.exists() for one in rendered if one.audio_path] == [True, False, False, True]
    assert all(one.midi_path and one.midi_path.exists() for one in rendered)
    assert np.array_equal(rendered[1].load(), renderer.render(tunes[1]).load())
    renderer.prune(0)
    assert list(renderer.cache.folder.glob("??/*")) == []
    assert renderer.prune(0) == 0


def test_pruning_removes_what_a_killed_process_left(renderer: Renderer) -> None:
    whole = renderer.check(TUNE)
    old, new = (whole.abc_path.parent / f".rendering-{name}" for name in ("old", "new"))
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    renderer.prune(100)
    assert (old.exists(), new.exists(), whole.abc_path.exists()) == (False, True, True)


def test_many_tunes_keep_their_order(renderer: Renderer) -> None:
    tunes = [TUNE.replace("d2e", "d2e" * (number + 1)) for number in range(8)]
    alone = [renderer.render(tune).note_count for tune in tunes]
    assert len(set(alone)) == 8
    shared = Renderer(renderer.cache.folder / "other", SETTINGS)
    assert [r.note_count for r in render_many(shared, tunes, workers=3)] == alone
    assert [r.audio_path for r in render_many(shared, ["x"], audio=False)] == [None]


def test_an_unknown_instrument_is_a_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'kazoo'.*fiddle"):
        Renderer(tmp_path, RenderSettings(instrument="kazoo"))


def test_an_unwritable_cache_is_a_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TuiprefsError, match=r"render cache in .* cannot be written"):
        Renderer(tmp_path / "file" / "cache", SETTINGS).check(TUNE)


def garbage_texts(count: int) -> list[str]:
    """Mutated tunes, spliced lines, random text and bytes, and texts known to crash or hang abc2midi."""
    rng = random.Random(11)
    alphabet = "ABCDEFGabcdefgz|:[](){}<>^_=/,'\"~.-+&!%0123456789 \n\r\t\\X:K:M:L:P:V:m:s:w:"
    texts = [
        "X:1\nP:A999999999\nK:C\nP:A\nCDE|\n",
        "X:1\nK:C\nZ99999999|\n",
        "X:1\nK:C\n" + "&&&A" * 5000,
        "X:1\nP:((((((A)9)9)9)9)9)9\nK:C\nP:A\nCDEF|\n",
        "X:1\nK:C\n" + "(" * 40_000,
        "X:1\nK:C\n" + "{" * 500 + "[" * 500,
        "X:1\nM:99999999/1\nL:1/999999999\nK:C\nC99999999999/3|\n",
        "X:1\nV:1\nK:C\n" + "".join(f"V:{n}\nCDEF|\n" for n in range(200)),
        "\ud800\udfff" * 50,
    ]
    while len(texts) < count:
        kind = rng.randrange(5)
        if kind == 0:
            text = list(TUNE)
            for _ in range(rng.randrange(1, 25)):
                text[rng.randrange(len(text))] = rng.choice(alphabet)
            texts.append("".join(text))
        elif kind == 1:
            texts.append("X:1\nK:C\n" + "".join(rng.choices(alphabet, k=rng.randrange(400))))
        elif kind == 2:
            texts.append(rng.randbytes(rng.randrange(600)).decode("latin1"))
        elif kind == 3:
            lines = TUNE.split("\n") * 3
            rng.shuffle(lines)
            texts.append("\n".join(lines))
        else:
            texts.append(TUNE[: rng.randrange(len(TUNE))] + rng.choice(alphabet) * rng.randrange(300))
    return texts


def test_500_garbage_texts_give_500_outcomes_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    renderer = Renderer(tmp_path / "cache", RenderSettings(timeout_seconds=1.5, max_seconds=5))
    results: list[Rendered] = list(render_many(renderer, garbage_texts(500), workers=2))
    outcomes = [result.outcome for result in results]
    assert len(outcomes) == 500
    assert set(outcomes) <= {"ok", "compile-failed", "render-timeout", "render-crashed"}
    assert outcomes[0] == "render-timeout"
    assert 100 < outcomes.count("ok") < 500
    for result in results:
        if result.outcome == "ok":
            assert result.audio_path is not None
        else:
            assert result.errors
    assert psutil.Process().children(recursive=True) == []
    assert list(scratch.iterdir()) == []
    assert list((tmp_path / "cache").glob("??/.rendering-*")) == []
    for found in (tmp_path / "cache").glob("??/*.json"):
        json.loads(found.read_text())


def test_wav_files_round_trip(tmp_path: Path) -> None:
    pcm = np.array([[0, 1], [-32768, 32767], [5, -5]], np.int16)
    path = tmp_path / "a.wav"
    path.write_bytes(encode_wav(pcm, 44_100))
    assert np.array_equal(read_wav(path), pcm)  # type: ignore[arg-type]
    assert path.stat().st_size == 44 + pcm.nbytes
    assert read_wav(tmp_path / "none.wav") is None


def test_nothing_heavy_is_imported_to_render(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; import tuiprefs.music.player; "
        "from tuiprefs.music.render import Renderer\n"
        "before = set(sys.modules)\n"
        "Renderer(Path(sys.argv[1])).render(Path(sys.argv[2]).read_text())\n"
        "heavy = {'torch', 'scipy', 'music21', 'symusic', 'transformers', 'sounddevice', 'miniaudio'}\n"
        "print(sorted(heavy & set(sys.modules)), 'soundfile' in before)"
    )
    text = tmp_path / "tune.abc"
    text.write_text(TUNE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(text)], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["[]", "False"]
