"""Reward models: what comparisons become, how they are split, what scores depend on, what is learnt."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tuiprefs.learning.reward_data import Preference, preferences_from, split_preferences
from tuiprefs.learning.reward_model import (
    RewardModel,
    TextScorer,
    load_reward_model,
    new_reward_model,
    save_reward_model,
)
from tuiprefs.learning.reward_training import RewardTrainer
from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import RewardSettings
from tuiprefs.store.comparisons import ComparisonRecord

POOLINGS = ("mean", "last")


def a_scorer(lm_dir: Path, pooling: Any = "mean", dropout: float = 0.0) -> TextScorer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return new_reward_model(str(lm_dir), pooling, dropout, max_tokens=64)


def comparison(
    ids: tuple[int, ...], best: int | None, origin: Any = "human", **more: Any
) -> ComparisonRecord:
    outcome = more.pop("outcome", "tie" if best is None else "choice")
    return ComparisonRecord(ids, outcome, best, origin, created_at=datetime(2026, 1, 1), **more)


# --- what comparisons become


def test_comparisons_become_targets_and_weights() -> None:
    settings = RewardSettings(autofail_weight=0.25, tie_weight=0.5)
    records = [comparison((9, i), 0) for i in range(5)]
    records += [
        comparison((1, 2), 1),
        comparison((1, 2, 3, 4), 2),
        comparison((3, 4), None),
        comparison((5, 6), 0, "autofail"),
        comparison((5, 6), None, "autofail"),
        comparison((7, 8), None, outcome="skip"),
        comparison((7, 8), 0, undone=True),
    ]
    found = preferences_from(records, settings)[5:]
    assert found == [
        Preference((1, 2), (0.0, 1.0)),
        Preference((1, 2, 3, 4), (0.0, 0.0, 1.0, 0.0)),
        Preference((3, 4), (0.5, 0.5), 0.5),
        Preference((5, 6), (1.0, 0.0), 0.25, automatic=True),
        Preference((5, 6), (0.5, 0.5), 0.125, automatic=True),
    ]


def test_a_weight_of_zero_leaves_comparisons_out() -> None:
    records = [comparison((i, i + 1), 0) for i in range(9)] + [comparison((1, 2), 0, "autofail")]
    assert len(preferences_from(records, RewardSettings(autofail_weight=0))) == 9


def test_too_few_comparisons_are_one_sentence() -> None:
    with pytest.raises(UserError, match=r"needs 8 comparisons or more, and there are 3.*rate more"):
        preferences_from([comparison((1, 2), 0)] * 3, RewardSettings())


# --- the split


def test_disjoint_pairs_are_split_without_a_leak() -> None:
    preferences = [Preference((2 * i, 2 * i + 1), (1.0, 0.0)) for i in range(50)]
    split = split_preferences(preferences, 0.2, seed=1)
    assert (len(split.train), len(split.heldout), split.shared) == (40, 10, 0)
    assert sorted(split.train + split.heldout, key=lambda one: one.sample_ids) == preferences


def test_what_hangs_together_stays_together() -> None:
    preferences = [
        Preference((10 * (i // 4) + i % 4, 10 * (i // 4) + i % 4 + 1), (1.0, 0.0)) for i in range(80)
    ]
    split = split_preferences(preferences, 0.25, seed=3)
    assert split.shared == 0
    assert len(split.heldout) == 20
    assert {len([p for p in split.heldout if p.sample_ids[0] // 10 == g]) for g in range(20)} == {0, 4}


def test_where_all_hangs_together_single_comparisons_are_drawn_and_counted() -> None:
    preferences = [Preference((i, (i + 1) % 30), (1.0, 0.0)) for i in range(30)]
    split = split_preferences(preferences, 0.2, seed=1)
    assert len(split.heldout) == 6
    assert split.shared > 0


def test_the_split_follows_from_the_seed() -> None:
    preferences = [Preference((2 * i, 2 * i + 1), (1.0, 0.0)) for i in range(50)]
    assert split_preferences(preferences, 0.2, 1) == split_preferences(preferences, 0.2, 1)
    assert split_preferences(preferences, 0.2, 1) != split_preferences(preferences, 0.2, 2)
    assert split_preferences(preferences, 0.0, 1).heldout == []


# --- scores


@pytest.mark.parametrize("pooling", POOLINGS)
def test_neither_side_nor_length_of_padding_changes_a_score(lm_dir: Path, pooling: str) -> None:
    model = a_scorer(lm_dir, pooling).model.eval()
    ids = torch.tensor([1, 9, 17, 4, 30, 1])
    alone = model(ids[None], torch.ones(1, 6, dtype=torch.bool))
    for left, right in ((0, 3), (5, 0), (2, 7), (20, 0)):
        padded = torch.full((1, left + 6 + right), 44)
        padded[0, left : left + 6] = ids
        mask = torch.zeros_like(padded, dtype=torch.bool)
        mask[0, left : left + 6] = True
        torch.testing.assert_close(model(padded, mask), alone, atol=2e-6, rtol=0)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_score_does_not_depend_on_its_company(lm_dir: Path, pooling: str) -> None:
    scorer = a_scorer(lm_dir, pooling)
    texts = ["abc", "M:4/4 a much longer text than that", "z", "defg|defg|"]
    together = scorer.score(texts)
    alone = [scorer.score([text])[0] for text in texts]
    assert together == pytest.approx(alone, abs=2e-6)
    assert scorer.score([]) == []


def test_last_pooling_reads_the_last_token_and_mean_pooling_all(lm_dir: Path) -> None:
    """Against the definition, from the body's hidden states."""
    for pooling in POOLINGS:
        model = a_scorer(lm_dir, pooling).model.eval()
        ids = torch.tensor([[1, 9, 17, 4]])
        hidden = model.body(input_ids=ids).last_hidden_state[0].detach().numpy()
        model.prior_tokens = 6.0
        pooled = hidden[-1] if pooling == "last" else hidden.sum(axis=0) / (4 + 6)
        model.head.bias.data.zero_()
        expected = pooled @ model.head.weight[0].detach().numpy() + model.head.bias.item()
        assert model(ids, torch.ones_like(ids).bool()).item() == pytest.approx(float(expected), abs=1e-5)


