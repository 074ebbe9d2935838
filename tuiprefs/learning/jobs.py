"""What all runs have in common inside their child: inputs, commands, alarms, the model left behind."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tuiprefs.project.atomic import write_json
from tuiprefs.project.errors import UserError
from tuiprefs.project.project import Project, open_project
from tuiprefs.project.settings_file import explain
from tuiprefs.runs import journal
from tuiprefs.runs.alarms import AlarmWatch
from tuiprefs.runs.control import ControlReader
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.recorder import Recorder
from tuiprefs.runs.spec import RunSpec
from tuiprefs.store.database import Store, open_store
from tuiprefs.store.models import ModelKind, ModelRecord, add_model

T = TypeVar("T", bound=BaseModel)

_PAUSE_POLL_SECONDS = 0.2


@dataclass
class Job:
    """One run, seen from inside its child.

    Attributes:
        folder: the run.
        recorder: the pen that writes into it.
        control: the commands that come to it.
        resume: go on from the last checkpoint.
        stop_reason: why the run is to end early; None while it is not.
    """

    folder: RunFolder
    recorder: Recorder
    control: ControlReader
    resume: bool
    stop_reason: str | None = None
    _watch: AlarmWatch | None = field(default=None, repr=False)
    _paused: bool = False

    @property
    def spec(self) -> RunSpec:
        """What the run is."""
        return self.folder.spec

    @cached_property
    def project(self) -> Project:
        """The project that the run is in."""
        return open_project(self.folder.project_root)

    @cached_property
    def store(self) -> Store:
        """The project's database."""
        return open_store(self.project.database_path)

    def settings(self, kind: type[T]) -> T:
        """The run's settings, checked.

        Raises:
            UserError: one does not fit.
        """
        try:
            return kind.model_validate(self.spec.settings)
        except ValidationError as error:
            raise UserError(explain(error, str(self.folder.spec_path))) from None

    def inputs(self, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the run takes from the project: read at its first start, the same at every resumption.

        Names such as "latest", the ratings and the project's settings may change while a run is stopped.
        """
        path = self.folder.path / "inputs.json"
        if not path.exists():
            write_json(path, read())
        inputs: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return inputs

    def watch(self, kl_target: float | None = None) -> None:
        """Raise alarms from now on. What was recorded before tells how the run began."""
        self._watch = AlarmWatch(self.project.settings.alarms, kl_target)
        for metrics in journal.read_all(self.folder.metrics_path):
            self._watch.observe(metrics)

    def record(self, update: int, metrics: Mapping[str, Any]) -> None:
        """Write down one update's metrics, and the alarms that they raise."""
        self.recorder.metrics(update, metrics)
        if self._watch is not None:
            for alarm in self._watch.observe({**metrics, "update": update}):
                self.recorder.alarm(alarm)

    def beat(self, stage: str) -> None:
        """Say what is being done."""
        self.recorder.heartbeat(stage)

    def goes_on(
        self,
        update: int,
        save: Callable[[], None] = lambda: None,
        adjust: Callable[[str, float], None] | None = None,
    ) -> bool:
        """Obey the commands that came since the last update; False when the run is to end now.

        Blocks while the run is paused. ``save`` writes a checkpoint; ``adjust`` changes a setting.
        """
        while self.stop_reason is None:
            for command in self.control.poll():
                self._obey(command, update, save, adjust)
            if not self._paused or self.stop_reason is not None:
                break
            self.recorder.heartbeat("paused", update, paused=True)
            time.sleep(_PAUSE_POLL_SECONDS)
        return self.stop_reason is None

    def leave_model(
        self, kind: ModelKind, parent: str | None, metrics: dict[str, Any], write: Callable[[Path], None]
    ) -> None:
        """Put what ``write`` writes at ``models/<run>`` in one rename, and enter it in the database."""
        name = self.folder.name
        target = self.project.models_dir / name
        beside = target.with_name(f".writing-{name}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            write(beside)
            if target.exists():
                # Left by an earlier end of this run. A folder can be renamed onto an empty one only.
                old = target.with_name(f".old-{name}")
                shutil.rmtree(old, ignore_errors=True)
                os.rename(target, old)
                os.rename(beside, target)
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.rename(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        path = str(target.relative_to(self.project.root))
        add_model(self.store, ModelRecord(name, kind, path, run=name, parent=parent, metrics=metrics))
        self.recorder.event("model", name=name, kind=kind, path=str(target))

    def close(self) -> None:
        """Let go of the database."""
        if "store" in self.__dict__:
            self.store.close()

    def _obey(
        self,
        command: Mapping[str, Any],
        update: int,
        save: Callable[[], None],
        adjust: Callable[[str, float], None] | None,
    ) -> None:
        name = command["command"]
        match name:
            case "stop":
                self.stop_reason = _stop_reason(command)
            case "pause":
                self._paused = True
            case "resume":
                self._paused = False
            case "checkpoint":
                save()
            case "set":
                self._set(command, update, adjust)
                return
        self.recorder.event("control", command=name, update=update)

    def _set(
        self, command: Mapping[str, Any], update: int, adjust: Callable[[str, float], None] | None
    ) -> None:
        key, value = str(command["key"]), command["value"]
        try:
            if adjust is None:
                raise UserError(f"A {self.spec.kind} run has no setting that can be changed while it goes.")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(f"{key} = {value!r} is no number.")
            adjust(key, float(value))
        except UserError as error:
            self.recorder.event(
                "refused", command="set", key=key, value=value, reason=str(error), update=update
            )
        else:
            self.recorder.event("control", command="set", key=key, value=value, update=update)


def _stop_reason(command: Mapping[str, Any]) -> str:
    reason = str(command.get("reason") or "by a command")
    return reason if reason.lower().startswith("stopped") else f"stopped by {reason.removeprefix('by ')}"
