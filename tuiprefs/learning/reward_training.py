"""The training loop of a reward model: steps on comparisons, held-out accuracy, the best epoch kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tuiprefs.learning.checkpoints import (
    Checkpoint,
    module_tensors,
    optimizer_tensors,
    random_state,
    random_tensors,
    restore_module,
    restore_optimizer,
    restore_random,
)
from tuiprefs.learning.reward_data import Preference, Split
from tuiprefs.learning.reward_model import RewardModel
from tuiprefs.learning.tensors import preference_loss
from tuiprefs.project.learning_settings import RewardSettings

# Tokens, padding included, of one forward pass with gradients.
TRAINING_TOKENS = 4096


class RewardTrainer:
    """Trains a reward model, one gradient step at a time.

    Attributes:
        step_number: gradient steps done.
        total_steps: steps of all epochs.
        best: metrics of the epoch with the lowest held-out loss; empty before the first or without held-out
        data.
    """

    def __init__(
        self,
        model: RewardModel,
        sequences: dict[int, list[int]],
        split: Split,
        settings: RewardSettings,
        seed: int,
    ) -> None:
        """``sequences`` holds the token ids of every sample in ``split``, by sample id."""
        self.model = model
        if model.pooling == "mean":
            usual = sum(map(len, sequences.values())) / len(sequences)
            model.prior_tokens = settings.length_prior * usual
        self.sequences = sequences
        self.split = split
        self.settings = settings
        self.seed = seed
        self.step_number = 0
        self.steps_per_epoch = math.ceil(len(split.train) / settings.batch_size)
        self.total_steps = settings.epochs * self.steps_per_epoch
        self.best: dict[str, float] = {}
        self._best_tensors: dict[str, Tensor] = {}
        self._epochs_without_gain = 0
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = torch.optim.AdamW(self._groups(), weight_decay=settings.weight_decay)

    @property
    def done(self) -> bool:
        """All epochs are over, or the held-out loss has stopped falling."""
        patient = self._epochs_without_gain < self.settings.patience or not self.settings.keep_best
        return self.step_number >= self.total_steps or not patient

    @property
    def epoch_ended(self) -> bool:
        """The last step was the last of its epoch."""
        return self.step_number % self.steps_per_epoch == 0

    def step(self) -> dict[str, float]:
        """One gradient step; at the end of an epoch the metrics hold the held-out figures too."""
        epoch, position = divmod(self.step_number, self.steps_per_epoch)
        batch = self._epoch_order(epoch)[position * self.settings.batch_size :][: self.settings.batch_size]
        self.model.train()
        loss, metrics = self._loss([self.split.train[index] for index in batch])
        self._set_learning_rates()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_gradient_norm)
        self.optimizer.step()
        self.step_number += 1
        metrics |= {
            "reward/gradient_norm": float(norm),
            "reward/epoch": self.step_number / self.steps_per_epoch,
        }
        if self.epoch_ended and self.split.heldout:
            metrics |= self.evaluate()
            self._keep_if_best(metrics)
        return metrics

    def evaluate(self) -> dict[str, float]:
        """Loss and accuracy on the held-out comparisons.

        Accuracy leaves ties out, and is that on comparisons which a rater decided; those of auto-fail, which
        are easier, have their own figure.
        """
        self.model.eval()
        with torch.no_grad():
            scores = self.score(sorted({id_ for one in self.split.heldout for id_ in one.sample_ids}))
        losses = [_example_loss(one, scores) for one in self.split.heldout]
        weights = [one.weight for one in self.split.heldout]
        metrics = {
            "reward/heldout_loss": sum(w * x for w, x in zip(weights, losses, strict=True)) / sum(weights)
        }
        for name, automatic in (
            ("reward/heldout_accuracy", False),
            ("reward/heldout_accuracy_autofail", True),
        ):
            judged = [one for one in self.split.heldout if one.automatic == automatic and not one.tie]
            if judged:
                metrics[name] = sum(_agrees(one, scores) for one in judged) / len(judged)
                metrics[f"{name}_n"] = len(judged)
        return metrics

    def score(self, ids: Sequence[int]) -> dict[int, float]:
        """The scores of samples by id."""
        with torch.no_grad():
            scores = self.model.scores([self.sequences[id_] for id_ in ids])
        return dict(zip(ids, scores.tolist(), strict=True))

    def finish(self) -> None:
        """Put back the best epoch's weights, if they were kept."""
        if self._best_tensors:
            restore_module(self.model, self._best_tensors, "best")
        self.model.eval()

    def checkpoint(self) -> Checkpoint:
        """All that decides the steps to come."""
        tensors = module_tensors(self.model, "model") | self._best_tensors
        tensors |= optimizer_tensors(self.optimizer, "optimizer") | random_tensors(self.generator)
        state = {
            "best": self.best,
            "epochs_without_gain": self._epochs_without_gain,
            "random": random_state(),
        }
        return Checkpoint(self.step_number, tensors, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from ``checkpoint`` as if there had been no break."""
        restore_module(self.model, checkpoint.tensors, "model")
        restore_optimizer(self.optimizer, checkpoint.tensors, "optimizer")
        restore_random(checkpoint, self.generator)
        self.step_number = checkpoint.step
        self.best = {name: float(value) for name, value in checkpoint.state["best"].items()}
        self._best_tensors = {
            name: tensor for name, tensor in checkpoint.tensors.items() if name.startswith("best.")
        }
        self._epochs_without_gain = int(checkpoint.state["epochs_without_gain"])

    def _loss(self, batch: Sequence[Preference]) -> tuple[Tensor, dict[str, float]]:
        """Weighted mean loss of a batch, and its metrics."""
        ids = sorted({id_ for one in batch for id_ in one.sample_ids})
        scores = self.model.scores([self.sequences[id_] for id_ in ids], TRAINING_TOKENS)
        place = {id_: index for index, id_ in enumerate(ids)}
        width = max(len(one.sample_ids) for one in batch)
        rows, targets = [], torch.zeros(len(batch), width, device=scores.device)
        for row, one in enumerate(batch):
            members = scores[[place[id_] for id_ in one.sample_ids]]
            rows.append(torch.nn.functional.pad(members, (0, width - len(members)), value=-math.inf))
            targets[row, : len(one.targets)] = torch.tensor(one.targets)
        table = torch.stack(rows)
        weights = torch.tensor([one.weight for one in batch], device=scores.device)
        losses = preference_loss(table, targets)
        sums = torch.where(torch.isfinite(table), table, 0.0).sum(dim=1)
        total = (weights * (losses + self.settings.centring * sums**2)).sum() / weights.sum()
        judged = [row for row, one in enumerate(batch) if not one.tie]
        metrics = {"reward/loss": float(((weights * losses).sum() / weights.sum()).detach())}
        if judged:
            right = table.argmax(dim=1) == targets.argmax(dim=1)
            metrics["reward/accuracy"] = float(right[judged].float().mean())
        return total, metrics

    def _epoch_order(self, epoch: int) -> list[int]:
        """The order of the training examples in one epoch, a function of seed and epoch alone."""
        generator = torch.Generator().manual_seed(self.seed * 100003 + epoch)
        return [int(index) for index in torch.randperm(len(self.split.train), generator=generator)]

    def _groups(self) -> list[dict[str, Any]]:
        head = [self.model.head.weight, self.model.head.bias]
        body = list(self.model.body.parameters())
        return [
            {"params": body, "peak": self.settings.learning_rate},
            {"params": head, "peak": self.settings.head_learning_rate},
            {
                "params": [self.model.gain, self.model.bias],
                "peak": self.settings.learning_rate,
                "weight_decay": 0.0,
            },
        ]

    def _set_learning_rates(self) -> None:
        """Rise linearly from 0 over the warm-up, then fall linearly to 0 at the last step."""
        warmup = self.settings.warmup_fraction * self.total_steps
        rising = (self.step_number + 1) / warmup if warmup else 1.0
        falling = (self.total_steps - self.step_number) / max(self.total_steps - warmup, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * min(1.0, rising, falling)

    def _keep_if_best(self, metrics: dict[str, float]) -> None:
        if not self.settings.keep_best:
            return
        self._epochs_without_gain += 1
        if not self.best or metrics["reward/heldout_loss"] < self.best["reward/heldout_loss"]:
            self.best = {name: value for name, value in metrics.items() if "heldout" in name}
            self.best["reward/epoch"] = metrics["reward/epoch"]
            tensors = module_tensors(self.model, "best")
            self._best_tensors = {name: tensor.clone() for name, tensor in tensors.items()}
            self._epochs_without_gain = 0


def _example_loss(one: Preference, scores: dict[int, float]) -> float:
    table = torch.tensor([[scores[id_] for id_ in one.sample_ids]])
    return float(preference_loss(table, torch.tensor([one.targets])))


def _agrees(one: Preference, scores: dict[int, float]) -> bool:
    """The sample that the judge chose scores highest; an exact draw is no agreement."""
    chosen = one.sample_ids[one.targets.index(1.0)]
    return all(scores[chosen] > scores[id_] for id_ in one.sample_ids if id_ != chosen)
