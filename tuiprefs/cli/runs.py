"""Commands about background runs: list, show, stop, pause, go on, checkpoint."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuiprefs.cli.common import JsonOption, ProjectOption, narrate, print_json, print_table, workplace
from tuiprefs.project.errors import UserError

runs_app = typer.Typer(help="List, show and steer background runs.")

RunArgument = Annotated[str, typer.Argument(help="A run's name, or the end of it.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    runs_app.callback(invoke_without_command=True)(runs)
    for name, command in (("list", list_), ("show", show), ("stop", stop)):
        runs_app.command(name)(command)
    for name, help_ in (
        ("pause", "Let a run wait after its present update."),
        ("resume", "Let a paused run go on."),
        ("checkpoint", "Have a run write a checkpoint now."),
    ):
        runs_app.command(name, help=help_)(_sender(name))
    app.add_typer(runs_app, name="runs")


def runs(context: typer.Context) -> None:
    """List, show and steer background runs; alone it lists them."""
    if context.invoked_subcommand is None:
        list_(context)


def list_(context: typer.Context, project: ProjectOption = None, json: JsonOption = False) -> None:
    """List the project's runs, oldest first."""
    from tuiprefs.runs.folder import list_runs
    from tuiprefs.runs.names import parse_name
    from tuiprefs.runs.supervisor import state

    with workplace(context, project) as place:
        rows: list[dict[str, Any]] = []
        for folder in list_runs(place.project):
            now = state(folder)
            rows.append(
                {
                    "run": folder.name,
                    # From the name: one damaged specification shall not hide the other runs.
                    "kind": name.kind if (name := parse_name(folder.name)) else None,
                    "status": now.status,
                    "update": now.update,
                    "updates": now.total_updates,
                    "reason": now.reason,
                }
            )
    if json:
        print_json(rows)
    else:
        print_table(rows, "There are no runs yet; `tuiprefs train --help` says how to start one.")


def show(
    context: typer.Context, run: RunArgument, project: ProjectOption = None, json: JsonOption = False
) -> None:
    """Show one run: its state, settings, newest metrics and events."""
    from dataclasses import asdict

    from tuiprefs.runs.folder import find_run
    from tuiprefs.runs.journal import read_all
    from tuiprefs.runs.supervisor import state

    with workplace(context, project) as place:
        folder = find_run(place.project, run)
        latest: dict[str, Any] = {}
        for line in read_all(folder.metrics_path):
            latest.update(line)
        shown: dict[str, Any] = {
            "run": folder.name,
            "folder": str(folder.path),
            "state": asdict(state(folder)),
            "spec": folder.spec.model_dump(),
            "metrics": latest,
            "events": read_all(folder.events_path),
        }
    if json:
        print_json(shown)
        return
    for part in ("state", "metrics"):
        print_table([{part: key, "value": value} for key, value in shown[part].items()], f"No {part} yet.")
        print()
    settings = shown["spec"]["settings"]
    print_table([{"setting": key, "value": str(value)} for key, value in settings.items()], "No settings.")
    for event in shown["events"]:
        print("event", " ".join(f"{key}={value}" for key, value in event.items()))


def stop(context: typer.Context, run: RunArgument, project: ProjectOption = None) -> None:
    """Stop a run: it writes a checkpoint and ends; one that does not answer is ended by force."""
    from tuiprefs.runs import supervisor
    from tuiprefs.runs.folder import find_run

    with workplace(context, project) as place:
        folder = find_run(place.project, run)
        _must_live(folder)
        supervisor.stop(folder)
        narrate(f"{folder.name}: {supervisor.state(folder).status}.")


def _sender(command: str) -> Any:
    def send_command(context: typer.Context, run: RunArgument, project: ProjectOption = None) -> None:
        from tuiprefs.runs.control import send
        from tuiprefs.runs.folder import find_run

        with workplace(context, project) as place:
            folder = find_run(place.project, run)
            _must_live(folder)
            send(folder, {"command": command})
            narrate(f"Told {folder.name} to {command}.")

    return send_command


def _must_live(folder: Any) -> None:
    from tuiprefs.runs.supervisor import state

    status = state(folder).status
    if status not in ("starting", "running", "paused"):
        raise UserError(f"{folder.name} is not running (it is {status}); `tuiprefs runs` lists what is.")
