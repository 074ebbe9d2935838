"""Compiles ABC to MIDI with the program abc2midi, as a child under limits: C code on untrusted input."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Literal

from tuiprefs.music.render_settings import RenderSettings
from tuiprefs.project.errors import UserError

Outcome = Literal["ok", "compile-failed", "render-timeout", "render-crashed"]

_LONGEST_TEXT = 200_000  # characters; the longest real tune has some 5,000
_LONGEST_MIDI = 2_000_000  # bytes; a real tune has some 3,000
_LONGEST_OUTPUT = 100_000  # bytes of messages kept; the rest is read and dropped
_MOST_MESSAGES = 200
_MEMORY_KIB = 1 << 20
# A shell that limits itself and becomes abc2midi: unlike a function run between fork and exec this cannot
# deadlock in a process with threads. Limits that a system lacks (macOS: -v) are passed over. -f counts
# blocks of 512 bytes.
_LIMITED = (
    "for limit in '-c 0' '-t {cpu}' '-f {blocks}' '-v {memory}'; do ulimit $limit 2>/dev/null || :; done; "
    'exec "$@"'
)
# %%abc-include and %%MIDI ptstress read files, and abc2midi takes "% %abc-include" for the first as well.
# So all that follows a % is cut off, save the directives that only say how notes sound.
_HARMLESS = (
    r"MIDI[ \t]+(?:program|channel|transpose|rtranspose|vol|beat|nobarlines|grace|gracedivider|trim)\b"
)
_COMMENT = re.compile(rf"(%%[ \t]*{_HARMLESS}[^\r\n%]*)|%[^\r\n]*", re.IGNORECASE)
# I: is the other spelling of a directive: at the start of a line it becomes a comment, in the music a remark.
_INSTRUCTION = re.compile(r"(^|[\r\n\f\v])[ \t]*I[ \t]*:[^\r\n]*", re.IGNORECASE)
_INLINE_INSTRUCTION = re.compile(r"\[([ \t]*)I(?=[ \t]*:)", re.IGNORECASE)


@dataclass(frozen=True)
class Compiled:
    """What came of one text; ``midi`` is None unless ``outcome`` is ``ok``, messages are abc2midi's own."""

    outcome: Outcome
    midi: bytes | None
    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def find_abc2midi() -> Path | None:
    """The program: ``TUIPREFS_ABC2MIDI``, else the one on the PATH, else the one inside package symusic."""
    return _find(os.environ.get("TUIPREFS_ABC2MIDI"), os.environ.get("PATH"))


@lru_cache(maxsize=8)
def _find(named: str | None, path: str | None) -> Path | None:
    if named:
        return Path(named)
    native = shutil.which("abc2midi", path=path)
    if native:
        return Path(native)
    # Located and not imported: the import would load a compiled extension that is not used here.
    package = importlib.util.find_spec("symusic")
    for folder in (package.submodule_search_locations or ()) if package else ():
        candidate = Path(folder, "bin", "abc2midi")
        if os.access(candidate, os.X_OK):
            return candidate
    return None


def without_directives(abc: str) -> str:
    """``abc`` without the comments and directives that could read a file; notes keep line and column."""
    abc = _COMMENT.sub(lambda match: match[1] or "%", abc)
    return _INLINE_INSTRUCTION.sub(r"[\1r", _INSTRUCTION.sub(r"\1%", abc))


def compile_abc(abc: str, settings: RenderSettings) -> Compiled:
    """Compile the first tune of ``abc``; whatever the text does, an outcome and no exception comes of it.

    UserError if there is no abc2midi, or it cannot be run: that says nothing about the text.
    """
    program = find_abc2midi()
    if program is None:
        raise UserError(
            "No abc2midi was found: install the Python package symusic or your system's abcmidi, or set "
            "TUIPREFS_ABC2MIDI to the program."
        )
    if len(abc) > _LONGEST_TEXT:
        return Compiled("compile-failed", None, (f"The text has more than {_LONGEST_TEXT:,} characters.",))
    # Unnamed files, reached through their descriptors: nothing is left behind, however this process ends.
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(without_directives(abc).encode("utf-8", "replace"))
        source.seek(0)
        status, output = _run(program, source, target, settings)
        target.seek(0)
        midi = target.read(_LONGEST_MIDI + 1)
    return _judge(program, status, output, midi, settings)


def _run(
    program: Path, source: IO[bytes], target: IO[bytes], settings: RenderSettings
) -> tuple[int | None, bytes]:
    """Run the child to its end: its exit status (None: out of time, killed) and the start of its output."""
    limits = _LIMITED.format(
        cpu=math.ceil(settings.timeout_seconds) + 1, blocks=_LONGEST_MIDI // 512 + 1, memory=_MEMORY_KIB
    )
    files = [f"/dev/fd/{source.fileno()}", "-o", f"/dev/fd/{target.fileno()}"]
    child = subprocess.Popen(
        ["/bin/sh", "-c", limits, "sh", str(program), *files, "-Q", str(settings.tempo)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        pass_fds=(source.fileno(), target.fileno()),
        start_new_session=True,
    )
    deadline = time.monotonic() + settings.timeout_seconds
    try:
        assert child.stdout is not None
        output = _read(child.stdout, deadline)
        return child.wait(timeout=max(deadline - time.monotonic(), 0.001)), output
    except subprocess.TimeoutExpired as error:
        return None, error.output or b""
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _read(pipe: IO[bytes], deadline: float) -> bytes:
    """Read a pipe to its end, keeping the first ``_LONGEST_OUTPUT`` bytes; TimeoutExpired at the deadline."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    kept = bytearray()
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise subprocess.TimeoutExpired("abc2midi", deadline, bytes(kept))
        if poll.poll(remaining * 1000):
            block = os.read(pipe.fileno(), 65536)
            if not block:
                return bytes(kept)
            kept += block[: _LONGEST_OUTPUT - len(kept)]


def _judge(
    program: Path, status: int | None, output: bytes, midi: bytes, settings: RenderSettings
) -> Compiled:
    errors, warnings = _messages(output.decode("utf-8", "replace"))
    if status is None or status == -signal.SIGXCPU:
        stopped = f"abc2midi was stopped after {settings.timeout_seconds:g} s."
        return Compiled("render-timeout", None, (*errors, stopped), warnings)
    if status in (126, 127):  # the shell's own word that it could not start the program
        raise UserError(f"The abc2midi at {program} cannot be run: set TUIPREFS_ABC2MIDI to one that can.")
    if status < 0:
        ended = f"abc2midi crashed ({signal.strsignal(-status) or -status})."
        return Compiled("render-crashed", None, (*errors, ended), warnings)
    if len(midi) > _LONGEST_MIDI:
        return Compiled("render-crashed", None, (*errors, "abc2midi wrote without end."), warnings)
    if not midi.startswith(b"MThd"):
        return Compiled("compile-failed", None, errors or ("abc2midi wrote no MIDI.",), warnings)
    return Compiled("ok", midi, errors, warnings)


def _messages(output: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The errors and warnings among what abc2midi printed, at most ``_MOST_MESSAGES`` of each."""
    lines = [line.strip()[:200] for line in output.splitlines()]
    errors = [line for line in lines if line.startswith(("Error", "**error", "eputc:"))]
    warnings = [line for line in lines if line.startswith(("Warning", "**warning"))]
    return tuple(errors[:_MOST_MESSAGES]), tuple(warnings[:_MOST_MESSAGES])
