from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Descriptor 2 as a C library writes to it, and Python's stderr as Textual does.
LIBRARY = "os.write(2, b'library\\n')"
SCREEN = "print('screen', file=sys.__stderr__, flush=True)"


def stderr_of(body: str) -> str:
    script = "import os, sys; from pathlib import Path; from tuiprefs.music.quiet import *\n" + body
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stderr


def test_silence_lasts_as_long_as_the_block() -> None:
    body = f"{LIBRARY}\nwith silenced_stderr():\n    {LIBRARY}\n    {SCREEN}\n{LIBRARY}\n{SCREEN}\n"
    assert stderr_of(body) == "library\nlibrary\nscreen\n"


def test_silence_ends_after_an_error_and_may_be_nested() -> None:
    body = (
        "try:\n    with silenced_stderr(), silenced_stderr():\n        raise ValueError\n"
        f"except ValueError:\n    {LIBRARY}\n"
    )
    assert stderr_of(body) == "library\n"


def test_the_screen_has_a_descriptor_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    body = (
        f"with own_stderr(Path({str(log)!r})):\n    {LIBRARY}\n    {SCREEN}\n"
        f"    with silenced_stderr():\n        {LIBRARY}\n        {SCREEN}\n    {LIBRARY}\n"
        f"{LIBRARY}\n{SCREEN}\nprint('plain', file=sys.stderr)\n"
    )
    assert stderr_of(body) == "screen\nscreen\nlibrary\nscreen\nplain\n"
    assert log.read_text() == "library\nlibrary\n"
    assert stderr_of(f"with own_stderr():\n    {LIBRARY}\n    {SCREEN}\n") == "screen\n"
