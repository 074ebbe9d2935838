"""Colours and line breaks for ABC notation on a screen."""

from __future__ import annotations

import re
from functools import lru_cache

from textual.content import Content, Span

STYLES = {
    "field": "bold $primary",
    "value": "$foreground",
    "inline": "$primary",
    "comment": "$foreground-muted",
    "chord": "$secondary",
    "decoration": "$secondary",
    "bar": "$foreground-muted",
    "tuplet": "$foreground-muted",
    "accidental": "bold $accent",
    "note": "$foreground",
    "length": "$foreground-muted",
}
"""Style of each kind of word; muted for what carries the music's frame, plain for the notes themselves."""

_HEADER = re.compile(r"^(?P<field>[A-Za-z]:(?![|:]))(?P<value>[^%\n]*)")
_WORDS = re.compile(
    r"(?P<comment>%.*)"
    r"|(?P<inline>\[[A-Za-z]:[^\]\n]*\])"
    r'|(?P<chord>"[^"\n]*")'
    r"|(?P<decoration>![^!\n]+!|\+[^+\n]+\+|[~.HTuv](?=[\^_=A-Ga-g])|\{[^}\n]*\})"
    r"|(?P<bar>\[\||\|\]|\|\||:*\|:*\d?|::|\[\d)"
    r"|(?P<tuplet>\(\d(?::\d?){0,2}|[<>]+)"
    r"|(?P<accidental>\^{1,2}|_{1,2}|=)(?=[A-Ga-g])"
    r"|(?P<note>[A-Ga-gzx][,']*)"
    r"|(?P<length>\d+/*\d*|/+\d*)"
)
_BAR_END = re.compile(r"\|\]|\|\||:\||\|:|::|\|")


@lru_cache(maxsize=256)
def highlight_abc(text: str) -> Content:
    """The text with a style on each kind of word; unknown characters stay plain."""
    spans: list[Span] = []
    start = 0
    for line in text.split("\n"):
        spans += _line_spans(line, start)
        start += len(line) + 1
    return Content(text, spans=spans)


def _line_spans(line: str, start: int) -> list[Span]:
    header = _HEADER.match(line)
    if header:
        spans = [
            Span(start + header.start(name), start + header.end(name), STYLES[name])
            for name in ("field", "value")
        ]
        rest = header.end()
    else:
        spans, rest = [], 0
    for match in _WORDS.finditer(line, rest):
        if match.lastgroup:
            spans.append(Span(start + match.start(), start + match.end(), STYLES[match.lastgroup]))
    return spans


def break_at_bars(text: str, width: int) -> str:
    """Break lines longer than ``width`` after a bar line where there is one, else where they must."""
    lines: list[str] = []
    for line in text.split("\n"):
        rest = line
        while len(rest) > width:
            cut = _last_bar_end(rest, width)
            lines.append(rest[:cut])
            rest = rest[cut:]
        lines.append(rest)
    return "\n".join(lines)


def _last_bar_end(line: str, width: int) -> int:
    cut = width
    for match in _BAR_END.finditer(line, 0, width):
        cut = match.end()
    # A bar line that itself would be torn apart moves to the next line whole.
    if cut == width and width > 1 and line[width - 1] in "|:" and line[width : width + 1] in (":", "|", "]"):
        cut = width - 1
    return cut
