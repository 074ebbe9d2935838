"""The whole loop at a small scale, by the same program as `just loop`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tuiprefs.project.project import open_project
from tuiprefs.runs.folder import list_runs
from tuiprefs.runs.journal import read_all
from tuiprefs.runs.supervisor import state

pytestmark = pytest.mark.e2e

LOOP = Path(__file__).parents[2] / "tools" / "loop.py"


def test_sample_rate_train_and_prove(tmp_path: Path):
    project = tmp_path / "project"
    line = [sys.executable, LOOP, "--project", project, "--samples", 48, "--comparisons", 40, "--updates", 3]
    line += ["--blind", 6, "--reward-set", "epochs=2", "--policy-set", "batch_size=8"]
    line += ["--policy-set", "response_length=96"]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["rated"]["asked"] == 40
    assert 0 <= figures["reward"]["heldout_accuracy"] <= 1
    assert figures["policy"]["model"] == figures["policy"]["run"]
    blind = figures["blind"]
    assert blind["wins_a"] + blind["wins_b"] + blind["ties"] == blind["n"] <= 6
    runs = {folder.spec.kind: folder for folder in list_runs(open_project(project))}
    assert all(state(folder).status == "finished" for folder in runs.values())
    updates = read_all(runs["policy"].metrics_path)
    assert [line["update"] for line in updates] == [1, 2, 3]
    assert all(line["objective/kl"] is not None for line in updates)
    assert (project / "models" / figures["policy"]["model"] / "model.safetensors").is_file()
