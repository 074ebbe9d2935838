"""The blacklist: substrings that mark a sample as broken, read from files with one pattern a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuiprefs.project.errors import UserError

_SECTIONS = {"[ignore-case]": True, "[match-case]": False}
# What was probably meant as a section; other words in brackets are chords such as [CEG].
_LIKE_SECTION = re.compile(r"\[[\w -]*case[\w -]*\]", re.IGNORECASE)
_ESCAPES = {"n": "\n", "t": "\t", "s": " ", "\\": "\\", "#": "#", "[": "["}


@dataclass(frozen=True)
class Pattern:
    """One blacklisted substring."""

    text: str
    """The substring itself."""

    ignore_case: bool
    """Whether `c` also stands for `C`."""

    line: str
    """As it is written in the file."""


class Blacklist:
    """All patterns of one or more files."""

    def __init__(self, patterns: tuple[Pattern, ...] = ()) -> None:
        self.patterns = patterns
        self._exact = [(pattern.text, pattern) for pattern in patterns if not pattern.ignore_case]
        self._folded = [(pattern.text.lower(), pattern) for pattern in patterns if pattern.ignore_case]

    def match(self, text: str, spaceless: str | None = None) -> str | None:
        """The first pattern found in ``text``, as its file writes it, or None.

        ``spaceless``, when given, is the same text in another spelling, without spaces and headers, in which
        a pattern may be found as well.
        """
        # Empty lines at the ends are no part of a sample, and one pattern is made of line ends alone.
        spellings = [text.strip()] if spaceless is None else [text.strip(), spaceless]
        for spelling in spellings:
            for wanted, pattern in self._exact:
                if wanted in spelling:
                    return pattern.line
            folded = spelling.lower()
            for wanted, pattern in self._folded:
                if wanted in folded:
                    return pattern.line
        return None


def load_blacklist(*paths: Path) -> Blacklist:
    r"""Read blacklist files: one pattern a line, empty lines and lines that begin with ``#`` passed over.

    A line ``[ignore-case]`` or ``[match-case]`` holds for the patterns below it; each file begins with the
    latter. Within a pattern ``\n`` is a line end, ``\t`` a tab, ``\s`` a space (those at a line's ends are
    dropped), and ``\\``, ``\#``, ``\[`` are the characters themselves.

    Raises:
        UserError: a file cannot be read, or one of its lines is wrong.
    """
    patterns: list[Pattern] = []
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"The blacklist {path} cannot be read: {error.strerror}.") from None
        patterns.extend(_patterns(path, content))
    return Blacklist(tuple(patterns))


def _patterns(path: Path, content: bytes) -> Iterator[Pattern]:
    ignore_case = False
    # Lines end as editors see them, not at every character that str.splitlines takes for an end.
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise UserError(f"{path}, line {number}, is not UTF-8 text: save the file as UTF-8.") from None
        if not line or line.startswith("#"):
            continue
        if line.lower() in _SECTIONS:
            ignore_case = _SECTIONS[line.lower()]
        elif _LIKE_SECTION.fullmatch(line):
            raise UserError(f"{path}, line {number}: {line} is neither [ignore-case] nor [match-case].")
        else:
            yield Pattern(_unescape(path, number, line), ignore_case, line)


def _unescape(path: Path, number: int, line: str) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise UserError(
                f"{path}, line {number}: “{match[0]}” means nothing; "
                r"use \n, \t, \s, \#, \[, or \\ for a backslash."
            )
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.?)", character, line)
