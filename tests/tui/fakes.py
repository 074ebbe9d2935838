"""Stand-ins with a clock that only moves when it is told to, and a project with tunes written by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tuiprefs.project.project import Project
from tuiprefs.runs import journal
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.process import describe_self
from tuiprefs.store.database import Store
from tuiprefs.store.samples import NewSample, add_samples
from tuiprefs.tui.app import TuiprefsApp
from tuiprefs.tui.services import Services

RATE = 100
"""Frames per second of the fake sound: few, so that a clip costs nothing."""

TUNES = [
    "X:1\nL:1/8\nM:6/8\nK:D\n|:dAFDFA|dedcBA|dcdefg|fedcBA|dAFDFA|dedcBA|dcdefg|1fdcd2A:|2fdcd2e|]",
    "X:1\nL:1/8\nM:4/4\nK:G\n|:GABcdedB|dedBdedB|c2ecB2dB|c2A2A2BA|GABcdedB|dedBdedB|c2ecB2dB|A2F2G4:|",
    "X:1\nL:1/8\nM:3/4\nK:Am\n|:A2B2c2|d2e2d2|c2B2A2|^G2A2B2|c2d2e2|f2e2d2|c2B2^G2|A6:|",
    "X:1\nL:1/8\nM:2/4\nK:A\n|:eAcA|eAce|f2ec|BABc|eAcA|eAce|fecB|A2A2:|BcdB|cdec|defd|e2c2|fdBd|ecAc|BGEG|A2A2|]",
    "X:1\nL:1/8\nM:6/8\nK:Em\n|:EBBEBB|gfedBA|GABdBA|GEFG2A|EBBEBB|gfedBA|Bgfe2d|BAFE3:|gfgefg|fdBBcd|efedBA|BAFE3|]",
    "X:1\nL:1/8\nM:9/8\nK:G\n|:G2BdBdgdB|c2eege^dcB|G2BdBdgdB|A2FFAcBAG:|g2dgdgbag|f2dfdfagf|g2dgdgbag|a2ff^dfgfe|]",
    "X:1\nL:1/8\nM:4/4\nK:Dm\n|:D2FAd2AF|EDEFE2C2|D2FAd2AG|FEDCD4:|f2edc2AG|F2GAF2D2|f2edcAGF|EDCED4|]",
    "X:1\nL:1/8\nM:12/8\nK:F\n|:FACcBAFGAGFE|DEFGFEFDCB,A,C|FACcBAFGAGFE|DEFGECF3z3:|cdcAFGA3c3|dedcBAG3B3|F3C3F6|]",
]
POEMS = [
    "The old road bends beneath the rain,\nand nobody comes home again.",
    "A lamp is lit behind the pane,\nthe moths go round it all in vain.",
    "I counted seven crows today\nand none of them would fly away.",
    "The tide has nothing left to say\nto stones that never asked to stay.",
]


@dataclass
class FakeClock:
    """Seconds that pass on demand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakePlayer:
    """Plays in the fake clock's time, and keeps what it was told."""

    clock: FakeClock
    description: str = "sound: fake"
    played: list[int] = field(default_factory=list)
    """Frames of each clip that was played."""
    closed: bool = False
    _clip: tuple[int, float] | None = None

    @property
    def playing(self) -> bool:
        return self.position() is not None

    def play(self, pcm: Any, start_seconds: float = 0.0) -> None:
        self.played.append(len(pcm))
        self._clip = (len(pcm), self.clock.now - start_seconds)

    def stop(self) -> None:
        self._clip = None

    def position(self) -> float | None:
        if self._clip is None:
            return None
        frames, began = self._clip
        seconds = self.clock.now - began
        return seconds if seconds < frames / RATE else None

    def close(self) -> None:
        self.closed = True


class FakeRenderer:
    """Gives every tune half a minute of silence, but those that hold ``broken`` no sound."""

    def __init__(self, folder: Path, broken: str = "@@@") -> None:
        self.folder = folder
        self.broken = broken
        self.rendered: list[str] = []

    def check(self, abc: str) -> Any:
        bad = self.broken in abc
        return SimpleNamespace(
            outcome="compile-failed" if bad else "ok",
            errors=("wrong",) if bad else (),
            warnings=(),
            sounding_seconds=0.0 if bad else 30.0,
            settings=SimpleNamespace(sample_rate=RATE, speed=1.0),
        )

    def render(self, abc: str) -> Any:
        self.rendered.append(abc)
        found = self.check(abc)
        return SimpleNamespace(
            **vars(found),
            abc_path=self.folder / "tune.abc",
            midi_path=self.folder / "tune.mid",
            audio_path=self.folder / "tune.wav",
            load=lambda: np.zeros((30 * RATE, 2), np.int16),
        )

    def prune(self, max_mb: float) -> int:
        return 0


def fake_services(project: Project, store: Store) -> Services:
    """Services whose sound and clock are fake."""
    clock = FakeClock()
    player = FakePlayer(clock)
    renderer = FakeRenderer(project.cache_dir)
    return Services(project, store, lambda _project: renderer, lambda _settings: player, clock)  # type: ignore[arg-type, return-value]


def add_tunes(store: Store, count: int = len(TUNES), **fields: Any) -> list[int]:
    """Store the first ``count`` tunes; returns their ids."""
    values = {"source": "model", "model": "starter", "query": "X:1\n", **fields}
    return add_samples(store, [NewSample(text, **values) for text in TUNES[:count]]).ids


async def until(pilot: Any, condition: Callable[[], bool], what: str = "", seconds: float = 10.0) -> None:
    """Let the app run until something holds."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what or 'a condition'}")


def make_app(services: Services, tab: str = "rate") -> TuiprefsApp:
    """The app as tests run it."""
    return TuiprefsApp(services, tab)  # type: ignore[arg-type]


def make_run(
    project: Project,
    name: str,
    *,
    metrics: list[dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    parents: dict[str, str] | None = None,
    settings: dict[str, Any] | None = None,
    ending: dict[str, Any] | None = None,
    beat: dict[str, Any] | None = None,
    log: str = "",
    alive: bool = False,
) -> RunFolder:
    """A run folder as a child would have left it; ``alive`` makes this test its child."""
    folder = RunFolder(project.runs_dir / name)
    folder.path.mkdir(parents=True)
    spec = {
        "kind": name.split("-")[2],
        "name": name,
        "project": str(project.root),
        "seed": 1,
        "settings": settings or {},
        "parents": parents or {"model": "starter"},
        "versions": {},
        "created_at": "2025-11-22T20:00:00+00:00",
    }
    folder.spec_path.write_text(json.dumps(spec))
    process = describe_self()
    if not alive:
        process = replace(process, pid=999_999_999, group=999_999_999, time=1_000.0)
    process.write(folder.process_path)
    if beat is not None:
        folder.heartbeat_path.write_text(json.dumps({"time": 1_000.0, "stage": "training", **beat}))
    if ending is not None:
        folder.exit_path.write_text(json.dumps({"code": 0, "time": 1_090.0, **ending}))
    for row in metrics or []:
        journal.append(folder.metrics_path, row)
    for row in events or []:
        journal.append(folder.events_path, row)
    folder.log_path.write_text(log)
    return folder
