"""Forms that start runs and blind tests, from the key press to the child process."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.containers import Vertical
from textual.message import Message

from tuiprefs.store.models import list_models
from tuiprefs.tui.form import FormError, FormScreen
from tuiprefs.tui.jobs import job
from tuiprefs.tui.run_form import (
    TITLES,
    BlindRequest,
    ModelChoices,
    RunRequest,
    StartKind,
    blind_fields,
    blind_request,
    run_fields,
    run_request,
)
from tuiprefs.tui.services import Services
from tuiprefs.tui.start_run import start_run


@dataclass
class ModelsListed(Message):
    """The models for a form are known."""

    purpose: StartKind | None
    """The kind of run to start; None for a blind test."""
    models: ModelChoices


@dataclass
class RunStarted(Message):
    """A run's child process is under way."""

    name: str


@dataclass
class BlindTestAsked(Message):
    """Two models are to be compared by ear; the Rate tab does it."""

    request: BlindRequest


class RunStarter(Vertical):
    """What ``TrainPane`` does to start something; it reports ``RunStarted`` or ``BlindTestAsked``."""

    def __init__(self, services: Services, *, id: str) -> None:
        super().__init__(id=id)
        self.services = services
        """The project and what works on it."""

    def action_new_run(self, kind: StartKind) -> None:
        """Show the form of a new run."""
        self._list_models(kind)

    def action_blind_test(self) -> None:
        """Show the form of a blind test."""
        self._list_models(None)

    @job("models")
    def _list_models(self, purpose: StartKind | None) -> None:
        models = ModelChoices.of(self.services.settings, list_models(self.services.store))
        self.post_message(ModelsListed(purpose, models))

    @on(ModelsListed)
    def _show_form(self, message: ModelsListed) -> None:
        message.stop()
        settings, purpose = self.services.settings, message.purpose
        if purpose is None:
            fields = blind_fields(message.models, settings)
            self.app.push_screen(FormScreen("Blind test", fields, blind_request, "begin"), self._blind_asked)
            return
        try:
            fields = run_fields(purpose, settings, message.models)
        except FormError as error:
            self.notify(str(error), severity="warning", timeout=8)
            return
        form = FormScreen(TITLES[purpose], fields, lambda texts: run_request(purpose, texts))
        self.app.push_screen(form, self._run_asked)

    def _blind_asked(self, request: BlindRequest | None) -> None:
        if request is not None:
            self.post_message(BlindTestAsked(request))

    def _run_asked(self, request: RunRequest | None) -> None:
        if request is not None:
            self._start(request)

    @job("start")
    def _start(self, request: RunRequest) -> None:
        self.post_message(RunStarted(start_run(self.services, request).name))
