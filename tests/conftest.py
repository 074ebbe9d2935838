"""What all tests share: a small thread count, and a starter project made by the real command."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Child processes inherit it: tests run side by side, and arithmetic on many threads would only fight.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A setting in the developer's own environment must not change what is tested.
for name in [name for name in os.environ if name.startswith("TUIPREFS_")]:
    del os.environ[name]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def tuiprefs() -> Run:
    """Run one command of the product in a process of its own."""

    def run(*arguments: object, timeout: float = 300, **options: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", "from tuiprefs.cli import main; main()", *map(str, arguments)]
        options = {"stdin": subprocess.DEVNULL, "check": False, **options}
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, **options)

    return run


@pytest.fixture(scope="session")
def made_project(tuiprefs: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter project, made once; tests that change it take ``starter_project``."""
    root = tmp_path_factory.mktemp("made") / "project"
    done = tuiprefs("init", root)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def starter_project(made_project: Path, tmp_path: Path) -> Path:
    """A copy of the starter project that the test may change."""
    root = tmp_path / "project"
    shutil.copytree(made_project, root)
    return root
