"""Formulas against values worked out by hand, from the literature, or by numpy in double precision."""

import math

import numpy as np
import pytest
import torch

from tuiprefs.learning import tensors

RNG = np.random.default_rng(5)


def full(*shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.bool)


def test_token_log_probs_by_hand() -> None:
    logits = torch.log(torch.tensor([[[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]]]))
    found = tensors.token_log_probs(logits, torch.tensor([[2, 0]]))
    assert found.tolist()[0] == pytest.approx([math.log(0.5), math.log(0.7)], abs=1e-6)


def test_temperature_divides_the_logits() -> None:
    logits = RNG.normal(size=(2, 3, 7))
    tokens = RNG.integers(0, 7, size=(2, 3))
    weights = np.exp(logits / 0.7)
    expected = np.log(np.take_along_axis(weights, tokens[..., None], -1)[..., 0] / weights.sum(-1))
    found = tensors.token_log_probs(torch.tensor(logits), torch.tensor(tokens), 0.7)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_entropy_is_minus_mean_log_probability() -> None:
    logits = RNG.normal(size=(2, 3, 7))
    p = np.exp(logits / 1.3)
    p /= p.sum(-1, keepdims=True)
    found = tensors.entropy(torch.tensor(logits), 1.3)
    np.testing.assert_allclose(found.numpy(), -(p * np.log(p)).sum(-1), atol=1e-5)
    assert float(tensors.entropy(torch.zeros(1, 1, 8))) == pytest.approx(math.log(8))


def test_response_mask_ends_with_the_first_end_of_text() -> None:
    tokens = torch.tensor([[5, 1, 0, 1], [1, 5, 5, 5], [5, 5, 5, 5]])
    assert tensors.response_mask(tokens, 1).tolist() == [
        [True, True, False, False],
        [True, False, False, False],
        [True, True, True, True],
    ]
    assert tensors.response_mask(tokens, None).all()


def test_last_index_and_positions_follow_padding_of_either_side() -> None:
    mask = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]).bool()
    assert tensors.last_index(mask).tolist() == [1, 3, 3]
    assert tensors.position_ids(mask)[1].tolist() == [0, 0, 0, 1]
    assert tensors.position_ids(mask)[2].tolist() == [0, 1, 2, 3]


def test_pooling_reads_real_tokens_only() -> None:
    values = torch.tensor([[1.0, 3.0, 99.0], [99.0, 2.0, 4.0]])
    mask = torch.tensor([[True, True, False], [False, True, True]])
    assert tensors.pool_mean(values, mask).tolist() == [2.0, 3.0]
    assert tensors.pool_mean(values, mask, prior_tokens=6).tolist() == [0.5, 0.75]
    assert tensors.pool_last(values, mask).tolist() == [3.0, 4.0]


def test_whiten_golden_of_lm_human_preferences() -> None:
    x = torch.tensor([[1.2, 1.3, 1.4], [1.5, 1.6, 1.7], [1.8, 1.9, 2.0]])
    kept = tensors.whiten(x, full(3, 3), shift_mean=False)
    assert float(kept[0, 0]) == pytest.approx(0.0508, abs=5e-5)
    assert float(kept[2, 2]) == pytest.approx(3.1492, abs=5e-5)
    shifted = tensors.whiten(x, full(3, 3), shift_mean=True)
    assert float(shifted.mean()) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose((kept - shifted).numpy(), 1.6, atol=1e-5)


def test_whiten_sees_real_tokens_only() -> None:
    values = RNG.normal(size=(3, 5)).astype(np.float32)
    mask = RNG.random((3, 5)) > 0.4
    real = values[mask].astype(np.float64)
    expected = np.where(mask, (values - real.mean()) / np.sqrt(real.var() + 1e-8), 0)
    values[~mask] = 1e6
    found = tensors.whiten(torch.tensor(values), torch.tensor(mask), shift_mean=True)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_kl_estimates_golden() -> None:
    ours, reference = torch.tensor([-1.0]), torch.tensor([-1.5])
    assert float(tensors.kl_k1(ours, reference)) == pytest.approx(0.5)
    assert float(tensors.kl_k3(ours, reference)) == pytest.approx(0.1065, abs=5e-5)


def test_both_kl_estimates_are_unbiased() -> None:
    p = RNG.dirichlet(np.ones(6))
    q = RNG.dirichlet(np.ones(6))
    exact = (p * np.log(p / q)).sum()
    ours, reference = torch.tensor(np.log(p)), torch.tensor(np.log(q))
    for estimate in (tensors.kl_k1, tensors.kl_k3):
        assert float((torch.tensor(p) * estimate(ours, reference)).sum()) == pytest.approx(exact)


