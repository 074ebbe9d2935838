"""Cutting dumps of many texts apart."""

import re

_SEPARATOR = re.compile(r"<\|endoftext\|>|^={4,}[ \t]*(?:SAMPLE[^\n]*)?$", re.MULTILINE)
LINE_END = "⏎"
"""Stands for a line end in dumps that keep each text on one line."""


def split_dump(text: str) -> list[str]:
    """Cut a dump at `<|endoftext|>` and at lines of `=` (also `==== SAMPLE 1 ====`).

    The sign `⏎` is read as a line end. Empty texts are left out.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(rf" ?{LINE_END} ?\n?", "\n", text)
    return [part.strip("\n") for part in _SEPARATOR.split(text) if part.strip()]
