"""Commands that judge: rate, blind."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuiprefs.cli.common import JsonOption, ProjectOption, Workplace, narrate, print_json, workplace
from tuiprefs.project.errors import UserError

if TYPE_CHECKING:
    from tuiprefs.rating.blind import BlindResult

CommandOption = Annotated[
    str | None,
    typer.Option(
        help='A rating program: gets {"left", "right", "pair"}, answers {"choice"}, a JSON line each.',
        show_default=False,
    ),
]
RaterOption = Annotated[str | None, typer.Option(help="Whose judgements these are.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(rate)
    app.command()(blind)


def rate(
    context: typer.Context,
    command: CommandOption = None,
    count: Annotated[int | None, typer.Option(min=1, help="Pairs that the program rates.")] = None,
    rater: RaterOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Rate pairs of samples: in the app, or by a program."""
    with workplace(context, project) as place:
        if command is None:
            _open_rate_tab(place)
        report = _rate_by_command(place, command or "", count or 50, rater or _program_name(command))
    if json:
        print_json(report)


def blind(
    context: typer.Context,
    model_a: Annotated[str, typer.Argument(help="The one model.", show_default=False)],
    model_b: Annotated[str, typer.Argument(help="The other model.", show_default=False)],
    count: Annotated[int, typer.Option(min=1, help="Pairs to judge.")] = 50,
    command: CommandOption = None,
    broken: Annotated[
        str, typer.Option(help="exclude: broken samples are left out; lose: they lose their pair.")
    ] = "exclude",
    seed: Annotated[int | None, typer.Option(min=0, help="Makes the samples repeatable.")] = None,
    rater: RaterOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Compare fresh samples of two models without knowing which is which."""
    if broken not in ("exclude", "lose"):
        raise UserError(f"--broken {broken}: use exclude or lose.")
    if command is None:
        raise UserError("A blind test by ear runs in the app; here name a rating program with --command.")
    with workplace(context, project) as place:
        result = _blind_by_command(place, model_a, model_b, count, command, broken, seed, rater)
    if json:
        print_json(_blind_row(result))
    else:
        print(result.sentence)


def _open_rate_tab(place: Workplace) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError("Rating by ear needs a terminal; in a script name a rating program with --command.")
    from tuiprefs.tui.app import run_app

    raise typer.Exit(run_app(place.project, place.store, initial_tab="rate"))


def _rate_by_command(place: Workplace, command: str, count: int, rater: str) -> dict[str, Any]:
    from tuiprefs.rating.command_rater import CommandRater, rate_by_command
    from tuiprefs.rating.setup import make_session

    session = make_session(place.project, place.store, rater, origin="simulated")
    try:
        with CommandRater(command, place.project.settings.rating.answer_seconds) as program:
            report = rate_by_command(session, program, count)
    finally:
        session.close()
    narrate(f"{rater} rated {report.asked} pairs; auto-fail decided {report.automatic}.")
    if report.asked < count:
        narrate("There are no more pairs to rate; `tuiprefs sample` writes new samples.")
    return {"rater": rater, **asdict(report)}


def _blind_by_command(
    place: Workplace,
    model_a: str,
    model_b: str,
    count: int,
    command: str,
    broken: Any,
    seed: int | None,
    rater: str | None,
) -> BlindResult:
    from tuiprefs.cli.sampling import draw_for_blind_test
    from tuiprefs.rating.blind import BlindPlan, BlindTest
    from tuiprefs.rating.command_rater import CommandRater, rate_by_command
    from tuiprefs.rating.setup import make_autofail

    names: list[str] = []
    ids: list[list[int]] = []
    for offset, model in enumerate((model_a, model_b)):
        name, drawn = draw_for_blind_test(
            place.project,
            place.store,
            model=model,
            count=count,
            broken=broken,
            seed=None if seed is None else seed + offset,
        )
        names.append(name)
        ids.append(drawn)
    plan = BlindPlan(names[0], names[1], ids[0], ids[1], broken, count)
    test = BlindTest(
        place.store, make_autofail(place.project), plan, rater or _program_name(command), origin="simulated"
    )
    session = test.session()
    try:
        with CommandRater(command, place.project.settings.rating.answer_seconds) as program:
            rate_by_command(session, program, count)
    finally:
        session.close()
    return test.result()


def _blind_row(result: BlindResult) -> dict[str, Any]:
    low, high = result.interval
    return {
        "model_a": result.model_a,
        "model_b": result.model_b,
        "wins_a": result.wins_a,
        "wins_b": result.wins_b,
        "ties": result.ties,
        "skips": result.skips,
        "n": result.n,
        "interval": [low, high],
        "p_value": result.statistics.p_value,
        "better": result.statistics.better,
        "broken_a": result.broken_a,
        "broken_b": result.broken_b,
        "verdict": result.sentence,
    }


def _program_name(command: str | None) -> str:
    return f"program: {(command or '').strip()[:60]}"
