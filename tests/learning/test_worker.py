"""The worker, run inside the test: what each kind of run leaves behind, and how it ends whatever happens."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tuiprefs.learning import worker
from tuiprefs.learning.jobs import Job
from tuiprefs.learning.reward_model import load_reward_model
from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import PolicySettings, RewardSettings, SampleSettings
from tuiprefs.runs import journal
from tuiprefs.runs.control import send
from tuiprefs.runs.folder import RunFolder, create_run
from tuiprefs.runs.supervisor import state
from tuiprefs.store.comparisons import NewComparison, add_comparisons
from tuiprefs.store.database import Store, open_store
from tuiprefs.store.models import find_model
from tuiprefs.store.samples import NewSample, add_samples, list_samples
from tuiprefs.store.scores import scores_of

POLICY = PolicySettings(
    query="X:", batch_size=4, response_length=10, updates=3, epochs=1, checkpoint_every=2, streamed_samples=2,
    torch_threads=1,
)  # fmt: skip
REWARD = RewardSettings(epochs=2, batch_size=4, normalize_samples=8, torch_threads=1)


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def store(project: Any) -> Iterator[Store]:
    store = open_store(project.database_path)
    yield store
    store.close()


def policy_run(project: Any, lm_dir: Path, reward_dir: Path, **changes: Any) -> RunFolder:
    settings = POLICY.model_copy(update=changes)
    return create_run(project, "policy", settings, {"model": str(lm_dir), "reward": str(reward_dir)}, seed=1)


def rate(store: Store, count: int = 20) -> None:
    """Comparisons of which the longer text wins each."""
    texts = ["ab" * (3 + i % 7) + f"{i}" for i in range(2 * count)]
    ids = add_samples(store, [NewSample(text, "import") for text in texts]).ids
    pairs = [(ids[2 * i], ids[2 * i + 1]) for i in range(count)]
    best = [int(len(texts[2 * i + 1]) > len(texts[2 * i])) for i in range(count)]
    add_comparisons(
        store, [NewComparison(pair, "choice", b, "human") for pair, b in zip(pairs, best, strict=True)]
    )


def events(folder: RunFolder, name: str) -> list[dict[str, Any]]:
    return [event for event in journal.read_all(folder.events_path) if event["event"] == name]


def ending(folder: RunFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(folder.exit_path.read_text())
    return found


# --- policy


def test_a_policy_run_from_end_to_end(project: Any, store: Store, lm_dir: Path, reward_dir: Path) -> None:
    folder = policy_run(project, lm_dir, reward_dir)
    assert worker.main([str(folder.path)]) == 0
    assert (state(folder).status, state(folder).update) == ("finished", 3)
    assert ending(folder)["peak_memory_bytes"] > 0
    rows = journal.read_all(folder.metrics_path)
    assert [row["update"] for row in rows] == [1, 2, 3]
    wanted = {
        "objective/score",
        "objective/kl",
        "objective/entropy",
        "objective/kl_coefficient",
        "ppo/loss/total",
    }
    assert wanted <= rows[0].keys()
    samples = journal.read_all(folder.samples_path)
    assert [sample["update"] for sample in samples] == [1, 1, 2, 2, 3, 3]
    assert all(sample["text"].startswith("X:") for sample in samples)
    model = find_model(store, folder.name)
    assert model is not None
    assert (model.kind, model.parent) == ("policy", str(lm_dir))
    assert model.metrics["objective/kl"] == rows[-1]["objective/kl"]
    policy = AutoModelForCausalLM.from_pretrained(project.root / model.path)
    start = AutoModelForCausalLM.from_pretrained(lm_dir)
    assert not torch.equal(policy.transformer.wte.weight, start.transformer.wte.weight)


def test_a_finished_policy_can_be_the_next_ones_parent(
    project: Any, store: Store, lm_dir: Path, reward_dir: Path
) -> None:
    first = policy_run(project, lm_dir, reward_dir, updates=1)
    assert worker.main([str(first.path)]) == 0
    second = create_run(project, "policy", POLICY, {"model": "latest", "reward": str(reward_dir)}, seed=2)
    assert worker.main([str(second.path)]) == 0
    model = find_model(store, second.name)
    assert model is not None
    assert model.parent == first.name


def test_an_alarm_is_an_event(project: Any, lm_dir: Path, reward_dir: Path) -> None:
    folder = policy_run(project, lm_dir, reward_dir, kl_target=1e-9, learning_rate=1e-2)
    assert worker.main([str(folder.path)]) == 0
    assert events(folder, "alarm")[0]["name"] == "kl-high"


def test_stop_leaves_a_checkpoint_and_a_model_and_resume_goes_on(
    project: Any, store: Store, lm_dir: Path, reward_dir: Path
) -> None:
    straight = policy_run(project, lm_dir, reward_dir)
    worker.main([str(straight.path)])
    folder = policy_run(project, lm_dir, reward_dir)
    send(folder, {"command": "stop", "reason": "stopped by a test"})
    assert worker.main([str(folder.path)]) == 0
    assert (ending(folder)["status"], ending(folder)["reason"]) == ("stopped", "stopped by a test")
    assert find_model(store, folder.name) is not None
    folder.archive_attempt()
    assert worker.main([str(folder.path), "--resume"]) == 0
    assert state(folder).status == "finished"
    assert comparable(folder) == comparable(straight)


def comparable(folder: RunFolder) -> list[dict[str, Any]]:
    """A run's metrics without what depends on the clock."""
    rows = journal.read_all(folder.metrics_path)
    return [{key: v for key, v in row.items() if not key.startswith("time")} for row in rows]


