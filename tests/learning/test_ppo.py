"""The PPO update: exact where it must be, indifferent to memory layout, and moved by every setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tuiprefs.learning.policy_model import PolicyModel
from tuiprefs.learning.ppo import make_targets, ppo_update, set_adam_step
from tuiprefs.learning.rollouts import Rollout, collect_rollout, distinct, measure_responses
from tuiprefs.learning.tensors import response_mask
from tuiprefs.project.learning_settings import PolicySettings

NewLM = Callable[[int], Any]
EOS = 1


def none_broken(texts: list[str]) -> list[bool]:
    return [False] * len(texts)


def a_policy(new_lm: NewLM, seed: int = 0) -> PolicyModel:
    policy = PolicyModel(new_lm(seed))
    with torch.random.fork_rng():
        torch.manual_seed(seed + 9)
        policy.value_head.weight.data.normal_(std=0.1)
    return policy.eval()


def a_rollout(policy: PolicyModel, reference: Any, *, temperature: float = 1.0, rows: int = 4) -> Rollout:
    """Eight responses of 1 to 12 tokens after a query of two."""
    draw = torch.Generator().manual_seed(3)
    responses = torch.randint(2, 40, (8, 12), generator=draw)
    responses[torch.arange(7), torch.tensor([0, 2, 4, 6, 8, 10, 11])] = EOS
    return collect_rollout(
        policy,
        reference,
        responses,
        torch.tensor([[1, 7]] * 8),
        eos_id=EOS,
        decode=lambda ids: " ".join(map(str, ids)),
        score=lambda texts: [float(len(text) % 7) for text in texts],
        unfinished_score=None,
        broken_score=None,
        judge=none_broken,
        temperature=temperature,
        rows=rows,
    )


def updated(
    new_lm: NewLM, settings: PolicySettings, kl_coefficient: float = 0.1
) -> tuple[PolicyModel, dict[str, float]]:
    """The policy after one update, and the metrics of it."""
    policy = a_policy(new_lm)
    rollout = a_rollout(policy, new_lm(1), temperature=settings.temperature, rows=settings.micro_batch_size)
    optimizer = torch.optim.Adam(policy.parameters(), betas=(settings.adam_beta1, settings.adam_beta2))
    targets = make_targets(rollout, settings, kl_coefficient)
    generator = torch.Generator().manual_seed(0)
    metrics = ppo_update(policy, optimizer, rollout, targets, settings, settings.learning_rate, generator)
    return policy, metrics


def weights(policy: PolicyModel) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in policy.parameters()])


BASE = PolicySettings(batch_size=8, micro_batch_size=4, epochs=2, minibatches=2, learning_rate=3e-3)


def test_the_first_step_finds_the_policy_that_wrote_the_rollout(new_lm: NewLM) -> None:
    _, metrics = updated(new_lm, BASE.model_copy(update={"epochs": 1, "minibatches": 1}))
    assert metrics["ppo/policy/ratio"] == pytest.approx(1, abs=1e-6)
    assert metrics["ppo/policy/approxkl"] == pytest.approx(0, abs=1e-10)
    assert metrics["ppo/policy/clipfrac"] == 0
    # Whitened advantages have mean 0, and at ratio 1 the loss is minus that mean.
    assert metrics["ppo/loss/policy"] == pytest.approx(0, abs=1e-5)


def test_log_probabilities_are_those_of_generation(new_lm: NewLM) -> None:
    """Hugging Face's own sampling loop, with its cache, at a temperature: the same numbers to rounding."""
    lm = new_lm(0)
    lm.generation_config.eos_token_id = None
    query = torch.tensor([[1, 7]] * 4)
    torch.manual_seed(0)
    out = lm.generate(
        query, attention_mask=torch.ones_like(query), do_sample=True, temperature=0.7, top_k=0, top_p=1.0,
        max_new_tokens=20, output_scores=True, return_dict_in_generate=True, pad_token_id=0,
    )  # fmt: skip
    response = out.sequences[:, 2:]
    expected = torch.stack(out.scores, dim=1).log_softmax(-1).gather(-1, response[..., None])[..., 0]
    policy = PolicyModel(lm)
    mask = torch.ones_like(response, dtype=torch.bool)
    found = measure_responses(policy, new_lm(1), out.sequences, mask, 0.7, rows=2)
    assert float((found["log_probs"] - expected).abs().max()) < 2e-6


