"""Rollouts: responses written by the policy, with all that an update needs to know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tuiprefs.learning.policy_model import PolicyModel, response_logits
from tuiprefs.learning.tensors import (
    entropy,
    kl_k1,
    kl_k3,
    masked_mean,
    response_mask,
    token_log_probs,
)

# Length of the character runs whose variety is measured (a bar or so of ABC).
DISTINCT_LENGTH = 8


@dataclass(frozen=True)
class Rollout:
    """A batch of B episodes of at most T response tokens after Q query tokens; all tensors are free of
    gradients.

    Attributes:
        token_ids: query and response, (B, Q + T).
        query_length: Q.
        mask: response tokens up to and with end-of-text, (B, T).
        log_probs, reference_log_probs: of the response tokens under policy and reference, (B, T).
        values: the policy's foreseen return before each token, (B, T).
        token_entropy: entropy in nats of each next-token distribution, (B, T).
        scores: of the whole samples, (B,).
        texts: the samples, decoded.
        finished: ended by themselves within T tokens, (B,).
        broken: called broken by auto-fail, (B,).
    """

    token_ids: Tensor
    query_length: int
    mask: Tensor
    log_probs: Tensor
    reference_log_probs: Tensor
    values: Tensor
    token_entropy: Tensor
    scores: Tensor
    texts: list[str]
    finished: Tensor
    broken: Tensor

    @property
    def token_count(self) -> int:
        """Response tokens in the batch."""
        return int(self.mask.sum())

    def sequence_kl(self) -> Tensor:
        """KL of each sample in nats, (B,): the log ratio summed over its tokens."""
        return torch.where(self.mask, kl_k1(self.log_probs, self.reference_log_probs), 0.0).sum(dim=1)

    def metrics(self) -> dict[str, float]:
        """What the samples themselves say about the policy; sums are per sample, then averaged."""
        k3 = torch.where(self.mask, kl_k3(self.log_probs, self.reference_log_probs), 0.0).sum(dim=1)
        surprise = torch.where(self.mask, -self.log_probs, 0.0).sum(dim=1)
        return {
            "objective/score": float(self.scores.mean()),
            "objective/score_std": float(self.scores.std(correction=0)),
            "objective/kl": float(self.sequence_kl().mean()),
            "objective/kl_k3": float(k3.mean()),
            "objective/entropy": float(surprise.mean()),
            "ppo/policy/entropy": float(masked_mean(self.token_entropy, self.mask)),
            "sample/response_length": float(self.mask.sum(dim=1).float().mean()),
            "sample/finished": float(self.finished.float().mean()),
            "sample/broken": float(self.broken.float().mean()),
            "sample/unique": len(set(self.texts)) / len(self.texts),
            "sample/distinct_8": distinct(self.texts, DISTINCT_LENGTH),
        }


def measure_responses(
    policy: PolicyModel, reference: Any, token_ids: Tensor, mask: Tensor, temperature: float, rows: int
) -> dict[str, Tensor]:
    """Log-probabilities, values and entropy of given responses, each (B, T), ``rows`` episodes at a time."""
    query_length = token_ids.shape[1] - mask.shape[1]
    parts = ("log_probs", "reference_log_probs", "values", "token_entropy")
    results = {name: torch.zeros(mask.shape, device=mask.device) for name in parts}
    with torch.no_grad():
        for chosen in length_sorted(mask, rows):
            length = int(mask[chosen].sum(dim=1).max())
            ids = token_ids[chosen, : query_length + length]
            response = ids[:, query_length:]
            logits, values = policy(ids, query_length)
            reference_logits = response_logits(reference, ids, query_length, policy.pad_id)
            measured = (
                token_log_probs(logits, response, temperature),
                token_log_probs(reference_logits, response, temperature),
                values,
                entropy(logits, temperature),
            )
            for name, tensor in zip(parts, measured, strict=True):
                results[name][chosen, :length] = torch.where(mask[chosen, :length], tensor, 0.0)
    return results


def collect_rollout(
    policy: PolicyModel,
    reference: Any,
    response_ids: Tensor,
    query_ids: Tensor,
    *,
    eos_id: int | None,
    decode: Callable[[list[int]], str],
    score: Callable[[list[str]], list[float]],
    unfinished_score: float | None,
    broken_score: float | None,
    judge: Callable[[list[str]], list[bool]],
    temperature: float,
    rows: int,
) -> Rollout:
    """Score and measure ``response_ids``, (B, R), that the policy wrote after ``query_ids``, (B, Q).

    What stands after end-of-text is cut away, and T is the longest response left. A response without
    end-of-text scores ``unfinished_score``, and one that ``judge`` calls broken ``broken_score``, whatever
    the reward model thinks of it (each unless None; broken ones are not looked for then).
    """
    mask = response_mask(response_ids, eos_id)
    longest = int(mask.sum(dim=1).max())
    mask, response_ids = mask[:, :longest], response_ids[:, :longest]
    if eos_id is not None:
        # Anything may stand there; padding would make the model classes ask for an attention mask.
        response_ids = response_ids.masked_fill(~mask, eos_id)
    token_ids = torch.cat([query_ids, response_ids], dim=1)
    finished = torch.ones(len(mask), dtype=torch.bool, device=mask.device)
    if eos_id is not None:
        finished = ((response_ids == eos_id) & mask).any(dim=1)
    texts = [
        decode([*query, *response[: int(row.sum())]])
        for query, response, row in zip(query_ids.tolist(), response_ids.tolist(), mask, strict=True)
    ]
    scores = torch.tensor(score(texts), dtype=torch.float32, device=mask.device)
    broken = torch.zeros_like(finished)
    if unfinished_score is not None:
        scores = torch.where(finished, scores, unfinished_score)
    if broken_score is not None:
        broken = torch.tensor(judge(texts), device=mask.device)
        scores = torch.where(broken, broken_score, scores)
    measured = measure_responses(policy, reference, token_ids, mask, temperature, rows)
    return Rollout(
        token_ids=token_ids,
        query_length=query_ids.shape[1],
        mask=mask,
        scores=scores,
        texts=texts,
        finished=finished,
        broken=broken,
        **measured,
    )


def length_sorted(mask: Tensor, rows: int) -> Iterator[Tensor]:
    """Row indices by response length, ``rows`` at a time: what is alike in length wastes no padding."""
    yield from torch.argsort(mask.sum(dim=1), stable=True).split(rows)  # type: ignore[no-untyped-call]


def distinct(texts: list[str], length: int) -> float:
    """Share of different ones among the texts' character runs of this ``length``; 1 without any."""
    runs = [text[start : start + length] for text in texts for start in range(len(text) - length + 1)]
    return len(set(runs)) / len(runs) if runs else 1.0
