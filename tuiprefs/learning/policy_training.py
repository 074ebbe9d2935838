"""The training loop of a policy: rollout, PPO update, KL controller, and all that a checkpoint must hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from tuiprefs.learning.checkpoints import (
    Checkpoint,
    CheckpointFolder,
    module_tensors,
    optimizer_tensors,
    random_state,
    random_tensors,
    restore_module,
    restore_optimizer,
    restore_random,
)
from tuiprefs.learning.kl import KLController
from tuiprefs.learning.policy_model import PolicyModel
from tuiprefs.learning.ppo import make_targets, ppo_update
from tuiprefs.learning.rollouts import Rollout, collect_rollout
from tuiprefs.learning.sampling import decode, encode_query, sample_tokens
from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import PolicySettings

# Where a checkpoint keeps the model.
MODEL_FOLDER = "model"
# What `set` may change in a policy run that is under way.
ADJUSTABLE = ("kl_coefficient", "learning_rate")


@dataclass(frozen=True)
class PolicyParts:
    """What a policy run is made of: three models that share nothing.

    Attributes:
        policy: the model that learns.
        reference: the frozen model that it begins as.
        tokenizer: the tokenizer of both.
        score: gives texts the reward model's scores.
        judge: says which texts auto-fail calls broken.
    """

    policy: PolicyModel
    reference: Any
    tokenizer: Any
    score: Callable[[list[str]], list[float]]
    judge: Callable[[list[str]], list[bool]]


@dataclass(frozen=True)
class Update:
    """What one update did."""

    metrics: dict[str, float]
    rollout: Rollout


class PolicyTrainer:
    """Improves a policy, one update at a time.

    Attributes:
        update: updates done.
        episodes: samples that the policy wrote for them.
    """

    def __init__(self, parts: PolicyParts, settings: PolicySettings, query: str, seed: int) -> None:
        self.parts = parts
        self.settings = settings
        self.query_ids = encode_query(parts.tokenizer, query)
        _check_length(parts.policy.lm.config, len(self.query_ids) + settings.response_length)
        self.update = 0
        self.episodes = 0
        self.learning_rate = settings.learning_rate
        self.kl = KLController(
            settings.kl_coefficient,
            settings.kl_target,
            settings.kl_horizon,
            settings.kl_coefficient_min,
            settings.kl_coefficient_max,
        )
        self.generator = torch.Generator(parts.policy.value_head.weight.device).manual_seed(seed)
        # Dropout stays off in training too: it would make the policy differ from the one that wrote the
        # rollout.
        parts.policy.eval()
        self.optimizer = torch.optim.Adam(
            parts.policy.parameters(),
            lr=settings.learning_rate,
            betas=(settings.adam_beta1, settings.adam_beta2),
        )

    @property
    def done(self) -> bool:
        """All updates are made."""
        return self.update >= self.settings.updates

    def step(self, beat: Callable[[str], None] = lambda stage: None) -> Update:
        """Write a batch of samples, score them, and improve the policy on them."""
        start = time.perf_counter()
        beat("rollout")
        rollout = self.collect()
        rolled = time.perf_counter()
        beat("update")
        coefficient = self.kl.coefficient
        targets = make_targets(rollout, self.settings, coefficient)
        learned = ppo_update(
            self.parts.policy,
            self.optimizer,
            rollout,
            targets,
            self.settings,
            self.current_learning_rate(),
            self.generator,
            beat=lambda: beat("update"),
        )
        # The controller follows once per batch, on the KL that the batch was written with.
        measured = rollout.metrics()
        metrics = {
            "episodes": float(self.episodes + len(rollout.mask)),
            **measured,
            "objective/kl_coefficient": coefficient,
            "objective/reward": measured["objective/score"] - coefficient * measured["objective/kl"],
            **learned,
            "ppo/learning_rate": self.current_learning_rate(),
        }
        self.kl.update(measured["objective/kl"], len(rollout.mask))
        self.update += 1
        self.episodes += len(rollout.mask)
        end = time.perf_counter()
        metrics |= {
            "time/tokens_per_second": rollout.token_count / (end - start),
            "time/rollout_seconds": rolled - start,
            "time/update_seconds": end - rolled,
        }
        return Update(metrics, rollout)

    def collect(self) -> Rollout:
        """Write and measure one batch of samples with the policy as it is."""
        settings, tokenizer = self.settings, self.parts.tokenizer
        device = self.parts.policy.value_head.weight.device
        query_ids = torch.tensor([self.query_ids] * settings.batch_size, device=device)
        response_ids = sample_tokens(
            self.parts.policy.lm,
            query_ids,
            response_length=settings.response_length,
            temperature=settings.temperature,
            # The probabilities that the update works with are those of the whole distribution.
            top_k=0,
            top_p=1.0,
            generator=self.generator,
            eos_id=tokenizer.eos_token_id,
            pad_id=tokenizer.pad_token_id,
            stop_at_eos=tokenizer.eos_token_id is not None,
        )
        return collect_rollout(
            self.parts.policy,
            self.parts.reference,
            response_ids,
            query_ids,
            eos_id=tokenizer.eos_token_id,
            decode=lambda ids: decode(tokenizer, ids),
            score=self.parts.score,
            unfinished_score=settings.unfinished_score,
            broken_score=settings.broken_score,
            judge=self.parts.judge,
            temperature=settings.temperature,
            rows=settings.micro_batch_size,
        )

    def current_learning_rate(self) -> float:
        """The step size of the coming update: constant, or falling linearly to 0 after the last."""
        if not self.settings.learning_rate_decay:
            return self.learning_rate
        return self.learning_rate * (1 - self.update / self.settings.updates)

    def adjust(self, name: str, value: float) -> None:
        """Change one of ``ADJUSTABLE`` from the coming update on.

        Raises:
            UserError: it cannot be changed while the run goes, or not to this value.
        """
        if name not in ADJUSTABLE:
            raise UserError(f"A running policy can change {' and '.join(ADJUSTABLE)}, but not “{name}”.")
        if not 0 <= value < float("inf"):
            raise UserError(f"{name} = {value} is not possible: give a finite number, 0 or more.")
        if name == "kl_coefficient":
            self.kl.coefficient = value
        else:
            self.learning_rate = value

    def save(self, checkpoints: CheckpointFolder) -> Path:
        """Save all that decides the updates to come; the model as a folder of its own, to be used as one."""
        return checkpoints.save(self._checkpoint(), lambda folder: self.write_model(folder / MODEL_FOLDER))

    def write_model(self, path: Path) -> None:
        """Write the policy without its value head, and its tokenizer, as a Hugging Face folder."""
        self.parts.policy.lm.save_pretrained(path)
        self.parts.tokenizer.save_pretrained(path)

    def _checkpoint(self) -> Checkpoint:
        tensors = module_tensors(self.parts.policy.value_head, "value_head")
        tensors |= optimizer_tensors(self.optimizer, "optimizer")
        tensors |= random_tensors(self.generator)
        state = {
            "update": self.update,
            "episodes": self.episodes,
            "kl_coefficient": self.kl.coefficient,
            "learning_rate": self.learning_rate,
            "random": random_state(),
        }
        return Checkpoint(self.update, tensors, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from ``checkpoint``, as read from its folder, as if there had been no break."""
        assert checkpoint.folder is not None
        saved = AutoModelForCausalLM.from_pretrained(checkpoint.folder / MODEL_FOLDER, dtype=torch.float32)
        restore_module(self.parts.policy.lm, module_tensors(saved, "lm"), "lm")
        restore_module(self.parts.policy.value_head, checkpoint.tensors, "value_head")
        restore_optimizer(self.optimizer, checkpoint.tensors, "optimizer")
        restore_random(checkpoint, self.generator)
        self.update = int(checkpoint.state["update"])
        self.episodes = int(checkpoint.state["episodes"])
        self.kl.coefficient = float(checkpoint.state["kl_coefficient"])
        self.learning_rate = float(checkpoint.state["learning_rate"])


def _check_length(config: Any, length: int) -> None:
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and length > positions:
        raise UserError(
            f"Query and response together take {length} tokens, but the model has {positions} positions: "
            f"lower policy.response_length by {length - positions}."
        )
