"""The folder that is a run: where its files lie, how it is made, and how it is found again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tuiprefs.project.atomic import write_text
from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.project.project import SETTINGS_FILE, Project
from tuiprefs.runs.names import RunKind, new_name, parse_name
from tuiprefs.runs.spec import RunSpec, current_versions, utc_now

_NAME_ATTEMPTS = 20
# What belongs to one life of the child, and would mislead the next one.
_ATTEMPT_FILES = ("control.jsonl", "process.json", "spawned.json", "exit.json")


@dataclass(frozen=True)
class RunFolder:
    """One run. Its files are appended to or replaced whole, so they can be read at any moment."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @cached_property
    def spec(self) -> RunSpec:
        """What the run is; UserError where ``spec.json`` is missing or damaged."""
        return RunSpec.read(self.spec_path)

    @property
    def project_root(self) -> Path:
        """The project that the run is in, also after the project's folder was moved."""
        above = self.path.parent.parent
        return above if (above / SETTINGS_FILE).is_file() else Path(self.spec.project)

    @property
    def spec_path(self) -> Path:
        """What decides the result."""
        return self.path / "spec.json"

    @property
    def spawned_path(self) -> Path:
        """The process that the supervisor started; the supervisor writes it."""
        return self.path / "spawned.json"

    @property
    def process_path(self) -> Path:
        """The process that does the work; the child writes it."""
        return self.path / "process.json"

    @property
    def heartbeat_path(self) -> Path:
        """Time, stage, update, total and whether paused; the child replaces it about once a second."""
        return self.path / "heartbeat.json"

    @property
    def metrics_path(self) -> Path:
        """One object per update, with flat keys."""
        return self.path / "metrics.jsonl"

    @property
    def samples_path(self) -> Path:
        """Samples that the run shows while it works."""
        return self.path / "samples.jsonl"

    @property
    def events_path(self) -> Path:
        """Alarms, checkpoints, commands obeyed."""
        return self.path / "events.jsonl"

    @property
    def control_path(self) -> Path:
        """Commands to the child."""
        return self.path / "control.jsonl"

    @property
    def checkpoints_dir(self) -> Path:
        """What a resumed child continues from."""
        return self.path / "checkpoints"

    @property
    def tensorboard_dir(self) -> Path:
        """TensorBoard event files."""
        return self.path / "tensorboard"

    @property
    def log_path(self) -> Path:
        """What the child printed."""
        return self.path / "log.txt"

    @property
    def exit_path(self) -> Path:
        """How the run ended."""
        return self.path / "exit.json"

    @property
    def lock_path(self) -> Path:
        """Locked while somebody decides whether a child may be started."""
        return self.path / "lock"

    def archive_attempt(self) -> None:
        """Rename the files of the child's last life, ``exit.json`` to ``exit-1.json`` and so on.

        ``exit.json`` goes last: whoever is killed half-way leaves a run that has visibly ended.
        """
        number = 1
        while any((self.path / _numbered(name, number)).exists() for name in _ATTEMPT_FILES):
            number += 1
        for name in _ATTEMPT_FILES:
            if (self.path / name).exists():
                (self.path / name).replace(self.path / _numbered(name, number))


def create_run(
    project: Project,
    kind: RunKind,
    settings: Mapping[str, Any] | BaseModel,
    parents: Mapping[str, str],
    seed: int,
) -> RunFolder:
    """Make the folder of a new run, with its ``spec.json``; nothing is started.

    Raises:
        UserError: the seed is negative.
        TuiprefsError: the folder cannot be written.
    """
    values = settings.model_dump(mode="json") if isinstance(settings, BaseModel) else dict(settings)
    if seed < 0:
        raise UserError(f"The seed {seed} is negative; use 0 or more.")
    path = _new_folder(project.runs_dir, kind)
    spec = RunSpec(
        kind=kind,
        name=path.name,
        project=str(project.root),
        seed=seed,
        settings=values,
        parents=dict(parents),
        versions=current_versions(),
        created_at=utc_now(),
    )
    try:
        write_text(path / "spec.json", spec.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise TuiprefsError(f"A run cannot be made in {path}: {error.strerror}.") from None
    return RunFolder(path)


def list_runs(project: Project) -> list[RunFolder]:
    """The project's runs, oldest first. Folders that are no runs, or not yet, are left out."""
    if not project.runs_dir.is_dir():
        return []
    folders = [RunFolder(path) for path in project.runs_dir.iterdir() if parse_name(path.name)]
    return sorted((run for run in folders if run.spec_path.is_file()), key=lambda run: run.name)


def find_run(project: Project, name: str) -> RunFolder:
    """The run called ``name``: its whole name, an end or beginning of it that no other has, or "latest".

    Raises:
        UserError: there is none, or there are several.
    """
    runs = list_runs(project)
    if not runs:
        raise UserError(f"{project.root} has no runs yet; start one with `tuiprefs train`.")
    if name == "latest":
        return runs[-1]
    found = [run for run in runs if run.name == name] or [
        run for run in runs if name and (run.name.endswith(name) or run.name.startswith(name))
    ]
    if len(found) == 1:
        return found[0]
    names = [run.name for run in found] or get_close_matches(name, [run.name for run in runs], cutoff=0.0)
    problem = "could be several runs" if found else "is no run of this project"
    raise UserError(f"“{name}” {problem}; name one of {', '.join(names[:5])}.")


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in ``path``; None where the file is missing or holds none."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _new_folder(runs_dir: Path, kind: RunKind) -> Path:
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        for _ in range(_NAME_ATTEMPTS):
            path = runs_dir / new_name(kind)
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise TuiprefsError(f"A run cannot be made in {runs_dir}: {error.strerror}.") from None
    raise TuiprefsError(f"{runs_dir} has a run of every name that was tried; try again in a second.")


def _numbered(name: str, number: int) -> str:
    stem, suffix = name.split(".", 1)
    return f"{stem}-{number}.{suffix}"
