"""Commands that train: train lm, train reward, train policy."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuiprefs.cli.common import (
    JsonOption,
    ProjectOption,
    SetOption,
    Workplace,
    assignments,
    narrate,
    print_json,
    workplace,
)
from tuiprefs.project.errors import UserError

if TYPE_CHECKING:
    from tuiprefs.runs.folder import RunFolder

train_app = typer.Typer(
    help="Train a model in a child process that outlives this command.", no_args_is_help=True
)

ResumeOption = Annotated[
    str | None, typer.Option(metavar="RUN", help="Go on with a run that has ended early.")
]
DetachOption = Annotated[bool, typer.Option("--detach", help="Return at once; the run goes on.")]
SeedOption = Annotated[int | None, typer.Option(min=0, help="Makes the run repeatable.")]
ModelOption = Annotated[
    str | None, typer.Option(help="The model to begin from: starter, a run, latest, a folder.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    train_app.command("lm")(train_lm)
    train_app.command("reward")(train_reward)
    train_app.command("policy")(train_policy)
    app.add_typer(train_app, name="train")


def train_lm(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Option(help="A model to fine-tune; default: a new one from nothing.")
    ] = None,
    seed: SeedOption = None,
    resume: ResumeOption = None,
    detach: DetachOption = False,
    settings: SetOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Train a language model by likelihood on the project's corpus."""
    overrides = assignments(settings, "language_model")
    with workplace(context, project, overrides) as place:
        parents = {} if model is None else {"model": _model_name(place, model)}
        folder = _begin(place, "lm", parents, seed, resume)
        _end(place, folder, detach, json)


def train_reward(
    context: typer.Context,
    model: ModelOption = None,
    seed: SeedOption = None,
    resume: ResumeOption = None,
    detach: DetachOption = False,
    settings: SetOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Train a reward model on the project's comparisons."""
    with workplace(context, project, assignments(settings, "reward")) as place:
        parents = {"model": _model_name(place, model)}
        folder = _begin(place, "reward", parents, seed, resume)
        _end(place, folder, detach, json)


def train_policy(
    context: typer.Context,
    model: ModelOption = None,
    reward: Annotated[str, typer.Option(help="The reward model: a run's name or latest.")] = "latest",
    updates: Annotated[int | None, typer.Option(min=1, help="Policy updates.", show_default=False)] = None,
    seed: SeedOption = None,
    resume: ResumeOption = None,
    detach: DetachOption = False,
    settings: SetOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Improve a model against a reward model by PPO."""
    from tuiprefs.runs.models import resolve_reward_model

    given = [*(settings or ()), *([] if updates is None else [f"updates={updates}"])]
    with workplace(context, project, assignments(given, "policy")) as place:
        parents: dict[str, str] = {}
        if resume is None:
            parents = {
                "model": _model_name(place, model),
                "reward": resolve_reward_model(place.project, place.store, reward).name,
            }
        folder = _begin(place, "policy", parents, seed, resume)
        _end(place, folder, detach, json)


def _model_name(place: Workplace, model: str | None) -> str:
    from tuiprefs.runs.models import resolve_model

    return resolve_model(place.project, place.store, model or place.project.settings.project.model).name


def _begin(
    place: Workplace, kind: Any, parents: dict[str, str], seed: int | None, resume: str | None
) -> RunFolder:
    from tuiprefs.runs import supervisor
    from tuiprefs.runs.folder import create_run, find_run

    if resume is not None:
        folder = find_run(place.project, resume)
        if folder.spec.kind != kind:
            raise UserError(
                f"{folder.name} is a {folder.spec.kind} run: go on with `tuiprefs train {folder.spec.kind} "
                f"--resume {folder.name}`."
            )
        supervisor.resume(folder)
        return folder
    section = {"lm": "language_model"}.get(kind, kind)
    settings = getattr(place.project.settings, section)
    folder = create_run(
        place.project, kind, settings, parents, secrets.randbits(31) if seed is None else seed
    )
    supervisor.start(folder)
    narrate(f"Started {folder.name}.")
    return folder


def _end(place: Workplace, folder: RunFolder, detach: bool, json: bool) -> None:
    result: dict[str, Any] = {"run": folder.name, "kind": folder.spec.kind}
    if not detach:
        from tuiprefs.cli.follow import follow
        from tuiprefs.store.models import find_model

        follow(folder)
        model = find_model(place.store, folder.name)
        if model is not None:
            result |= {"model": model.name, "path": model.path, **model.metrics}
        narrate(_summary(result))
    if json:
        print_json(result)


def _summary(result: dict[str, Any]) -> str:
    figures = [
        f"{name.rpartition('/')[2].replace('_', ' ')} {value:.3f}"
        for name, value in result.items()
        if isinstance(value, float)
    ]
    return f"{result['run']} has finished" + (f": {', '.join(figures[:6])}." if figures else ".")
