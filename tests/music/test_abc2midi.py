from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import psutil
import pytest

from tests.music.helpers import TUNE
from tuiprefs.music import abc2midi
from tuiprefs.music.abc2midi import compile_abc, find_abc2midi, without_directives
from tuiprefs.music.midi import read_notes
from tuiprefs.music.render_settings import RenderSettings
from tuiprefs.project.errors import UserError

SETTINGS = RenderSettings(timeout_seconds=20)


def program(folder: Path, body: str) -> str:
    """A shell script that stands in for abc2midi: ``$1`` is the text, ``$3`` the MIDI file to write."""
    path = folder / "fake"
    path.write_text("#!/bin/sh\n" + body, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_tune_compiles_to_its_notes() -> None:
    compiled = compile_abc(TUNE, SETTINGS)
    assert (compiled.outcome, compiled.errors) == ("ok", ())
    assert compiled.midi is not None
    notes = read_notes(compiled.midi)
    # The upbeat a, then d for two quavers, e and f sharp.
    assert notes.pitch[:4].tolist() == [69, 74, 76, 78]
    assert (notes.duration[1] / notes.duration[2]).round(1) == 2


def test_the_tempo_setting_counts_quarters() -> None:
    tune = "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n"
    for tempo in (60, 120):
        midi = compile_abc(tune, RenderSettings(tempo=tempo, timeout_seconds=20)).midi
        assert midi is not None
        start = read_notes(midi).start
        assert (start[1:] - start[:-1]).round(2).tolist() == [60 / tempo] * 3


def test_a_tempo_in_the_tune_wins() -> None:
    midi = compile_abc("X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\nCDEF|\n", SETTINGS).midi
    assert midi is not None
    assert read_notes(midi).start[1].round(2) == 1.0


def test_errors_and_warnings_are_told_apart() -> None:
    compiled = compile_abc('X:1\nM:4/4\nL:1/4\nK:C\nCDEF|CD|"EF GA|\n', SETTINGS)
    assert compiled.outcome == "ok"
    assert compiled.errors[0].startswith("Error in line-char 5-")
    assert any("time units" in warning for warning in compiled.warnings)


@pytest.mark.parametrize("text", ["", "no tune at all\n", "\0\0\0", "CDEF|\n"])
def test_a_text_without_a_tune_does_not_compile(text: str) -> None:
    compiled = compile_abc(text, SETTINGS)
    assert (compiled.outcome, compiled.midi) == ("compile-failed", None)
    assert "No tune processed" in compiled.errors[0]


def test_a_monstrous_text_is_not_even_tried() -> None:
    compiled = compile_abc(TUNE + "C" * 300_000, SETTINGS)
    assert compiled.outcome == "compile-failed"
    assert "200,000" in compiled.errors[0]


def test_a_text_known_to_hang_is_stopped_and_reaped() -> None:
    compiled = compile_abc("X:1\nP:A999999999\nK:C\nP:A\nCDE|\n", RenderSettings(timeout_seconds=0.3))
    assert (compiled.outcome, compiled.midi) == ("render-timeout", None)
    assert "stopped after 0.3 s" in compiled.errors[-1]
    assert psutil.Process().children(recursive=True) == []


def test_a_crash_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", program(tmp_path, 'printf MThd > "$3"; kill -SEGV $$\n'))
    compiled = compile_abc(TUNE, SETTINGS)
    assert (compiled.outcome, compiled.midi) == ("render-crashed", None)
    assert signal.strsignal(signal.SIGSEGV) in compiled.errors[-1]


def test_output_is_read_without_end_but_kept_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = 'i=0; while [ $i -lt 3000 ]; do echo "Error number $i and many more words"; i=$((i+1)); done\n'
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", program(tmp_path, body))
    compiled = compile_abc(TUNE, SETTINGS)
    assert compiled.outcome == "compile-failed"
    assert len(compiled.errors) == 200
    endless = program(tmp_path, "exec yes Error\n")
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", endless)
    assert compile_abc(TUNE, RenderSettings(timeout_seconds=0.3)).outcome == "render-timeout"


def test_what_the_program_starts_dies_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "pid"
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", program(tmp_path, f"sleep 60 & echo $! > {note}; wait\n"))
    assert compile_abc(TUNE, RenderSettings(timeout_seconds=0.5)).outcome == "render-timeout"
    grandchild = int(note.read_text())
    # Killed, it is nobody's child here, so it is gone as soon as the system's init has seen to it.
    if psutil.pid_exists(grandchild):
        assert psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems lack some of the limits")
def test_the_child_runs_under_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = 'echo "Error $(ulimit -t) $(ulimit -f) $(ulimit -v) $(ulimit -c) $(pwd)"\n'
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", program(tmp_path, body))
    compiled = compile_abc(TUNE, RenderSettings(timeout_seconds=4))
    # CPU seconds, file size in 512-byte blocks (2 MB), address space in KiB (1 GiB), no core files.
    assert compiled.errors == (f"Error 5 {2_000_000 // 512 + 1} {1024**2} 0 /",)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit's unit differs elsewhere")
def test_an_endless_midi_file_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", program(tmp_path, 'exec cat /dev/zero > "$3"\n'))
    compiled = compile_abc(TUNE, SETTINGS)
    assert (compiled.outcome, compiled.midi) == ("render-crashed", None)


INCLUDES = [
    "%%abc-include {}",
    "  %%abc-include {}",
    "\t%%abc-include {}",
    "%%%abc-include {}",
    "% %abc-include {}",
    "%\t %abc-include {}",
    "%%MIDI program 1\n% %abc-include {}",
    "C|\r%%abc-include {}",
    "C|\\\n%%abc-include {}",
    "\f%%abc-include {}",
    "I:abc-include {}",
    "[I:abc-include {}]",
]


@pytest.mark.parametrize("line", INCLUDES)
def test_no_spelling_includes_a_file(line: str, tmp_path: Path) -> None:
    # The path is short: abc2midi reads at most 79 characters of it.
    included = Path(f"/tmp/tuiprefs-include-{os.getpid()}.abc")
    included.write_text("b4|\n", encoding="utf-8")
    try:
        text = f"X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n{line.format(included)}\nCDEF|\n"
        midi = compile_abc(text, SETTINGS).midi
    finally:
        included.unlink()
    assert midi is not None
    assert set(read_notes(midi).pitch) <= {60, 62, 64, 65}


def test_the_include_test_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    included = Path(f"/tmp/tuiprefs-include-{os.getpid()}.abc")
    included.write_text("b4|\n", encoding="utf-8")
    monkeypatch.setattr(abc2midi, "without_directives", lambda text: text)
    try:
        midi = compile_abc(f"X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n% %abc-include {included}\n", SETTINGS).midi
    finally:
        included.unlink()
    assert midi is not None
    assert 83 in read_notes(midi).pitch


def test_harmless_directives_stay_and_columns_too() -> None:
    text = "X:1\nI:linebreak $\nK:C\n%%MIDI program 73 %x\nCD [I:voice] EF % words\n"
    assert without_directives(text) == "X:1\n%\nK:C\n%%MIDI program 73 %\nCD [r:voice] EF %\n"


def test_a_program_directive_is_obeyed() -> None:
    midi = compile_abc("X:1\nM:4/4\nL:1/4\nK:C\n%%MIDI program 73\nCDEF|\n", SETTINGS).midi
    assert midi is not None
    assert set(read_notes(midi).program) == {73}


def test_the_program_is_sought_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = program(tmp_path, "")
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", named)
    assert find_abc2midi() == Path(named)
    monkeypatch.delenv("TUIPREFS_ABC2MIDI")
    native = tmp_path / "abc2midi"
    native.symlink_to(named)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_abc2midi() == native
    native.unlink()
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep)
    bundled = find_abc2midi()
    assert bundled is not None
    assert bundled.parts[-3:] == ("symusic", "bin", "abc2midi")


def test_no_program_is_a_plain_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abc2midi, "find_abc2midi", lambda: None)
    with pytest.raises(UserError, match="install the Python package symusic"):
        compile_abc(TUNE, SETTINGS)
    monkeypatch.undo()
    monkeypatch.setenv("TUIPREFS_ABC2MIDI", "/nowhere/abc2midi")
    with pytest.raises(UserError, match="/nowhere/abc2midi cannot be run"):
        compile_abc(TUNE, SETTINGS)
