"""The formulas of preference learning, as pure functions of tensors.

Shapes: B episodes or samples, T response tokens, V vocabulary, D hidden size, N samples of a comparison. A
``mask`` is boolean, true where a token is real; what stands elsewhere never reaches a result.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

WHITEN_EPSILON = 1e-8


def token_log_probs(logits: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability in nats of each token, (B, T), under ``logits / temperature``, (B, T, V)."""
    log_probs = log_softmax(logits.float() / temperature, dim=-1)
    return log_probs.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def entropy(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Entropy in nats of each next-token distribution, (B, T): ``logsumexp(l) - sum softmax(l) l``."""
    scaled = logits.float() / temperature
    return torch.logsumexp(scaled, dim=-1) - (scaled.softmax(dim=-1) * scaled).sum(dim=-1)


def response_mask(tokens: Tensor, eos_id: int | None) -> Tensor:
    """True up to and with the first end-of-text token of each row of ``tokens``, (B, T)."""
    if eos_id is None:
        return torch.ones_like(tokens, dtype=torch.bool)
    ends = (tokens == eos_id).long()
    return (ends.cumsum(dim=1) - ends) == 0


def last_index(mask: Tensor) -> Tensor:
    """Index of the last real token of each row of ``mask``, (B,); wherever the padding stands."""
    positions = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, positions, -1).max(dim=1).values


def position_ids(mask: Tensor) -> Tensor:
    """Positions counted from each row's first real token, (B, T), so that left padding shifts nothing."""
    counts = mask.long()
    return counts.cumsum(dim=1) - counts


def pool_last(values: Tensor, mask: Tensor) -> Tensor:
    """Value, (B,), of each row's last real token, from (B, T)."""
    return values.gather(1, last_index(mask).unsqueeze(1)).squeeze(1)


def pool_mean(values: Tensor, mask: Tensor, prior_tokens: float = 0.0) -> Tensor:
    """Mean value, (B,), of each row's real tokens, from (B, T), with ``prior_tokens`` more of value 0.

    The prior draws short rows towards 0: a mean of few tokens says less.
    """
    return torch.where(mask, values, 0.0).sum(dim=1) / (mask.sum(dim=1) + prior_tokens).clamp(min=1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real entries, a scalar."""
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)


def masked_variance(values: Tensor, mask: Tensor) -> Tensor:
    """Biased variance over the real entries, a scalar."""
    return masked_mean((values - masked_mean(values, mask)) ** 2, mask)


def whiten(values: Tensor, mask: Tensor, *, shift_mean: bool) -> Tensor:
    """Scale to deviation 1 over the real entries, (B, T); to mean 0 too if ``shift_mean``.

    ``(x - mean) * rsqrt(variance + 1e-8)``, plus the mean again unless it is to be shifted (Ziegler et al.
    2019).
    """
    mean = masked_mean(values, mask)
    whitened = (values - mean) * torch.rsqrt(masked_variance(values, mask) + WHITEN_EPSILON)
    if not shift_mean:
        whitened = whitened + mean
    return torch.where(mask, whitened, 0.0)


def kl_k1(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """Estimate of KL(policy, reference) per token that is unbiased but may be negative: the log ratio."""
    return log_probs - reference_log_probs


def kl_k3(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """Estimate of KL(policy, reference) per token that is unbiased and never negative (Schulman 2020)."""
    log_ratio = log_probs - reference_log_probs
    return torch.expm1(-log_ratio) + log_ratio


def token_rewards(kl: Tensor, scores: Tensor, mask: Tensor, kl_coefficient: float) -> Tensor:
    """Rewards, (B, T): minus each token's KL penalty, plus the sample's score, (B,), at the last real one."""
    rewards = torch.where(mask, -kl_coefficient * kl, 0.0)
    rows = torch.arange(rewards.shape[0], device=rewards.device)
    rewards[rows, last_index(mask)] += scores
    return rewards


def generalised_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Advantages and returns, both (B, T), by generalised advantage estimation (Schulman et al. 2016).

    ``delta_t = r_t + gamma V_{t+1} - V_t``, ``A_t = delta_t + gamma lam A_{t+1}``, ``return_t = A_t + V_t``;
    the value after the last real token is 0, for an episode ends there.
    """
    values = torch.where(mask, values, 0.0)
    rewards = torch.where(mask, rewards, 0.0)
    advantages = torch.zeros_like(values)
    following_value = torch.zeros_like(values[:, 0])
    following_advantage = torch.zeros_like(values[:, 0])
    for step in reversed(range(values.shape[1])):
        delta = rewards[:, step] + gamma * following_value - values[:, step]
        following_advantage = delta + gamma * lam * following_advantage
        following_value = values[:, step]
        advantages[:, step] = following_advantage
    return advantages, advantages + values


def clipped_policy_loss(log_ratio: Tensor, advantages: Tensor, cliprange: float) -> tuple[Tensor, Tensor]:
    """PPO's policy loss of each token, (B, T), and where clipping decided it (boolean).

    ``max(-A rho, -A clip(rho, 1 - c, 1 + c))`` with ``rho = exp(log_ratio)`` (Schulman et al. 2017).
    """
    ratio = log_ratio.exp()
    unclipped = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - cliprange, 1 + cliprange)
    return torch.maximum(unclipped, clipped), clipped > unclipped


def clipped_value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, cliprange: float
) -> tuple[Tensor, Tensor]:
    """PPO's value loss of each token, (B, T), and where clipping decided it (boolean).

    ``max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2) / 2``.
    """
    held = torch.clamp(values, old_values - cliprange, old_values + cliprange)
    unclipped = (values - returns) ** 2
    clipped = (held - returns) ** 2
    return 0.5 * torch.maximum(unclipped, clipped), clipped > unclipped


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """Share of the returns' variance that the values foresee: 1 all, 0 none, below 0 worse than the mean."""
    residual = masked_variance(returns - values, mask)
    return 1 - residual / (masked_variance(returns, mask) + WHITEN_EPSILON)


def preference_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, (B,), between ``softmax(scores)``, (B, N), and the judges' shares ``targets``, (B, N).

    With N = 2 this is the Bradley-Terry likelihood; a tie has targets of one half. A sample that a comparison
    lacks has a score of -inf and a target of 0.
    """
    log_shares = log_softmax(scores, dim=-1)
    return -torch.where(targets > 0, targets * log_shares, 0.0).sum(dim=-1)


def gain_and_bias(scores: Tensor, shares: Tensor) -> tuple[float, float]:
    """Gain and bias that bring ``gain * scores + bias * shares``, both (B,), to mean 0 and deviation 1.

    ``shares`` says how much of a bias that every token bears reaches the score: 1 without a prior.
    """
    offset = scores.mean() / shares.mean()
    deviation = float((scores - offset * shares).std(correction=0))
    gain = 1.0 / max(deviation, WHITEN_EPSILON)
    return gain, -gain * float(offset)
