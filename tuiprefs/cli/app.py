"""The typer app: the options that all commands share, and the full-screen app as the default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuiprefs import __version__
from tuiprefs.cli import exchange, projects, rating, runs, samples, training

app = typer.Typer(
    name="tuiprefs",
    help="Teach a music-writing language model your taste: sample, hear, rate, train, watch, prove.",
    epilog="Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted. stdout is data, stderr narration.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tuiprefs {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option("-C", "--project", help="Project folder; default: the nearest one upwards from here."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Open the full-screen app on a project, or run one of the commands below."""
    context.obj = project
    if context.invoked_subcommand is None:
        projects.open_app(context, project)


for module in (projects, samples, rating, training, runs, exchange):
    module.register(app)
