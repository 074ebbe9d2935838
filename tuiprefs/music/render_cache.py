"""The folder of rendered tunes: for each key the text, the MIDI file, the audio and what was found."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuiprefs.project.errors import TuiprefsError

_SUFFIXES = (".abc", ".mid", ".wav", ".json")
_TEMPORARY = ".rendering-"
_ABANDONED_SECONDS = 3600


@dataclass(frozen=True)
class Entry:
    """The four files of one key."""

    abc: Path
    midi: Path
    audio: Path
    found: Path


class RenderCache:
    """Safe to share among threads and processes: a file appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entry(self, key: str) -> Entry:
        """Where the files of ``key`` lie, whether they exist or not."""
        base = self.folder / key[:2]
        abc, midi, audio, found = (base / f"{key}{suffix}" for suffix in _SUFFIXES)
        return Entry(abc, midi, audio, found)

    def load(self, entry: Entry) -> dict[str, Any] | None:
        """What was found about a tune; None if that, or the MIDI file it speaks of, is missing or damaged."""
        try:
            found = json.loads(entry.found.read_bytes())
            checksum = found["midi_crc32"]
            whole = checksum is None or zlib.crc32(entry.midi.read_bytes()) == checksum
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return found if whole else None

    def save(self, entry: Entry, abc: str, midi: bytes | None, found: dict[str, Any]) -> None:
        """Write text, MIDI and findings, these last: their presence says that the rest is there."""
        self.write(entry.abc, abc.encode("utf-8", "replace"))
        if midi is not None:
            self.write(entry.midi, midi)
        found = {**found, "midi_crc32": None if midi is None else zlib.crc32(midi)}
        self.write(entry.found, (json.dumps(found, indent=1) + "\n").encode())

    def write(self, path: Path, data: bytes) -> None:
        """Replace ``path`` in one step. Not flushed to disk: a loss costs a few milliseconds of rendering."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.chmod(temporary, 0o644)
                os.replace(temporary, path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise TuiprefsError(
                f"The render cache in {self.folder} cannot be written ({error.strerror}): make room."
            ) from error

    def prune(self, max_mb: float) -> int:
        """Bring the folder to at most ``max_mb`` megabytes, least recently used first: return bytes freed.

        Audio goes first, since it can be made again from the MIDI file in milliseconds; then whole tunes.
        """
        files: list[tuple[int, float, int, Path]] = []  # (0 for audio, last use, bytes, path)
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.name.startswith(_TEMPORARY):
                    if status.st_mtime < time.time() - _ABANDONED_SECONDS:
                        path.unlink()
                elif path.suffix in _SUFFIXES:
                    files.append((path.suffix != ".wav", status.st_mtime, status.st_size, path))
        excess = sum(size for _, _, size, _ in files) - int(max_mb * 1e6)
        freed = 0
        for _, _, size, path in sorted(files):
            if freed >= excess:
                break
            path.unlink(missing_ok=True)
            freed += size
        return freed
