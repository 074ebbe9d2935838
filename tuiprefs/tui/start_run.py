"""Makes a run of what a form asks for, and starts its child process; no Textual."""

from __future__ import annotations

from tuiprefs.project.errors import UserError
from tuiprefs.runs import supervisor
from tuiprefs.runs.folder import RunFolder, create_run
from tuiprefs.runs.models import STARTER, resolve_model, resolve_reward_model
from tuiprefs.tui.run_form import RunRequest
from tuiprefs.tui.services import Services


def start_run(services: Services, request: RunRequest) -> RunFolder:
    """Start the child; it outlives the app.

    Raises:
        UserError: a model that the run starts from does not exist, or does not suit the project.
    """
    project, store = services.project, services.store
    parents = dict(request.parents)
    if "model" in parents:
        parents["model"] = resolve_model(project, store, parents["model"]).name
        if parents["model"] == STARTER and not services.domain.has_sound:
            raise UserError(
                "The starter model writes ABC music only: train a language model on your texts first."
            )
    if "reward" in parents:
        parents["reward"] = resolve_reward_model(project, store, parents["reward"]).name
    folder = create_run(project, request.kind, request.settings, parents, request.seed)
    supervisor.start(folder)
    return folder
