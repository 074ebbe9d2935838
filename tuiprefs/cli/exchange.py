"""Commands that exchange data with other programs: export, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tuiprefs.cli.common import JsonOption, ProjectOption, narrate, print_json, workplace
from tuiprefs.project.errors import UserError

FORMATS = ("openai",)

export_app = typer.Typer(help="Write the project's data to files.", no_args_is_help=True)
import_app = typer.Typer(help="Read data into the project.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    export_app.command("comparisons")(export_comparisons)
    import_app.command("comparisons")(import_comparisons)
    app.add_typer(export_app, name="export")
    app.add_typer(import_app, name="import")


def export_comparisons(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write.", show_default=False)],
    format: Annotated[
        str, typer.Option(help="openai: the JSON of Ziegler et al. 2019 and the essay.")
    ] = "openai",
    model: Annotated[str | None, typer.Option(help="Whose tokenizer encodes the texts.")] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="Tokens of each array; default: the longest.")
    ] = None,
    pad: Annotated[int, typer.Option(min=0, help="The token that fills arrays up (essay: 27).")] = 27,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Write all comparisons as token arrays: query, sample0, sample1, best, broken."""
    _check_format(format)
    from tuiprefs.rating.interchange import export_openai

    with workplace(context, project) as place:
        tokenizer = _tokenizer(place, model)
        count = export_openai(
            place.store,
            file,
            lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
            length=length,
            pad=pad,
        )
    if json:
        print_json({"file": str(file), "records": count})
    narrate(f"Wrote {count} records to {file}.")


def import_comparisons(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to read.", show_default=False)],
    format: Annotated[
        str, typer.Option(help="openai: the JSON of Ziegler et al. 2019 and the essay.")
    ] = "openai",
    model: Annotated[str | None, typer.Option(help="Whose tokenizer decodes the arrays.")] = None,
    pad: Annotated[int, typer.Option(min=0, help="The token that fills arrays up (essay: 27).")] = 27,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Read comparisons and their samples; two opposite records in a row are one tie."""
    _check_format(format)
    from tuiprefs.learning.sampling import decode
    from tuiprefs.rating.interchange import import_openai

    with workplace(context, project) as place:
        tokenizer = _tokenizer(place, model)
        report = import_openai(place.store, file, lambda ids: decode(tokenizer, ids), pad=pad)
    if json:
        print_json({"file": str(file), "comparisons": report.comparisons, "samples": report.samples})
    narrate(f"Read {report.comparisons} comparisons with {report.samples} new samples from {file}.")


def _check_format(format: str) -> None:
    if format not in FORMATS:
        raise UserError(f"--format {format}: use {' or '.join(FORMATS)}.")


def _tokenizer(place: Any, model: str | None) -> Any:
    from tuiprefs.learning.hub import load_tokenizer
    from tuiprefs.runs.models import resolve_model

    resolved = resolve_model(place.project, place.store, model or place.project.settings.project.model)
    return load_tokenizer(resolved.path)