def test_commands_are_obeyed_between_updates(project: Any, lm_dir: Path, reward_dir: Path) -> None:
    folder = policy_run(project, lm_dir, reward_dir)
    send(folder, {"command": "set", "key": "kl_coefficient", "value": 0.5})
    send(folder, {"command": "set", "key": "epochs", "value": 9})
    send(folder, {"command": "set", "key": "learning_rate", "value": "fast"})
    send(folder, {"command": "checkpoint"})
    assert worker.main([str(folder.path)]) == 0
    assert journal.read_all(folder.metrics_path)[0]["objective/kl_coefficient"] == 0.5
    assert [event["key"] for event in events(folder, "control") if event["command"] == "set"] == [
        "kl_coefficient"
    ]
    assert [event["key"] for event in events(folder, "refused")] == ["epochs", "learning_rate"]
    assert [event["update"] for event in events(folder, "checkpoint")] == [0, 2, 3]


def test_pause_waits_and_says_so(project: Any, lm_dir: Path, reward_dir: Path, monkeypatch: Any) -> None:
    folder = policy_run(project, lm_dir, reward_dir)
    send(folder, {"command": "pause"})
    seen: list[str] = []

    def nap(_: float) -> None:
        seen.append(state(folder).status)
        if len(seen) == 3:
            send(folder, {"command": "resume"})

    monkeypatch.setattr("tuiprefs.learning.jobs.time.sleep", nap)
    assert worker.main([str(folder.path)]) == 0
    assert seen == ["paused"] * 3
    assert state(folder).status == "finished"


def test_stop_ends_a_pause(project: Any, lm_dir: Path, reward_dir: Path) -> None:
    folder = policy_run(project, lm_dir, reward_dir)
    send(folder, {"command": "pause"})
    send(folder, {"command": "stop"})
    assert worker.main([str(folder.path)]) == 0
    assert ending(folder)["status"] == "stopped"


