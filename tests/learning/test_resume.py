"""Kill -9 a real worker at its work; the resumed run ends with the metrics of an uninterrupted one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tuiprefs.project.learning_settings import LanguageModelSettings, PolicySettings
from tuiprefs.runs import journal
from tuiprefs.runs.folder import RunFolder, create_run
from tuiprefs.runs.supervisor import state

REPOSITORY = Path(__file__).parents[2]
DEADLINE_SECONDS = 120
TUNE = "M:4/4\nK:G\nGABc d2B2|c2A2 B2G2|GABc d2B2|c2A2 G4|\n"


def start(folder: RunFolder, *arguments: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "tuiprefs.learning.worker", str(folder.path), *arguments]
    with open(folder.log_path, "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)


def wait(child: subprocess.Popen[bytes], folder: RunFolder) -> None:
    assert child.wait(DEADLINE_SECONDS) == 0, folder.log_path.read_text()


def kill_at(child: subprocess.Popen[bytes], folder: RunFolder, update: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(journal.read_all(folder.metrics_path)) < update:
        assert child.poll() is None, folder.log_path.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()


def comparable(folder: RunFolder) -> list[dict[str, Any]]:
    """Metrics without what depends on the clock or on memory."""
    timed = ("time", "memory", "lm/tokens_per_second")
    rows = journal.read_all(folder.metrics_path)
    return [{key: value for key, value in row.items() if not key.startswith(timed)} for row in rows]


def check(straight: RunFolder, broken: RunFolder, kill_after: int, total: int) -> None:
    wait(start(straight), straight)
    child = start(broken)
    kill_at(child, broken, kill_after)
    assert state(broken).status == "died"
    assert len(journal.read_all(broken.metrics_path)) < total
    broken.archive_attempt()
    wait(start(broken, "--resume"), broken)
    assert state(broken).status == "finished"
    assert [row["update"] for row in comparable(broken)] == list(range(1, total + 1))
    assert comparable(broken) == comparable(straight)
    resumed = [event for event in journal.read_all(broken.events_path) if event["event"] == "resumed"]
    assert len(resumed) == 1
    assert 0 < resumed[0]["update"] <= kill_after + 1


@pytest.mark.e2e
def test_a_killed_policy_run_resumes_bitwise(project: Any, lm_dir: Path, reward_dir: Path) -> None:
    settings = PolicySettings(
        query="X:", batch_size=8, response_length=30, updates=40, epochs=2, minibatches=2, checkpoint_every=3,
        learning_rate=1e-3, torch_threads=1,
    )  # fmt: skip
    parents = {"model": str(lm_dir), "reward": str(reward_dir)}
    runs = [create_run(project, "policy", settings, parents, seed=7) for _ in range(2)]
    check(runs[0], runs[1], kill_after=8, total=40)
    texts = [[one["text"] for one in journal.read_all(run.samples_path)] for run in runs]
    assert texts[0] == texts[1]
    weights = [(project.models_dir / run.name / "model.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]


@pytest.mark.e2e
def test_a_killed_language_model_run_resumes_bitwise(project: Any) -> None:
    project.corpus_dir.mkdir(exist_ok=True)
    tunes = [TUNE.replace("G2|", f"{pitch}2|") for pitch in "ABcdefgA"]
    for name in ("train.txt", "heldout.txt"):
        (project.corpus_dir / name).write_text("<|endoftext|>\n".join(tunes))
    settings = LanguageModelSettings(
        width=16, layers=2, heads=2, updates=60, batch_tokens=256, checkpoint_every=5, heldout_every=20,
        torch_threads=1,
    )  # fmt: skip
    runs = [create_run(project, "lm", settings, {}, seed=7) for _ in range(2)]
    check(runs[0], runs[1], kill_after=12, total=60)
