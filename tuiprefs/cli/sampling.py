"""Starting a sampling run from a command and waiting for its samples."""

from __future__ import annotations

import secrets
from typing import Any

from tuiprefs.cli.follow import follow
from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import SampleSettings
from tuiprefs.project.project import Project
from tuiprefs.rating.blind import Broken, samples_to_draw
from tuiprefs.rating.setup import check_samples
from tuiprefs.runs.folder import RunFolder, create_run
from tuiprefs.runs.journal import read_all
from tuiprefs.runs.models import STARTER, resolve_model
from tuiprefs.runs.supervisor import start
from tuiprefs.store.database import Store
from tuiprefs.store.samples import get_samples

DRAWS = 5


def begin_sampling(
    project: Project, store: Store, *, model: str | None, count: int, seed: int | None, **changes: Any
) -> RunFolder:
    """Start a child that writes ``count`` samples of ``model`` into the store.

    ``changes`` replace the project's sampling settings where they are not None; without ``seed`` one is
    drawn.
    """
    name = resolve_model(project, store, model or project.settings.project.model).name
    if name == STARTER and project.settings.project.domain != "abc":
        raise UserError(
            "The starter model writes ABC music only: name a model of your own with --model, "
            f"or with model = … under [project] in {project.settings_path}."
        )
    base = project.settings.sampling.model_dump()
    settings = SampleSettings.model_validate(
        {**base, "count": count, **{key: value for key, value in changes.items() if value is not None}}
    )
    folder = create_run(
        project, "sample", settings, {"model": name}, secrets.randbits(31) if seed is None else seed
    )
    start(folder)
    return folder


def finish_sampling(folder: RunFolder) -> list[dict[str, Any]]:
    """Wait for a sampling run to end and return its samples, each with ``id`` and ``text``."""
    follow(folder)
    return read_all(folder.samples_path)


def draw_for_blind_test(
    project: Project, store: Store, *, model: str, count: int, broken: Broken, seed: int | None
) -> tuple[str, list[int]]:
    """Draw fresh samples of a model until ``count`` of them can stand in a pair.

    Returns the model's name and the ids, broken samples included. A model of which hardly anything is sound
    is given up after ``DRAWS`` rounds; the test then has fewer pairs.
    """
    ids: list[int] = []
    wanted = count
    for draw in range(DRAWS):
        folder = begin_sampling(
            project,
            store,
            model=model,
            count=samples_to_draw(wanted, broken),
            # Rounds of one model shall not repeat those of another, whose seed is the next one.
            seed=None if seed is None else seed + 1000 * draw,
        )
        ids += [line["id"] for line in finish_sampling(folder)]
        check_samples(project, store)
        usable = get_samples(store, dict.fromkeys(ids))
        wanted = count - sum(broken == "lose" or sample.verdict == "ok" for sample in usable)
        if wanted <= 0:
            break
    return folder.spec.parents["model"], ids
