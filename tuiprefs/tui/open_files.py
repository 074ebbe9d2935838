"""The files of one sample: written where they are missing, and opened where there is a desktop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tuiprefs.project.atomic import write_text
from tuiprefs.store.samples import SampleRecord
from tuiprefs.tui.services import Services


@dataclass(frozen=True)
class SampleFiles:
    """Where a sample lies on disk."""

    sample: int
    paths: dict[str, Path]
    """By kind: text, MIDI, audio."""

    @property
    def best(self) -> Path:
        """The one that a person wants to open: the audio, else the text."""
        return list(self.paths.values())[-1]


def sample_files(services: Services, sample: SampleRecord) -> SampleFiles:
    """Render the sample, or write its text where it has no sound, and say where its files are."""
    rendered = services.render(sample.text)
    if rendered is None:
        path = services.project.cache_dir / "texts" / f"{sample.id}.txt"
        write_text(path, sample.text + "\n")
        return SampleFiles(sample.id, {"text": path})
    found = {"ABC": rendered.abc_path, "MIDI": rendered.midi_path, "audio": rendered.audio_path}
    return SampleFiles(sample.id, {name: path for name, path in found.items() if path is not None})


def open_with_desktop(path: Path) -> bool:
    """Open ``path`` with the desktop's own program; False where there is no desktop."""
    program = "open" if sys.platform == "darwin" else "xdg-open"
    has_display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    # Over SSH a display may be forwarded, but the file would open on the wrong machine's desktop on macOS.
    if not has_display or (sys.platform == "darwin" and os.environ.get("SSH_CONNECTION")):
        return False
    found = shutil.which(program)
    if found is None:
        return False
    quiet = subprocess.DEVNULL
    subprocess.Popen([found, str(path)], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    return True
