"""From the name of a model to what can be loaded: starter, latest, a run, a folder or a hub id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tuiprefs.project.assets import asset
from tuiprefs.project.errors import UserError
from tuiprefs.project.project import Project
from tuiprefs.runs.names import parse_name
from tuiprefs.store.database import Store
from tuiprefs.store.models import ModelKind, ModelRecord, find_model, latest_model, list_models

STARTER = "starter"
LATEST = "latest"

_LANGUAGE_KINDS: tuple[ModelKind, ...] = ("lm", "policy")
# What makes a folder a model: for Hugging Face, and for a reward model of ours.
_LANGUAGE_FILE = "config.json"
_REWARD_FILE = "reward.json"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# Nearer than this to a name that exists, an unknown word is a slip and not a model of the hub.
_SLIP_SIMILARITY = 0.75


@dataclass(frozen=True)
class ResolvedModel:
    """A model that can be loaded.

    Attributes:
        name: Names the same model again later and from any folder: "latest" has become a run's name,
            a relative path an absolute one.
        path: What ``from_pretrained`` takes: a folder, or a hub id.
        local: Whether ``path`` is a folder.
    """

    name: str
    path: str
    local: bool = True


def resolve_model(project: Project, store: Store, name: str) -> ResolvedModel:
    """The language model called ``name``.

    In this order: "starter"; "latest" (the newest language model or policy, else the project's own
    model); a model or run of the project, one that is not finished with its newest exported checkpoint;
    a folder, relative to the working folder or the project; a hub id.

    Raises:
        UserError: it is a reward model, has left no model, or can be none of these.
    """
    if name == LATEST:
        newest = latest_model(store, _LANGUAGE_KINDS)
        own = project.settings.project.model
        name = newest.name if newest is not None else STARTER if own == LATEST else own
    if name == STARTER:
        return ResolvedModel(STARTER, str(asset("starter")))
    found = _of_project(project, store, name, _LANGUAGE_KINDS)
    folder = found or _folder(project, name, _LANGUAGE_FILE)
    if folder is not None:
        return folder
    _refuse_slips(name, [STARTER, LATEST, *(model.name for model in list_models(store))])
    return ResolvedModel(name, name, local=False)


def resolve_reward_model(project: Project, store: Store, name: str = LATEST) -> ResolvedModel:
    """The reward model called ``name``: "latest", a run's name, or a folder.

    Raises:
        UserError: there is none of that name.
    """
    if name == LATEST:
        newest = latest_model(store, ("reward",))
        if newest is None:
            raise UserError("There is no reward model yet: train one with `tuiprefs train reward`.")
        name = newest.name
    found = _of_project(project, store, name, ("reward",)) or _folder(project, name, _REWARD_FILE)
    if found is None:
        known = [model.name for model in list_models(store) if model.kind == "reward"]
        raise UserError(f"There is no reward model “{name}”; {_choices(known)}.")
    return found


def _of_project(
    project: Project, store: Store, name: str, kinds: tuple[ModelKind, ...]
) -> ResolvedModel | None:
    """The model that the project knows by ``name``; None where it knows none."""
    record, run = find_model(store, name), parse_name(name)
    kind = record.kind if record is not None else run.kind if run is not None else None
    if kind is None:
        return None
    if kind not in kinds:
        wanted = "reward model" if "reward" in kinds else "language model"
        raise UserError(f"{name} is of the kind “{kind}”, not a {wanted}: name one that is.")
    marker = _REWARD_FILE if kind == "reward" else _LANGUAGE_FILE
    for path in _candidates(project, name, record):
        if (path / marker).is_file():
            return ResolvedModel(name, str(path))
    raise UserError(_nothing_left(project, name, record))


def _candidates(project: Project, name: str, record: ModelRecord | None) -> Iterable[Path]:
    if record is not None:
        yield project.root / record.path
    yield project.models_dir / name
    checkpoints = project.runs_dir / name / "checkpoints"
    if checkpoints.is_dir():
        for path in sorted(checkpoints.iterdir(), key=_numbers, reverse=True):
            yield from (path, path / "model")


def _numbers(path: Path) -> list[int]:
    """The numbers in a checkpoint's name: its update, and which one of that update it is."""
    return [int(digits) for digits in re.findall(r"\d+", path.name)]


def _nothing_left(project: Project, name: str, record: ModelRecord | None) -> str:
    if record is not None:
        return f"The model {name} is gone from {record.path}: put its folder back, or name another model."
    if (project.runs_dir / name).is_dir():
        return f"The run {name} has left no model yet: let it finish, or resume it."
    return f"There is no run {name} in this project; `tuiprefs runs` lists those that there are."


def _folder(project: Project, name: str, marker: str) -> ResolvedModel | None:
    given = Path(name).expanduser()
    for path in (given.absolute(), project.root / given):
        if (path / marker).is_file():
            return ResolvedModel(str(path), str(path))
    if name != given.name and given.is_dir():
        raise UserError(f"The folder {given} holds no such model: it has no {marker}.")
    return None


def _refuse_slips(name: str, known: list[str]) -> None:
    if not _HUB_ID.fullmatch(name):
        raise UserError(
            f"There is no model “{name}”: no such folder, and no name of a model; {_choices(known)}."
        )
    near = get_close_matches(name, known, n=1, cutoff=_SLIP_SIMILARITY)
    if near and "/" not in name:
        raise UserError(f"There is no model “{name}”; do you mean “{near[0]}”?")


def _choices(known: list[str]) -> str:
    return f"use one of {', '.join(known[-5:])}" if known else "there is none yet"