def test_the_reference_has_no_kl_with_itself(new_lm: NewLM) -> None:
    rollout = a_rollout(a_policy(new_lm), new_lm(0))
    assert rollout.metrics()["objective/kl"] == pytest.approx(0, abs=1e-6)
    other = a_rollout(a_policy(new_lm), new_lm(1))
    assert other.metrics()["objective/kl_k3"] > 0.1


def test_masks_end_with_the_response_and_padding_is_cut_away(new_lm: NewLM) -> None:
    rollout = a_rollout(a_policy(new_lm), new_lm(1))
    assert rollout.mask.sum(dim=1).tolist() == [1, 3, 5, 7, 9, 11, 12, 12]
    assert rollout.finished.tolist() == [True] * 7 + [False]
    assert (rollout.log_probs[~rollout.mask] == 0).all()
    assert rollout.texts[0] == "1 7 1"


def test_what_stands_after_the_end_changes_nothing(new_lm: NewLM) -> None:
    policy, reference = a_policy(new_lm), new_lm(1)
    plain = a_rollout(policy, reference)
    ids = plain.token_ids.clone()
    ids[:, 2:][~plain.mask] = 33
    again = measure_responses(policy, reference, ids, plain.mask, 1.0, rows=8)
    torch.testing.assert_close(again["log_probs"], plain.log_probs, atol=1e-6, rtol=0)
    torch.testing.assert_close(again["values"], plain.values, atol=1e-6, rtol=0)
    assert torch.equal(response_mask(plain.token_ids[:, 2:], EOS), plain.mask)


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_micro_batches_change_memory_only(new_lm: NewLM, rows: int) -> None:
    whole, _ = updated(new_lm, BASE)
    cut, _ = updated(new_lm, BASE.model_copy(update={"micro_batch_size": rows}))
    torch.testing.assert_close(weights(cut), weights(whole), atol=2e-5, rtol=0)


def test_unfinished_responses_get_their_own_score(new_lm: NewLM) -> None:
    policy = a_policy(new_lm)
    responses = torch.tensor([[5, EOS, 0], [5, 6, 7]])
    scores = []
    for unfinished in (None, -3.0):
        rollout = collect_rollout(
            policy, new_lm(1), responses, torch.tensor([[1], [1]]), eos_id=EOS, decode=str,
            score=lambda texts: [2.0] * len(texts), unfinished_score=unfinished, broken_score=None,
            judge=none_broken, temperature=1.0, rows=2,
        )  # fmt: skip
        scores.append(rollout.scores.tolist())
    assert scores == [[2.0, 2.0], [2.0, -3.0]]


@pytest.mark.parametrize(("broken_score", "expected"), [(None, [2.0, 2.0]), (-4.0, [-4.0, 2.0])])
def test_broken_responses_get_their_own_score(
    new_lm: NewLM, broken_score: float | None, expected: list[float]
) -> None:
    rollout = collect_rollout(
        a_policy(new_lm), new_lm(1), torch.tensor([[5, EOS], [6, EOS]]), torch.tensor([[1], [1]]), eos_id=EOS,
        decode=str, score=lambda texts: [2.0] * len(texts), unfinished_score=None, broken_score=broken_score,
        judge=lambda texts: ["5" in text for text in texts], temperature=1.0, rows=2,
    )  # fmt: skip
    assert rollout.scores.tolist() == expected
    assert rollout.metrics()["sample/broken"] == (0.0 if broken_score is None else 0.5)