def test_token_rewards_put_the_score_on_the_last_real_token() -> None:
    kl = torch.tensor([[0.1, 0.2, 0.4], [0.1, 0.2, 7.0]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    found = tensors.token_rewards(kl, torch.tensor([3.0, -1.0]), mask, 0.5)
    np.testing.assert_allclose(found.numpy(), [[-0.05, -0.1, 2.8], [-0.05, -1.1, 0.0]], atol=1e-6)


def test_advantages_golden() -> None:
    advantages, returns = tensors.generalised_advantages(
        torch.tensor([[-0.01, 0.02, 1.0]]), torch.tensor([[0.1, 0.2, 0.3]]), full(1, 3), 1.0, 0.95
    )
    assert advantages.tolist()[0] == pytest.approx([0.83575, 0.785, 0.7])
    assert returns.tolist()[0] == pytest.approx([0.93575, 0.985, 1.0])


def test_advantages_are_weighted_sums_of_temporal_differences() -> None:
    """The definition: A_t = sum_k (gamma lam)^k delta_{t+k}, episode by episode of its own length."""
    rewards, values = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 6))
    lengths, gamma, lam = [6, 1, 4, 3], 0.97, 0.8
    mask = np.arange(6)[None] < np.array(lengths)[:, None]
    expected = np.zeros((4, 6))
    for row, length in enumerate(lengths):
        following = np.append(values[row, 1:length], 0)
        delta = rewards[row, :length] + gamma * following - values[row, :length]
        for t in range(length):
            expected[row, t] = sum((gamma * lam) ** k * delta[t + k] for k in range(length - t))
    spoilt_rewards, spoilt_values = np.where(mask, rewards, 1e6), np.where(mask, values, -1e6)
    advantages, _ = tensors.generalised_advantages(
        torch.tensor(spoilt_rewards), torch.tensor(spoilt_values), torch.tensor(mask), gamma, lam
    )
    np.testing.assert_allclose(advantages.numpy(), expected, atol=1e-9)


def test_lambda_one_makes_returns_of_the_rewards_to_come() -> None:
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    _, returns = tensors.generalised_advantages(
        rewards, torch.tensor([[5.0, -3.0, 2.0]]), full(1, 3), 1.0, 1.0
    )
    assert returns.tolist()[0] == pytest.approx([7.0, 6.0, 4.0])


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "clipped"),
    [
        (1.5, 1.0, -1.2, True),
        (1.5, -1.0, 1.5, False),
        (0.5, 1.0, -0.5, False),
        (0.5, -1.0, 0.8, True),
        (1.1, 2.0, -2.2, False),
    ],
)
def test_clipped_policy_loss_by_hand(ratio: float, advantage: float, loss: float, clipped: bool) -> None:
    found, where = tensors.clipped_policy_loss(
        torch.tensor([[math.log(ratio)]]), torch.tensor([[advantage]]), 0.2
    )
    assert float(found) == pytest.approx(loss, abs=1e-6)
    assert bool(where) is clipped


@pytest.mark.parametrize(
    ("value", "old", "ret", "loss", "clipped"),
    [(1.0, 0.0, 1.0, 0.5 * 0.8**2, True), (0.1, 0.0, 1.0, 0.5 * 0.9**2, False), (-1.0, 0.0, 1.0, 2.0, False)],
)
def test_clipped_value_loss_by_hand(value: float, old: float, ret: float, loss: float, clipped: bool) -> None:
    found, where = tensors.clipped_value_loss(
        torch.tensor([[value]]), torch.tensor([[old]]), torch.tensor([[ret]]), 0.2
    )
    assert float(found) == pytest.approx(loss, abs=1e-6)
    assert bool(where) is clipped


def test_explained_variance() -> None:
    returns = torch.tensor([[1.0, 2.0, 3.0, 50.0]])
    mask = torch.tensor([[True, True, True, False]])
    assert float(tensors.explained_variance(returns + 4, returns, mask)) == pytest.approx(1)
    assert float(tensors.explained_variance(torch.zeros(1, 4), returns, mask)) == pytest.approx(0, abs=1e-6)
    assert float(tensors.explained_variance(-returns, returns, mask)) == pytest.approx(-3, abs=1e-5)


def test_preference_loss_of_two_is_bradley_terry() -> None:
    scores = RNG.normal(size=(5, 2))
    wins = torch.tensor([[1.0, 0.0]]).repeat(5, 1)
    expected = np.log1p(np.exp(scores[:, 1] - scores[:, 0]))
    np.testing.assert_allclose(
        tensors.preference_loss(torch.tensor(scores), wins).numpy(), expected, atol=1e-7
    )


def test_preference_loss_of_a_tie_is_least_at_equal_scores() -> None:
    tie = torch.tensor([[0.5, 0.5]])
    assert float(tensors.preference_loss(torch.tensor([[2.0, 2.0]]), tie)) == pytest.approx(math.log(2))
    assert float(tensors.preference_loss(torch.tensor([[2.0, 1.0]]), tie)) > math.log(2)


def test_preference_loss_of_four_and_of_missing_samples() -> None:
    scores = RNG.normal(size=4)
    expected = np.log(np.exp(scores).sum()) - scores[2]
    four = torch.tensor(scores)[None]
    best = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    assert float(tensors.preference_loss(four, best)) == pytest.approx(expected)
    wider = torch.cat([four, torch.tensor([[-math.inf]])], dim=1)
    assert float(tensors.preference_loss(wider, torch.nn.functional.pad(best, (0, 1)))) == pytest.approx(
        expected
    )


def test_gain_and_bias_normalise() -> None:
    gain, bias = tensors.gain_and_bias(torch.tensor([1.0, 5.0]), torch.ones(2))
    assert (gain, bias) == pytest.approx((0.5, -1.5))
    scores, shares = torch.tensor(RNG.normal(2, 3, size=50)), torch.tensor(RNG.uniform(0.3, 0.9, size=50))
    gain, bias = tensors.gain_and_bias(scores, shares)
    normal = (gain * scores + bias * shares).numpy()
    assert (normal.mean(), normal.std()) == pytest.approx((0.0, 1.0), abs=1e-6)