def test_the_head_begins_as_in_the_paper() -> None:
    torch.manual_seed(0)
    head = RewardModel(torch.nn.Identity(), 4095, "last").head
    assert head.weight.std().item() == pytest.approx(1 / 64, rel=0.05)
    assert head.bias.item() == 0


def test_normalising_gives_mean_zero_and_deviation_one(lm_dir: Path) -> None:
    scorer = a_scorer(lm_dir)
    scorer.model.prior_tokens = 5.0
    sequences = [scorer.encode("abcdefgh"[i:] * (i + 1)) for i in range(8)]
    scorer.model.normalize(sequences)
    scores = scorer.model.scores(sequences).detach().numpy()
    np.testing.assert_allclose([scores.mean(), scores.std()], [0, 1], atol=1e-5)


def test_texts_are_encoded_between_their_ends_and_cut(lm_dir: Path) -> None:
    scorer = a_scorer(lm_dir)
    assert scorer.encode("ab") == [1, 3, 4, 1]
    assert len(scorer.encode("a" * 500)) == 64


def test_a_saved_model_scores_the_same(lm_dir: Path, tmp_path: Path) -> None:
    scorer = a_scorer(lm_dir, "last")
    texts = ["abc", "M:4/4", "z" * 30]
    scorer.model.normalize([scorer.encode(text) for text in texts])
    save_reward_model(scorer, tmp_path / "reward", {"trained_from": "starter"})
    assert load_reward_model(tmp_path / "reward").score(texts) == scorer.score(texts)