def test_a_model_that_never_ends_texts_has_no_unfinished_ones(new_lm: NewLM) -> None:
    rollout = collect_rollout(
        a_policy(new_lm), new_lm(1), torch.tensor([[5, 6]]), torch.tensor([[3]]), eos_id=None, decode=str,
        score=lambda texts: [2.0], unfinished_score=-3.0, broken_score=None, judge=none_broken, temperature=1.0,
        rows=2,
    )  # fmt: skip
    assert rollout.scores.tolist() == [2.0]


def test_dropout_stays_off(new_lm: NewLM) -> None:
    """The model has dropout of 0.1 in its configuration, yet two updates from one seed agree exactly."""
    torch.manual_seed(1)
    first, _ = updated(new_lm, BASE)
    torch.manual_seed(2)
    second, _ = updated(new_lm, BASE)
    assert torch.equal(weights(first), weights(second))


FLIPS: dict[str, Any] = {
    "epochs": 3,
    "minibatches": 4,
    "learning_rate": 1e-3,
    "adam_epsilon": 1e-2,
    "adam_beta1": 0.5,
    "adam_beta2": 0.9,
    "max_gradient_norm": 1e-3,
    "temperature": 0.7,
    "gamma": 0.9,
    "lam": 0.5,
    "cliprange": 0.01,
    "value_cliprange": 0.001,
    "value_coefficient": 1.0,
    "whiten_rewards": True,
    "whiten_advantages": False,
    "max_approx_kl": 1e-9,
}


@pytest.mark.parametrize("name", FLIPS)
def test_every_setting_of_the_update_does_something(new_lm: NewLM, name: str) -> None:
    plain, _ = updated(new_lm, BASE)
    flipped, _ = updated(new_lm, BASE.model_copy(update={name: FLIPS[name]}))
    assert float((weights(plain) - weights(flipped)).abs().max()) > 1e-6


def test_the_kl_coefficient_pulls_towards_the_reference(new_lm: NewLM) -> None:
    plain, _ = updated(new_lm, BASE, kl_coefficient=0.0)
    pulled, _ = updated(new_lm, BASE, kl_coefficient=10.0)
    reference = new_lm(1)
    before = a_rollout(plain, reference).metrics()["objective/kl_k3"]
    after = a_rollout(pulled, reference).metrics()["objective/kl_k3"]
    assert after < before


def test_a_step_without_finite_gradient_is_not_taken(new_lm: NewLM) -> None:
    policy = a_policy(new_lm)
    rollout = a_rollout(policy, new_lm(1))
    targets = make_targets(rollout, BASE, 0.1)
    targets.advantages[0, 0] = float("nan")
    before = weights(policy).clone()
    optimizer = torch.optim.Adam(policy.parameters())
    settings = BASE.model_copy(update={"minibatches": 1, "epochs": 1})
    metrics = ppo_update(policy, optimizer, rollout, targets, settings, 1e-3, torch.Generator())
    assert torch.equal(weights(policy), before)
    assert metrics["ppo/skipped_fraction"] == 1
    assert not np.isfinite(metrics["ppo/gradient_norm"])


def test_adam_has_tensorflows_epsilon() -> None:
    """TensorFlow's published formula in numpy: lr_t = lr sqrt(1-b2^t)/(1-b1^t), m / (sqrt(v) + eps)."""
    rng = np.random.default_rng(0)
    weight = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    optimizer = torch.optim.Adam([weight], betas=(0.9, 0.999))
    expected, m, v = np.zeros(5), np.zeros(5), np.zeros(5)
    for step in range(1, 201):
        gradient = rng.normal(size=5) * 10.0 ** rng.integers(-6, 1)
        rate = 1e-3 * (1 - step / 400)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        expected -= rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * m / (np.sqrt(v) + 1e-5)
        weight.grad = torch.tensor(gradient)
        set_adam_step(optimizer, rate, 1e-5, 0.999)
        optimizer.step()
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=1e-14)


def test_distinct_counts_runs_over_all_texts() -> None:
    assert distinct(["abcd", "abcd"], 2) == pytest.approx(3 / 6)
    assert distinct(["a"], 2) == 1.0
