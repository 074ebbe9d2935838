"""The corpus of a project on disk: one file to train on, one held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuiprefs.project.atomic import write_text
from tuiprefs.project.errors import UserError

SEPARATOR = "<|endoftext|>\n"
TRAIN_FILE = "train.txt"
HELDOUT_FILE = "heldout.txt"


@dataclass(frozen=True)
class CorpusSize:
    """Texts in the two files of a corpus."""

    train: int
    heldout: int


def write_corpus(folder: Path, train: list[str], heldout: list[str]) -> CorpusSize:
    """Write both files; texts stand between lines of ``<|endoftext|>``."""
    for name, texts in ((TRAIN_FILE, train), (HELDOUT_FILE, heldout)):
        write_text(folder / name, SEPARATOR.join(_ending_in_newline(text) for text in texts))
    return CorpusSize(len(train), len(heldout))


def write_starter_corpus(folder: Path) -> CorpusSize:
    """Build the starter corpus from the tunes that the music21 package holds, and write it."""
    from tuiprefs.domains.abc_corpus import build_corpus

    corpus = build_corpus()
    return write_corpus(folder, corpus.train, corpus.heldout)


def read_corpus(folder: Path) -> tuple[list[str], list[str]]:
    """The texts to train on and those held out.

    Raises:
        UserError: a file is missing or holds no text.
    """
    train, heldout = (_read(folder / name) for name in (TRAIN_FILE, HELDOUT_FILE))
    return train, heldout


def _read(path: Path) -> list[str]:
    try:
        texts = path.read_text(encoding="utf-8").split(SEPARATOR)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"The corpus file {path} cannot be read ({error}): put one there, texts between lines of "
            f"{SEPARATOR.strip()}, or make a new project with `tuiprefs init`."
        ) from None
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise UserError(
            f"The corpus file {path} holds no text: put texts there between lines of {SEPARATOR.strip()}."
        )
    return texts


def _ending_in_newline(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