def test_a_folder_without_a_reward_model_is_one_sentence(lm_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no reward model"):
        load_reward_model(lm_dir)
    with pytest.raises(UserError, match="no model folder"):
        new_reward_model(str(tmp_path / "nothing"), "mean", 0.0, 64)


# --- training


def a_task(scorer: TextScorer, count: int = 60) -> tuple[dict[int, list[int]], list[Preference]]:
    """Texts of random letters; the one with more of the letter a is better."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcd"), size=rng.integers(8, 24))) for _ in range(2 * count)]
    sequences = {index: scorer.encode(text) for index, text in enumerate(texts)}
    share = [text.count("a") / len(text) for text in texts]
    preferences = []
    for i in range(count):
        left, right = share[2 * i], share[2 * i + 1]
        targets = (0.5, 0.5) if left == right else (float(left > right), float(right > left))
        preferences.append(Preference((2 * i, 2 * i + 1), targets, automatic=i % 5 == 0))
    return sequences, preferences


def trained(lm_dir: Path, settings: RewardSettings, steps: int | None = None) -> RewardTrainer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        scorer = new_reward_model(str(lm_dir), settings.pooling, settings.dropout, settings.max_tokens)
        sequences, preferences = a_task(scorer)
        split = split_preferences(preferences, settings.heldout_fraction, seed=0)
        trainer = RewardTrainer(scorer.model, sequences, split, settings, seed=0)
        while not trainer.done and (steps is None or trainer.step_number < steps):
            trainer.step()
        trainer.finish()
    return trainer


def weights(trainer: RewardTrainer) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])


def test_a_consistent_rater_is_learnt(lm_dir: Path) -> None:
    settings = RewardSettings(
        epochs=12, learning_rate=3e-3, head_learning_rate=1e-2, batch_size=8, patience=12
    )
    trainer = trained(lm_dir, settings)
    assert trainer.evaluate()["reward/heldout_accuracy"] >= 0.8


BASE = RewardSettings(epochs=3, batch_size=8, patience=3, keep_best=False)
FLIPS: dict[str, Any] = {
    "pooling": "last",
    "length_prior": 0.0,
    "epochs": 2,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "head_learning_rate": 1e-2,
    "weight_decay": 0.3,
    "warmup_fraction": 0.5,
    "max_gradient_norm": 0.01,
    "dropout": 0.2,
    "centring": 1.0,
    "heldout_fraction": 0.0,
    "max_tokens": 10,
}


@pytest.mark.parametrize("name", FLIPS)
def test_every_setting_of_training_does_something(lm_dir: Path, name: str) -> None:
    plain = weights(trained(lm_dir, BASE))
    flipped = weights(trained(lm_dir, BASE.model_copy(update={name: FLIPS[name]})))
    assert float((plain - flipped).abs().max()) > 1e-7


def test_the_best_epoch_is_kept_and_patience_ends_training(lm_dir: Path) -> None:
    settings = RewardSettings(
        epochs=40, batch_size=8, learning_rate=3e-2, head_learning_rate=3e-2, patience=2
    )
    trainer = trained(lm_dir, settings)
    assert trainer.step_number < trainer.total_steps
    best = trainer.best["reward/heldout_loss"]
    assert trainer.evaluate()["reward/heldout_loss"] == pytest.approx(best, abs=1e-6)


def test_weights_of_examples_count(lm_dir: Path) -> None:
    def first_loss(weight: float) -> float:
        scorer = a_scorer(lm_dir)
        sequences, preferences = a_task(scorer, 8)
        # One example against itself turned round: the weights decide where the mean lies.
        first = preferences[0]
        pair = [first, Preference(first.sample_ids, first.targets[::-1], weight)]
        split = split_preferences(pair, 0.0, 0)
        return RewardTrainer(scorer.model, sequences, split, BASE, 0).step()["reward/loss"]

    assert first_loss(0.0) + first_loss(1e9) == pytest.approx(2 * first_loss(1.0), abs=1e-5)
    assert first_loss(0.0) != pytest.approx(first_loss(1.0), abs=1e-4)


def test_pairs_and_choices_of_four_train_together(lm_dir: Path) -> None:
    scorer = a_scorer(lm_dir)
    sequences, _ = a_task(scorer)
    preferences = [Preference((0, 1), (1.0, 0.0)), Preference((2, 3, 4, 5), (0.0, 0.0, 1.0, 0.0))] * 4
    trainer = RewardTrainer(scorer.model, sequences, split_preferences(preferences, 0.25, 0), BASE, 0)
    metrics = trainer.step()
    assert np.isfinite(metrics["reward/loss"])


def test_accuracy_leaves_ties_out_and_counts_automatic_verdicts_apart(lm_dir: Path) -> None:
    scorer = a_scorer(lm_dir)
    sequences, _ = a_task(scorer)
    order = sorted(range(6), key=lambda i: scorer.model.eval().scores([sequences[i]]).item())
    low, high = order[0], order[-1]
    judged = [
        Preference((low, high), (0.0, 1.0)),
        Preference((low, high), (1.0, 0.0)),
        Preference((low, high), (0.5, 0.5)),
        Preference((high, low), (1.0, 0.0), automatic=True),
    ]
    split = split_preferences(judged, 1.0, 0)
    metrics = RewardTrainer(scorer.model, sequences, split, BASE, 0).evaluate()
    assert metrics["reward/heldout_accuracy"] == 0.5
    assert metrics["reward/heldout_accuracy_n"] == 2
    assert metrics["reward/heldout_accuracy_autofail"] == 1.0


def test_a_resumed_training_is_bitwise_the_uninterrupted_one(lm_dir: Path) -> None:
    settings = RewardSettings(epochs=3, batch_size=8, dropout=0.1)
    straight = trained(lm_dir, settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        scorer = new_reward_model(str(lm_dir), settings.pooling, settings.dropout, settings.max_tokens)
        sequences, preferences = a_task(scorer)
        split = split_preferences(preferences, settings.heldout_fraction, seed=0)
        first = RewardTrainer(scorer.model, sequences, split, settings, seed=0)
        for _ in range(9):
            first.step()
        saved = first.checkpoint()
        saved = type(saved)(saved.step, {k: v.clone() for k, v in saved.tensors.items()}, saved.state)
        torch.manual_seed(77)
        other = new_reward_model(str(lm_dir), settings.pooling, settings.dropout, settings.max_tokens)
        second = RewardTrainer(other.model, sequences, split, settings, seed=0)
        second.restore(saved)
        while not second.done:
            second.step()
        second.finish()
    assert torch.equal(weights(second), weights(straight))
    assert second.best == straight.best
