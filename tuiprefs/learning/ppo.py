"""One PPO update of the policy on one rollout, the steps numbered as they happen."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tuiprefs.learning.policy_model import PolicyModel
from tuiprefs.learning.rollouts import Rollout, length_sorted
from tuiprefs.learning.tensors import (
    clipped_policy_loss,
    clipped_value_loss,
    explained_variance,
    generalised_advantages,
    kl_k1,
    token_log_probs,
    token_rewards,
    whiten,
)
from tuiprefs.project.learning_settings import PolicySettings


@dataclass(frozen=True)
class Targets:
    """What an update steers by: advantages and returns of each response token, both (B, T)."""

    advantages: Tensor
    returns: Tensor
    rewards: Tensor


def make_targets(rollout: Rollout, settings: PolicySettings, kl_coefficient: float) -> Targets:
    """Rewards, returns and advantages of a rollout, all (B, T)."""
    mask = rollout.mask
    # 1. KL penalty on every token, the score on the last.
    kl = kl_k1(rollout.log_probs, rollout.reference_log_probs)
    rewards = token_rewards(kl, rollout.scores, mask, kl_coefficient)
    # 2. Rewards of one size, whatever the reward model's scale; their mean stays.
    if settings.whiten_rewards:
        rewards = whiten(rewards, mask, shift_mean=False)
    # 3. Returns from the advantages as they are, before these are whitened.
    advantages, returns = generalised_advantages(rewards, rollout.values, mask, settings.gamma, settings.lam)
    # 4. Advantages of mean 0 and deviation 1.
    if settings.whiten_advantages:
        advantages = whiten(advantages, mask, shift_mean=True)
    return Targets(advantages, returns, rewards)


def ppo_update(
    policy: PolicyModel,
    optimizer: torch.optim.Adam,
    rollout: Rollout,
    targets: Targets,
    settings: PolicySettings,
    learning_rate: float,
    generator: torch.Generator,
    beat: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Improve the policy by ``settings.epochs`` passes over the rollout; returns metrics, averaged over
    steps.

    ``beat`` is called after every gradient step, to show that the process lives.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    steps = 0
    for _ in range(settings.epochs):
        order = torch.randperm(len(rollout.mask), generator=generator, device=generator.device)
        approximate_kl = 0.0
        for rows in order.chunk(settings.minibatches):
            metrics = _gradient_step(policy, optimizer, rollout, targets, settings, learning_rate, rows)
            for name, value in metrics.items():
                sums[name] += value
            approximate_kl += metrics["ppo/policy/approxkl"] / settings.minibatches
            steps += 1
            beat()
        if settings.max_approx_kl is not None and approximate_kl > settings.max_approx_kl:
            break
    averages = {name: value / steps for name, value in sums.items()}
    variance = explained_variance(rollout.values, targets.returns, rollout.mask)
    return averages | {
        "ppo/value/explained_variance": float(variance),
        "ppo/returns/mean": float(torch.where(rollout.mask, targets.returns, 0.0).sum() / rollout.mask.sum()),
        "ppo/gradient_steps": float(steps),
    }


def _gradient_step(
    policy: PolicyModel,
    optimizer: torch.optim.Adam,
    rollout: Rollout,
    targets: Targets,
    settings: PolicySettings,
    learning_rate: float,
    rows: Tensor,
) -> dict[str, float]:
    """One step on the episodes ``rows``, whose gradients are summed over micro-batches of like length."""
    optimizer.zero_grad(set_to_none=True)
    tokens = int(rollout.mask[rows].sum())
    sums: defaultdict[str, float] = defaultdict(float)
    for part in length_sorted(rollout.mask[rows], settings.micro_batch_size):
        loss, parts = _loss_sums(policy, rollout, targets, settings, rows[part])
        # Divided by the tokens of the whole minibatch: micro-batches change memory, not the gradient.
        (loss / tokens).backward()  # type: ignore[no-untyped-call]
        for name, value in parts.items():
            sums[name] += value / tokens
    norm = float(torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_gradient_norm))
    # A step along a gradient that is no number would be the end of the policy; the metrics tell of it
    # instead.
    if math.isfinite(norm):
        set_adam_step(optimizer, learning_rate, settings.adam_epsilon, settings.adam_beta2)
        optimizer.step()
    sums["ppo/loss/total"] = sums["ppo/loss/policy"] + settings.value_coefficient * sums["ppo/loss/value"]
    sums["ppo/gradient_norm"] = norm
    sums["ppo/skipped_fraction"] = float(not math.isfinite(norm))
    return dict(sums)


def _loss_sums(
    policy: PolicyModel, rollout: Rollout, targets: Targets, settings: PolicySettings, rows: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Loss and metrics of the episodes ``rows``, summed over their real tokens."""
    length = int(rollout.mask[rows].sum(dim=1).max())
    mask = rollout.mask[rows, :length]
    ids = rollout.token_ids[rows, : rollout.query_length + length]
    logits, values = policy(ids, rollout.query_length)
    log_probs = token_log_probs(logits, ids[:, rollout.query_length :], settings.temperature)
    log_ratio = torch.where(mask, log_probs - rollout.log_probs[rows, :length], 0.0)
    policy_loss, policy_clipped = clipped_policy_loss(
        log_ratio, targets.advantages[rows, :length], settings.cliprange
    )
    value_loss, value_clipped = clipped_value_loss(
        values, rollout.values[rows, :length], targets.returns[rows, :length], settings.value_cliprange
    )
    sums = {
        "ppo/loss/policy": policy_loss,
        "ppo/loss/value": value_loss,
        "ppo/policy/clipfrac": policy_clipped.float(),
        "ppo/value/clipfrac": value_clipped.float(),
        "ppo/policy/approxkl": 0.5 * log_ratio**2,
        "ppo/policy/ratio": log_ratio.exp(),
    }
    summed = {name: torch.where(mask, tensor, 0.0).sum() for name, tensor in sums.items()}
    loss = summed["ppo/loss/policy"] + settings.value_coefficient * summed["ppo/loss/value"]
    return loss, {name: float(value.detach()) for name, value in summed.items()}


def set_adam_step(optimizer: torch.optim.Adam, learning_rate: float, epsilon: float, beta2: float) -> None:
    """Make the next step one of this size with epsilon placed as TensorFlow does.

    TensorFlow adds epsilon to the square root of the second moment before its bias is corrected. That equals
    torch's Adam with ``epsilon / sqrt(1 - beta2^t)``, t counted from 1; the difference decides how far the
    first steps go.
    """
    for group in optimizer.param_groups:
        states = (optimizer.state.get(parameter, {}) for parameter in group["params"])
        step = 1 + max((int(state["step"]) for state in states if "step" in state), default=0)
        group["lr"] = learning_rate
        group["eps"] = epsilon / math.sqrt(1 - beta2**step)
