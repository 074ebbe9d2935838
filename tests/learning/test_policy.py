"""The policy's training loop: it learns what is rewarded, keeps its distance, and resumes bitwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tuiprefs.learning.checkpoints import CheckpointFolder
from tuiprefs.learning.policy_model import PolicyModel, frozen
from tuiprefs.learning.policy_training import PolicyParts, PolicyTrainer
from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import PolicySettings

NewLM = Callable[[int], Any]
TINY = PolicySettings(
    batch_size=16,
    micro_batch_size=8,
    response_length=12,
    updates=6,
    epochs=2,
    minibatches=2,
    learning_rate=1e-3,
    kl_coefficient=0.01,
    kl_target=2.0,
    kl_horizon=100,
)


def share_of_a(texts: list[str]) -> list[float]:
    return [10 * text.count("a") / max(len(text), 1) for text in texts]


def starts_with_z(texts: list[str]) -> list[bool]:
    return [text.startswith("X:z") for text in texts]


def a_trainer(
    new_lm: NewLM, tokenizer: Any, seed: int = 0, query: str = "X:", **changes: Any
) -> PolicyTrainer:
    policy = PolicyModel(new_lm(0), tokenizer.pad_token_id)
    parts = PolicyParts(policy, frozen(new_lm(0)), tokenizer, share_of_a, starts_with_z)
    return PolicyTrainer(parts, TINY.model_copy(update=changes), query, seed)


def run(trainer: PolicyTrainer, until: int | None = None) -> list[dict[str, float]]:
    """The metrics of each update, times left out."""
    rows = []
    while not trainer.done and (until is None or trainer.update < until):
        metrics = trainer.step().metrics
        rows.append({key: value for key, value in metrics.items() if not key.startswith("time/")})
    return rows


def test_what_is_rewarded_becomes_frequent(new_lm: NewLM, tokenizer: Any) -> None:
    trainer = a_trainer(new_lm, tokenizer, updates=25, batch_size=32, kl_target=None, kl_coefficient=0.0,
                        learning_rate=3e-3)  # fmt: skip
    rows = run(trainer)
    start = sum(row["objective/score"] for row in rows[:3]) / 3
    end = sum(row["objective/score"] for row in rows[-3:]) / 3
    assert end > 2 * start
    assert rows[-1]["objective/kl"] > 1


def test_a_dear_kl_keeps_the_policy_near(new_lm: NewLM, tokenizer: Any) -> None:
    free = run(
        a_trainer(new_lm, tokenizer, updates=12, kl_target=None, kl_coefficient=0.0, learning_rate=3e-3)
    )
    held = run(
        a_trainer(new_lm, tokenizer, updates=12, kl_target=None, kl_coefficient=5.0, learning_rate=3e-3)
    )
    assert held[-1]["objective/kl_k3"] < free[-1]["objective/kl_k3"] / 2


def test_before_the_first_update_policy_and_reference_agree(new_lm: NewLM, tokenizer: Any) -> None:
    first = run(a_trainer(new_lm, tokenizer), until=1)[0]
    assert first["objective/kl"] == pytest.approx(0, abs=1e-5)
    assert first["objective/kl_k3"] == pytest.approx(0, abs=1e-6)


def test_one_seed_one_trajectory(new_lm: NewLM, tokenizer: Any) -> None:
    once, again = run(a_trainer(new_lm, tokenizer, seed=4)), run(a_trainer(new_lm, tokenizer, seed=4))
    assert once == again
    assert run(a_trainer(new_lm, tokenizer, seed=5)) != once


FLIPS: dict[str, Any] = {
    "response_length": 9,
    "batch_size": 12,
    "learning_rate_decay": False,
    "temperature": 0.7,
    "kl_coefficient": 0.5,
    "kl_target": None,
    "kl_horizon": 1000,
    "kl_coefficient_min": 0.02,
    "kl_coefficient_max": 0.005,
    "unfinished_score": 3.0,
    "broken_score": 30.0,
    "whiten_advantages": False,
}


@pytest.mark.parametrize("name", FLIPS)
def test_every_setting_of_the_loop_does_something(new_lm: NewLM, tokenizer: Any, name: str) -> None:
    assert run(a_trainer(new_lm, tokenizer), 3) != run(a_trainer(new_lm, tokenizer, **{name: FLIPS[name]}), 3)


def test_the_learning_rate_falls_to_nothing(new_lm: NewLM, tokenizer: Any) -> None:
    rates = [row["ppo/learning_rate"] for row in run(a_trainer(new_lm, tokenizer, updates=4))]
    assert rates == pytest.approx([1e-3, 0.75e-3, 0.5e-3, 0.25e-3])


def test_the_kl_coefficient_in_the_metrics_is_the_one_that_was_used(new_lm: NewLM, tokenizer: Any) -> None:
    rows = run(a_trainer(new_lm, tokenizer), until=2)
    assert rows[0]["objective/kl_coefficient"] == 0.01
    # KL 0 in the first batch: the error is clipped to -0.2, 16 episodes, horizon 100.
    assert rows[1]["objective/kl_coefficient"] == pytest.approx(0.01 * (1 - 0.2 * 16 / 100))
    expected = rows[1]["objective/score"] - rows[1]["objective/kl_coefficient"] * rows[1]["objective/kl"]
    assert rows[1]["objective/reward"] == pytest.approx(expected)


@pytest.mark.parametrize("at", [1, 4])
def test_a_resumed_run_is_bitwise_the_uninterrupted_one(
    new_lm: NewLM, tokenizer: Any, tmp_path: Path, at: int
) -> None:
    straight = run(a_trainer(new_lm, tokenizer))
    first = a_trainer(new_lm, tokenizer)
    before = run(first, until=at)
    folder = CheckpointFolder(tmp_path, keep=1)
    first.save(folder)
    saved = folder.latest()
    assert saved is not None
    torch.manual_seed(123)
    second = a_trainer(new_lm, tokenizer, seed=99)
    second.restore(saved)
    assert (second.update, second.episodes) == (at, at * 16)
    assert before + run(second) == straight


def test_adjustments_hold_from_the_coming_update_and_are_saved(
    new_lm: NewLM, tokenizer: Any, tmp_path: Path
) -> None:
    trainer = a_trainer(new_lm, tokenizer, learning_rate_decay=False, kl_target=None)
    trainer.adjust("kl_coefficient", 0.7)
    trainer.adjust("learning_rate", 5e-4)
    row = run(trainer, until=1)[0]
    assert (row["objective/kl_coefficient"], row["ppo/learning_rate"]) == (0.7, 5e-4)
    folder = CheckpointFolder(tmp_path, keep=1)
    trainer.save(folder)
    saved = folder.latest()
    assert saved is not None
    other = a_trainer(new_lm, tokenizer, learning_rate_decay=False, kl_target=None)
    other.restore(saved)
    assert (other.kl.coefficient, other.learning_rate) == (0.7, 5e-4)


def test_what_cannot_be_adjusted_is_one_sentence(new_lm: NewLM, tokenizer: Any) -> None:
    trainer = a_trainer(new_lm, tokenizer)
    with pytest.raises(UserError, match="can change kl_coefficient and learning_rate, but not “epochs”"):
        trainer.adjust("epochs", 3)
    with pytest.raises(UserError, match="give a finite number"):
        trainer.adjust("learning_rate", float("nan"))


def test_a_response_too_long_for_the_model_is_one_sentence(new_lm: NewLM, tokenizer: Any) -> None:
    with pytest.raises(
        UserError, match=r"take 103 tokens, but the model has 64.*lower policy.response_length by 39"
    ):
        a_trainer(new_lm, tokenizer, response_length=100)


def test_settings_that_do_not_fit_together_are_named() -> None:
    with pytest.raises(ValueError, match="batch_size 10 cannot be cut into 4"):
        PolicySettings(batch_size=10, minibatches=4)
    with pytest.raises(ValueError, match="kl_coefficient_min must not exceed"):
        PolicySettings(kl_coefficient_min=2, kl_coefficient_max=1)


def test_the_model_in_a_checkpoint_is_a_model_of_its_own(
    new_lm: NewLM, tokenizer: Any, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    trainer = a_trainer(new_lm, tokenizer)
    run(trainer, until=2)
    path = trainer.save(CheckpointFolder(tmp_path, keep=1)) / "model"
    ids = AutoTokenizer.from_pretrained(path)("X:1", return_tensors="pt")["input_ids"]
    loaded = AutoModelForCausalLM.from_pretrained(path)(input_ids=ids).logits
    assert torch.equal(loaded, trainer.parts.policy.lm(input_ids=ids).logits)
