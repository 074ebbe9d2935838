"""What the commands share: opening a project, and data on stdout with narration on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tuiprefs.project.errors import UserError
from tuiprefs.project.project import Project, open_project
from tuiprefs.project.settings_file import Tables, parse_value
from tuiprefs.store.database import Store, open_store

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "-C",
        "--project",
        help="Project folder; default: the nearest one upwards from here.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data as JSON on stdout.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a setting of this run, e.g. --set learning_rate=1e-5."
    ),
]


@dataclass(frozen=True)
class Workplace:
    """An opened project and its database."""

    project: Project
    store: Store


@contextmanager
def workplace(
    context: typer.Context, project: Path | None, overrides: Tables | None = None
) -> Iterator[Workplace]:
    """Open the project named before or after the command, or the nearest one upwards."""
    opened = open_project(project or context.obj, overrides)
    store = open_store(opened.database_path)
    try:
        yield Workplace(opened, store)
    finally:
        store.close()


def narrate(sentence: str) -> None:
    """Say something to the person: on stderr, so that stdout holds data only."""
    print(sentence, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: list[dict[str, Any]], empty: str) -> None:
    """Print rows as aligned columns without frames, so that they can be cut and grepped."""
    if not rows:
        narrate(empty)
        return
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def assignments(pairs: list[str] | None, section: str) -> Tables:
    """Read ``KEY=VALUE`` words into a table of settings.

    Raises:
        UserError: a word has no ``=``.
    """
    values: dict[str, Any] = {}
    for pair in pairs or ():
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise UserError(f"--set {pair}: write it as KEY=VALUE, e.g. --set learning_rate=1e-5.")
        values[key.strip()] = parse_value(text.strip())
    return {section: values} if values else {}
