"""A project folder: where its parts lie, how it is found, and how it is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuiprefs.project.atomic import write_text
from tuiprefs.project.errors import UserError
from tuiprefs.project.settings import Settings
from tuiprefs.project.settings_file import PRESETS, LoadedSettings, Tables, load_settings

SETTINGS_FILE = "tuiprefs.toml"
DATABASE_FILE = "tuiprefs.db"

_FIRST_SETTINGS = """\
# A tuiprefs project. `tuiprefs config` prints every setting, its meaning and where its value came from.
preset = "{preset}"

[project]
model = "starter"

[rating]
rater = "me"
"""

_FIRST_BLACKLIST = """\
# Your own blacklist: one substring a line; a sample that holds one of them is broken.
# It adds to the one that tuiprefs ships. [ignore-case] and [match-case] lines switch between the two kinds.
"""


@dataclass(frozen=True)
class Project:
    """A folder with ``tuiprefs.toml``, the database, and what was made from them."""

    root: Path
    loaded: LoadedSettings

    @property
    def settings(self) -> Settings:
        """All settings, after preset, file, environment and command line."""
        return self.loaded.settings

    @property
    def settings_path(self) -> Path:
        """The settings file."""
        return self.root / SETTINGS_FILE

    @property
    def database_path(self) -> Path:
        """The database of samples, comparisons, raters, scores and models."""
        return self.root / DATABASE_FILE

    @property
    def cache_dir(self) -> Path:
        """Rendered MIDI and audio; may be deleted at any time."""
        return self.root / "cache"

    @property
    def runs_dir(self) -> Path:
        """One folder for each background job."""
        return self.root / "runs"

    @property
    def models_dir(self) -> Path:
        """One Hugging Face folder for each finished model, named after its run."""
        return self.root / "models"

    @property
    def corpus_dir(self) -> Path:
        """``train.txt`` and ``heldout.txt``: texts between lines of ``<|endoftext|>``."""
        return self.root / "corpus"

    @property
    def blacklist_path(self) -> Path:
        """The project's own blacklist."""
        return self.root / "blacklist.txt"


def open_project(path: Path | None = None, overrides: Tables | None = None) -> Project:
    """Open the project at ``path``, or the nearest one upwards from the working folder.

    Raises:
        UserError: there is none, or its settings are broken.
    """
    root = _find_upwards(Path.cwd()) if path is None else path.expanduser().absolute()
    if not (root / SETTINGS_FILE).is_file():
        raise UserError(
            f"{root} is no tuiprefs project: it has no {SETTINGS_FILE}; make one with `tuiprefs init {root}`."
        )
    return Project(root, load_settings(root / SETTINGS_FILE, overrides=overrides))


def create_project(root: Path, preset: str = "abc") -> Project:
    """Make the folder ``root`` a project.

    Raises:
        UserError: it is one already, cannot be written, or the preset is unknown.
    """
    root = root.expanduser().absolute()
    if preset not in PRESETS:
        raise UserError(f"There is no preset “{preset}”; use one of {', '.join(PRESETS)}.")
    if (root / SETTINGS_FILE).exists():
        raise UserError(f"{root} is a tuiprefs project already; open it with `tuiprefs -C {root}`.")
    try:
        for name in ("cache", "runs", "models", "corpus"):
            (root / name).mkdir(parents=True, exist_ok=True)
        write_text(root / "blacklist.txt", _FIRST_BLACKLIST)
        # Last, because this file is what makes the folder a project.
        write_text(root / SETTINGS_FILE, _FIRST_SETTINGS.format(preset=preset))
    except OSError as error:
        raise UserError(
            f"{root} cannot be made a project: {error.strerror}; choose a folder that you may write to."
        ) from None
    return open_project(root)


def _find_upwards(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise UserError(
        f"There is no tuiprefs project in {start} or above it: "
        "name one with -C DIR, or make one with `tuiprefs init DIR`."
    )
