"""Commands about projects: init, demo, config, and opening the app."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tuiprefs.cli.common import JsonOption, ProjectOption, narrate, print_json, print_table, workplace
from tuiprefs.project.errors import UserError
from tuiprefs.project.project import SETTINGS_FILE, Project, create_project, open_project
from tuiprefs.project.settings import Settings
from tuiprefs.project.settings_file import section_model
from tuiprefs.store.database import Store, open_store

FIRST_SAMPLES = 32


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(init)
    app.command()(demo)
    app.command()(config)


def open_app(context: typer.Context, project: Path | None) -> None:
    """Open the full-screen app on a project."""
    with workplace(context, project) as place:
        _run_app(place.project, place.store)


def init(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Folder of the new project.", show_default=False)],
    preset: Annotated[str, typer.Option(help="abc (music) or text.")] = "abc",
    json: JsonOption = False,
) -> None:
    """Make a project: settings, database, the starter corpus, and first samples of the starter model."""
    project = create_project(directory, preset)
    store = open_store(project.database_path)
    try:
        corpus = _first_files(project, store, wait=True)
    finally:
        store.close()
    if json:
        print_json({"project": str(project.root), "preset": preset, **corpus})
    else:
        narrate(f"Made the project {project.root}; open it with `tuiprefs -C {project.root}`.")


def demo(
    context: typer.Context,
    directory: Annotated[
        Path | None,
        typer.Argument(help="Folder; default: tuiprefs/demo in your data folder.", show_default=False),
    ] = None,
) -> None:
    """Open the app on the starter project, making it at the first call."""
    if directory is None:
        import platformdirs

        directory = Path(platformdirs.user_data_dir("tuiprefs")) / "demo"
    fresh = not (directory / SETTINGS_FILE).exists()
    project = create_project(directory) if fresh else open_project(directory)
    store = open_store(project.database_path)
    try:
        if fresh:
            narrate(f"Making the starter project {project.root} …")
            _first_files(project, store, wait=not _has_terminal())
        if _has_terminal():
            _run_app(project, store)
        else:
            narrate(f"The starter project is {project.root}; run this in a terminal to open the app.")
    finally:
        store.close()


def config(context: typer.Context, project: ProjectOption = None, json: JsonOption = False) -> None:
    """Print every setting, its value, where the value came from, and what it means."""
    with workplace(context, project) as place:
        rows = _settings_rows(place.project)
    if json:
        print_json(rows)
    else:
        print_table([{**row, "value": str(row["value"])} for row in rows], "There are no settings.")


def _settings_rows(project: Project) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for section in Settings.model_fields:
        values = getattr(project.settings, section)
        for key, field in section_model(section).model_fields.items():
            name = f"{section}.{key}"
            origin = project.loaded.origins.get(name, "default")
            rows.append(
                {
                    "name": name,
                    "value": getattr(values, key),
                    "from": origin,
                    "meaning": field.description or "",
                }
            )
    return rows


def _first_files(project: Project, store: Store, *, wait: bool) -> dict[str, int]:
    """Start the child that writes the first samples and build the corpus beside it."""
    if project.settings.project.domain != "abc":
        return {"train": 0, "heldout": 0, "samples": 0}
    from tuiprefs.cli.sampling import begin_sampling, finish_sampling
    from tuiprefs.domains.corpus_files import write_starter_corpus
    from tuiprefs.rating.setup import check_samples

    folder = begin_sampling(project, store, model="starter", count=FIRST_SAMPLES, seed=0)
    corpus = write_starter_corpus(project.corpus_dir)
    samples = 0
    if wait:
        samples = len(finish_sampling(folder))
        check_samples(project, store)
    return {"train": corpus.train, "heldout": corpus.heldout, "samples": samples}


def _run_app(project: Project, store: Store) -> None:
    if not _has_terminal():
        raise UserError("The app needs a terminal; `tuiprefs --help` lists the commands that do not.")
    from tuiprefs.tui.app import run_app

    raise typer.Exit(run_app(project, store))


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