def test_sigterm_ends_politely_and_a_hangup_is_nothing(
    project: Any, lm_dir: Path, reward_dir: Path, monkeypatch: Any
) -> None:
    folder = policy_run(project, lm_dir, reward_dir, updates=50)
    goes_on = Job.goes_on

    def with_signals(job: Job, update: int, *rest: Any) -> bool:
        if update == 1:
            os.kill(os.getpid(), signal.SIGHUP)
        if update == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return goes_on(job, update, *rest)

    monkeypatch.setattr(Job, "goes_on", with_signals)
    assert worker.main([str(folder.path)]) == 0
    assert (ending(folder)["status"], ending(folder)["reason"]) == ("stopped", "stopped by SIGTERM")
    assert state(folder).update == 2
    assert state(folder).resumable


# --- reward


def test_a_reward_run_from_end_to_end(project: Any, store: Store, lm_dir: Path) -> None:
    rate(store)
    folder = create_run(project, "reward", REWARD, {"model": str(lm_dir)}, seed=1)
    assert worker.main([str(folder.path)]) == 0
    model = find_model(store, folder.name)
    assert model is not None
    assert model.kind == "reward"
    assert {
        "heldout_accuracy",
        "heldout_loss",
        "train_comparisons",
        "heldout_comparisons",
    } <= model.metrics.keys()
    assert (model.metrics["train_comparisons"], model.metrics["heldout_comparisons"]) == (16, 4)
    samples = list_samples(store)
    scores = scores_of(store, [sample.id for sample in samples])
    expected = load_reward_model(project.root / model.path).score([sample.text for sample in samples])
    assert [scores[sample.id] for sample in samples] == pytest.approx(expected, abs=1e-6)
    assert "reward/heldout_accuracy" in journal.read_all(folder.metrics_path)[-1]


@pytest.mark.parametrize("name", ["normalize_before", "normalize_after"])
def test_normalising_does_something(project: Any, store: Store, lm_dir: Path, name: str) -> None:
    rate(store)
    scores = []
    for settings in (REWARD, REWARD.model_copy(update={name: not getattr(REWARD, name)})):
        folder = create_run(project, "reward", settings, {"model": str(lm_dir)}, seed=1)
        assert worker.main([str(folder.path)]) == 0
        scores.append(load_reward_model(project.models_dir / folder.name).score(["abab", "abababab1"]))
    assert scores[0] != scores[1]


def test_a_resumed_reward_run_sees_the_comparisons_of_its_start(
    project: Any, store: Store, lm_dir: Path
) -> None:
    rate(store)
    straight = create_run(project, "reward", REWARD, {"model": str(lm_dir)}, seed=1)
    worker.main([str(straight.path)])
    folder = create_run(project, "reward", REWARD, {"model": str(lm_dir)}, seed=1)
    send(folder, {"command": "stop"})
    worker.main([str(folder.path)])
    ids = [sample.id for sample in list_samples(store)]
    add_comparisons(store, [NewComparison((ids[i], ids[-1 - i]), "choice", 0, "human") for i in range(15)])
    folder.archive_attempt()
    assert worker.main([str(folder.path), "--resume"]) == 0
    assert comparable(folder) == comparable(straight)


def test_without_comparisons_a_reward_run_fails_in_one_sentence(project: Any, lm_dir: Path) -> None:
    folder = create_run(project, "reward", REWARD, {"model": str(lm_dir)}, seed=1)
    assert worker.main([str(folder.path)]) == 2
    assert ending(folder)["status"] == "failed"
    assert "rate more pairs" in ending(folder)["reason"]


# --- samples


def test_a_sampling_run_writes_into_the_store(project: Any, store: Store, lm_dir: Path) -> None:
    settings = SampleSettings(count=7, max_new_tokens=12, batch_size=3, query="X:", torch_threads=1)
    folder = create_run(project, "sample", settings, {"model": str(lm_dir)}, seed=1)
    assert worker.main([str(folder.path)]) == 0
    samples = list_samples(store, run=folder.name)
    assert len(samples) == 7
    assert {(sample.source, sample.model, sample.query) for sample in samples} == {
        ("model", str(lm_dir), "X:")
    }
    shown = journal.read_all(folder.samples_path)
    assert [one["id"] for one in shown] == [sample.id for sample in samples]
    assert [one["text"] for one in shown] == [sample.text for sample in samples]
    again = create_run(project, "sample", settings, {"model": str(lm_dir)}, seed=1)
    assert worker.main([str(again.path)]) == 0
    assert [one["text"] for one in journal.read_all(again.samples_path)] == [
        sample.text for sample in samples
    ]


