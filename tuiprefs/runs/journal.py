"""Append-only files of JSON lines that one process writes and others read while it does."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tuiprefs.project.atomic import write_bytes

# Names the values of a line that JSON has no number for; they stand in it as null.
NONFINITE_KEY = "nonfinite"
_BLOCK_BYTES = 1 << 18
# The end of what was read is compared on the next read: a file rewritten in between, even one
# that got the same inode again, is recognised by it.
_FINGERPRINT_BYTES = 128


def append(path: Path, value: Mapping[str, Any]) -> None:
    """Append ``value`` as one line of strict JSON, in one write.

    NaN and infinities at the top level become null and are named in a list under ``"nonfinite"``; deeper ones
    become null only. Several processes may append to one file of a local disk at a time.
    """
    line = encode(value)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        if _ends_in_half_a_line(handle):
            # Left by a writer that was killed: without the line break it would spoil this line too.
            line = b"\n" + line
        while line:
            line = line[os.write(handle, line) :]
    finally:
        os.close(handle)


def encode(value: Mapping[str, Any]) -> bytes:
    """``value`` as a line of UTF-8, ending in a line break; TypeError for what JSON cannot hold."""
    row = {key: plain(item) for key, item in value.items()}
    nonfinite = [key for key, item in row.items() if isinstance(item, float) and not math.isfinite(item)]
    if nonfinite:
        row = row | dict.fromkeys(nonfinite) | {NONFINITE_KEY: nonfinite}
    text = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Half a surrogate pair, which a decoder may emit, is no UTF-8.
    return text.encode("utf-8", errors="replace") + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The object in ``line``, NaN put back where it was; None where the line holds no JSON object."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    nonfinite = value.pop(NONFINITE_KEY, None)
    if isinstance(nonfinite, list):
        value.update((key, math.nan) for key in nonfinite if isinstance(key, str))
    return value


class JournalReader:
    """Reads what was appended since the last time. Not for several threads at once.

    Attributes:
        restarts: How often the file was found truncated or replaced. The lines then begin anew, so
            whoever keeps them drops what it has when this number changes.
        garbage: Whole lines that held no JSON object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.restarts = 0
        self.garbage = 0
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._fingerprint = b""

    def read_new(self, max_lines: int | None = None) -> list[dict[str, Any]]:
        """At most ``max_lines`` further objects. A half-written last line is not there yet."""
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return []
        try:
            self._notice_a_new_file(handle)
            return self._read(handle, max_lines)
        finally:
            os.close(handle)

    def _read(self, handle: int, max_lines: int | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for line in self._lines(handle):
            self._offset += len(line)
            self._fingerprint = (self._fingerprint + line)[-_FINGERPRINT_BYTES:]
            if not line.strip():
                continue
            value = decode(line)
            if value is None:
                self.garbage += 1
            else:
                found.append(value)
            if max_lines is not None and len(found) >= max_lines:
                break
        return found

    def _lines(self, handle: int) -> Iterator[bytes]:
        """Whole lines from the offset on. Plain reads: a mapped file that shrinks kills its reader."""
        os.lseek(handle, self._offset, os.SEEK_SET)
        rest = b""
        while block := os.read(handle, _BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield line + b"\n"

    def _notice_a_new_file(self, handle: int) -> None:
        status = os.fstat(handle)
        identity = (status.st_dev, status.st_ino)
        same = self._identity in (None, identity) and status.st_size >= self._offset
        if same and self._fingerprint:
            start = self._offset - len(self._fingerprint)
            same = os.pread(handle, len(self._fingerprint), start) == self._fingerprint
        if not same:
            self.restarts += 1
            self._offset, self._fingerprint = 0, b""
        self._identity = identity


def read_all(path: Path) -> list[dict[str, Any]]:
    """All objects of the journal at ``path``; none where it does not exist."""
    return JournalReader(path).read_new()


def keep_where(path: Path, keep: Callable[[dict[str, Any]], bool]) -> int:
    """Rewrite the journal with those lines whose object satisfies ``keep``; return how many went.

    Half a line at the end and garbage go too. Readers notice that the file is another one.
    """
    if not path.exists():
        return 0
    lines = path.read_bytes().split(b"\n")
    kept = [line for line in lines[:-1] if (value := decode(line)) is not None and keep(value)]
    gone = sum(1 for line in lines if line.strip()) - len(kept)
    if gone:
        write_bytes(path, b"".join(line + b"\n" for line in kept))
    return gone


def plain(value: Any) -> Any:
    """``value`` in JSON's own types; numbers of numpy and torch say what they hold through ``item``."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _finite(plain(item)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(plain(item)) for item in value]
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ends_in_half_a_line(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"
