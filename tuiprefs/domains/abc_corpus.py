"""The starter corpus: traditional tunes that come with the music21 package, read without importing it."""

import hashlib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tuiprefs.domains import abc_cleaning

COLLECTIONS = ("oneills1850", "airdsAirs", "ryansMammoth", "miscFolk")
"""Folders of music21's corpus. Its Essen collection is for non-commercial use only, its Nottingham
collection is under the GPL: both stay out."""

HELDOUT_SHARE = 0.05
"""Share of the tunes that no model is trained on."""

_TUNE_START = re.compile(r"^(?=X:)", re.MULTILINE)


@dataclass(frozen=True)
class CorpusFile:
    """One file of the corpus."""

    collection: str
    """Name of the collection, such as `oneills1850`."""

    name: str
    """File name."""

    text: str
    """The whole file."""


@dataclass(frozen=True)
class Corpus:
    """Cleaned tunes, divided for training and evaluation."""

    train: list[str]
    heldout: list[str]
    rejected: dict[str, int]
    """Number of tunes that each cleaning step rejected, `duplicates` among them."""


def read_music21_corpus() -> list[CorpusFile]:
    """Read the files of the collections in a fixed order.

    Raises:
        UserError: music21 is not installed, or was installed without its corpus.
    """
    spec = importlib.util.find_spec("music21")
    folders = [Path(place) / "corpus" for place in (spec.submodule_search_locations or [])] if spec else []
    paths = [
        (collection, path)
        for folder in folders
        for collection in COLLECTIONS
        for path in sorted((folder / collection).glob("*.abc"))
    ]
    if not paths:
        from tuiprefs.project.errors import UserError

        raise UserError(
            "The starter tunes were not found: they come with the music21 package. "
            "Install it with `pip install music21`."
        )
    return [
        CorpusFile(collection, path.name, path.read_text(encoding="utf-8", errors="replace"))
        for collection, path in paths
    ]


def build_corpus(files: Iterable[CorpusFile] | None = None, heldout_share: float = HELDOUT_SHARE) -> Corpus:
    """Clean the collections, drop duplicates and divide the tunes by a hash of their text.

    The division depends on nothing but each tune's own text, so it stays when other tunes come or go.
    """
    train: list[str] = []
    heldout: list[str] = []
    rejected: Counter[str] = Counter()
    seen: set[str] = set()
    for file in read_music21_corpus() if files is None else files:
        for raw in split_tunes(file.text):
            cleaned = abc_cleaning.clean(raw)
            if cleaned.text is None:
                rejected[cleaned.rejected_by or ""] += 1
            elif cleaned.text in seen:
                rejected["duplicates"] += 1
            else:
                seen.add(cleaned.text)
                (heldout if is_heldout(cleaned.text, heldout_share) else train).append(cleaned.text)
    return Corpus(train, heldout, dict(rejected))


def split_tunes(text: str) -> list[str]:
    """Cut a file at its X: fields; what stands before the first one is no tune."""
    return [part for part in _TUNE_START.split(text) if part.startswith("X:")]


def is_heldout(text: str, share: float) -> bool:
    """Whether a text belongs to the held-out share, by its SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") < share * 2**32