def test_a_sampling_run_resumes_after_its_last_batch(project: Any, lm_dir: Path, monkeypatch: Any) -> None:
    settings = SampleSettings(count=7, max_new_tokens=12, batch_size=3, query="X:", torch_threads=1)
    straight = create_run(project, "sample", settings, {"model": str(lm_dir)}, seed=1)
    worker.main([str(straight.path)])
    folder = create_run(project, "sample", settings, {"model": str(lm_dir)}, seed=1)
    goes_on = Job.goes_on
    with monkeypatch.context() as patch:
        patch.setattr(Job, "goes_on", lambda job, update: update < 3 and goes_on(job, update))
        worker.main([str(folder.path)])
    assert len(journal.read_all(folder.samples_path)) == 3
    folder.archive_attempt()
    assert worker.main([str(folder.path), "--resume"]) == 0
    texts = [[one["text"] for one in journal.read_all(run.samples_path)] for run in (folder, straight)]
    assert texts[0] == texts[1]


# --- how a run ends


def test_a_setting_that_does_not_fit_is_named(project: Any, lm_dir: Path, reward_dir: Path) -> None:
    folder = policy_run(project, lm_dir, reward_dir, lam=7.0)
    assert worker.main([str(folder.path)]) == 2
    assert "lam = 7.0 does not fit" in ending(folder)["reason"]


def test_a_model_that_is_not_there_is_one_sentence(project: Any, reward_dir: Path) -> None:
    folder = policy_run(project, Path("/no/such/model"), reward_dir)
    assert worker.main([str(folder.path)]) == 2
    assert "/no/such/model" in ending(folder)["reason"]


def test_no_run_folder_is_one_sentence(tmp_path: Path, capsys: Any) -> None:
    assert worker.main([str(tmp_path)]) == 2
    assert "is no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full", 1),
        (RuntimeError("SafetensorError: I/O error: No space left on device"), "The disk is full", 1),
        (MemoryError(), "halve policy.micro_batch_size", 1),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
            "halve",
            1,
        ),
        (torch.OutOfMemoryError("CUDA out of memory."), "halve", 1),
        (PermissionError(errno.EACCES, "Permission denied", "/x/models"), "/x/models may not be written", 1),
        (UserError("Rate more."), "Rate more.", 2),
        (ValueError("odd\nthing"), "unexpected error ended the run (ValueError: odd); the log has", 1),
        (SystemExit(5), "unexpected error ended the run (SystemExit", 1),
    ],
)
def test_every_failure_becomes_one_sentence(
    project: Any,
    lm_dir: Path,
    reward_dir: Path,
    monkeypatch: Any,
    error: BaseException,
    sentence: str,
    code: int,
) -> None:
    folder = policy_run(project, lm_dir, reward_dir)

    def fail(job: Job) -> None:
        raise error

    monkeypatch.setattr(worker, "runner", lambda kind: fail)
    assert worker.main([str(folder.path)]) == code
    assert sentence in ending(folder)["reason"]
    assert ending(folder)["status"] == "failed"
    assert type(error).__name__ in ending(folder)["traceback"]


def test_a_failure_keeps_the_checkpoints(
    project: Any, lm_dir: Path, reward_dir: Path, monkeypatch: Any
) -> None:
    folder = policy_run(project, lm_dir, reward_dir)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Job, "leave_model", full)
        assert worker.main([str(folder.path)]) == 1
    assert "disk is full" in ending(folder)["reason"]
    folder.archive_attempt()
    assert worker.main([str(folder.path), "--resume"]) == 0
    assert [row["update"] for row in journal.read_all(folder.metrics_path)] == [1, 2, 3]
