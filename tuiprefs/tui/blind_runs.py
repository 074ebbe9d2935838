"""The two runs that write the samples of a blind test, and the test made of them; no Textual."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from tuiprefs.project.errors import TuiprefsError
from tuiprefs.rating.blind import samples_to_draw
from tuiprefs.runs import control
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.journal import read_all
from tuiprefs.runs.state import state
from tuiprefs.store.samples import list_samples
from tuiprefs.tui.run_form import BlindRequest, RunRequest, base_settings
from tuiprefs.tui.services import Services
from tuiprefs.tui.start_run import start_run


@dataclass(frozen=True)
class BlindRuns:
    """A blind test whose samples are being written."""

    request: BlindRequest
    drawn: int
    """Samples that each model writes."""
    folders: tuple[RunFolder, RunFolder]


@dataclass(frozen=True)
class BlindProgress:
    """How far the writing is."""

    done: int
    total: int
    ready: bool


def start_blind_runs(services: Services, request: BlindRequest) -> BlindRuns:
    """Start one child for each model."""
    drawn = samples_to_draw(request.count, "exclude")
    settings = base_settings("sample", services.settings).model_copy(update={"count": drawn})
    a, b = (
        start_run(services, RunRequest("sample", settings, {"model": model}, secrets.randbits(31)))
        for model in (request.model_a, request.model_b)
    )
    return BlindRuns(request, drawn, (a, b))


def blind_progress(runs: BlindRuns) -> BlindProgress:
    """How far both runs are.

    Raises:
        TuiprefsError: one of them has ended without its samples.
    """
    states = [state(folder) for folder in runs.folders]
    for folder, one in zip(runs.folders, states, strict=True):
        if not one.alive and one.status not in ("finished", "new"):
            raise TuiprefsError(f"The samples could not be written: {folder.name}: {one.reason}.")
    done = sum(one.update or 0 for one in states)
    return BlindProgress(done, 2 * runs.drawn, all(one.status == "finished" for one in states))


def stop_blind_runs(runs: BlindRuns) -> None:
    """Ask both runs to stop."""
    for folder in runs.folders:
        if state(folder).alive:
            control.send(folder, {"command": "stop", "reason": "the blind test was left"})


def sample_ids(services: Services, folder: RunFolder) -> list[int]:
    """The samples that a run wrote, in its order; one that the store knew before has its old id."""
    told = [row["id"] for row in read_all(folder.samples_path) if isinstance(row.get("id"), int)]
    return told or [sample.id for sample in list_samples(services.store, run=folder.name)]
