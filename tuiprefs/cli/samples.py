"""Commands about samples: sample, samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from tuiprefs.cli.common import JsonOption, ProjectOption, narrate, print_json, print_table, workplace
from tuiprefs.project.atomic import write_text
from tuiprefs.project.errors import UserError
from tuiprefs.store.samples import SampleRecord, VerdictFilter, list_samples

SEPARATOR = "<|endoftext|>"


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(sample)
    app.command()(samples)


def sample(
    context: typer.Context,
    count: Annotated[int, typer.Option(min=1, help="Samples to write.")] = 100,
    model: Annotated[
        str | None, typer.Option(help="starter, a run's name, latest, a folder or a hub id.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Divides the logits.", show_default=False)] = None,
    top_k: Annotated[
        int | None, typer.Option(help="Only the k likeliest tokens.", show_default=False)
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Only the likeliest tokens of this mass.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Makes the samples repeatable.")] = None,
    out: Annotated[
        Path | None, typer.Option(help=f"Also write the texts to this file, separated by {SEPARATOR} lines.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; the run goes on.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Write samples of a model into the project's database."""
    from tuiprefs.cli.sampling import begin_sampling, finish_sampling
    from tuiprefs.rating.setup import check_samples

    if out is not None and detach:
        raise UserError("--out needs the samples, --detach does not wait for them: leave one of the two out.")
    with workplace(context, project) as place:
        folder = begin_sampling(
            place.project,
            place.store,
            model=model,
            count=count,
            seed=seed,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        result: dict[str, Any] = {"run": folder.name, "model": folder.spec.parents["model"]}
        if not detach:
            written = finish_sampling(folder)
            if out is not None:
                write_text(out, f"\n{SEPARATOR}\n".join(line["text"] for line in written) + "\n")
            verdicts = check_samples(place.project, place.store)
            result |= {"samples": len(written), "ids": [line["id"] for line in written], "checked": verdicts}
            narrate(f"{len(written)} samples of {result['model']} by {folder.name}.")
    if json:
        print_json(result)
    elif detach:
        narrate(f"Started {folder.name}.")


def samples(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="model, corpus or import.")] = None,
    run: Annotated[str | None, typer.Option(help="The run that wrote them.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that wrote them.")] = None,
    verdict: Annotated[str | None, typer.Option(help="ok, broken or unchecked.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, oldest first.")] = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """List the samples in the database."""
    if verdict not in (None, "ok", "broken", "unchecked"):
        raise UserError(f"--verdict {verdict}: use ok, broken or unchecked.")
    with workplace(context, project) as place:
        found = list_samples(
            place.store,
            source=source,
            run=run,
            model=model,
            verdict=cast("VerdictFilter | None", verdict),
            limit=limit,
        )
    if json:
        print_json([_row(record) for record in found])
    else:
        print_table(
            [{**_row(record), "text": _line(record.text)} for record in found], "There are no samples."
        )


def _row(record: SampleRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "source": record.source,
        "model": record.model,
        "run": record.run,
        "verdict": record.verdict,
        "rule": record.rule,
        "text": record.text,
    }


def _line(text: str) -> str:
    one = text.replace("\n", "⏎")
    return one if len(one) <= 60 else f"{one[:59]}…"
