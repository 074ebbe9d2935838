"""A project, a new run, and a small real child program that stands in for the worker."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tuiprefs.project.project import Project, create_project
from tuiprefs.runs import supervisor
from tuiprefs.runs.folder import RunFolder, create_run

CHILD = Path(__file__).with_name("child_program.py")
DEADLINE_SECONDS = 30.0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create_project(tmp_path / "project")


@pytest.fixture
def run(project: Project) -> RunFolder:
    return create_run(project, "policy", {"updates": 5}, {"model": "starter"}, seed=1)


@pytest.fixture
def child_argv(run: RunFolder) -> Iterator[Callable[[str], list[str]]]:
    """The command of a child that behaves in a named way. What a failed test leaves behind is ended."""
    yield lambda behaviour: [sys.executable, "-P", str(CHILD), behaviour, str(run.path)]
    for process in psutil.process_iter(["cmdline"]):
        if str(run.path) in (process.info["cmdline"] or []):
            process.kill()
    supervisor.state(run)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Wait until a condition holds; failing it after a deadline that only a broken program reaches."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never came to pass"
            time.sleep(0.02)

    return wait
