"""Training a language model update by update, with checkpoints to go on from as if never stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from tuiprefs.learning.checkpoints import (
    Checkpoint,
    CheckpointFolder,
    module_tensors,
    optimizer_tensors,
    restore_module,
    restore_optimizer,
)
from tuiprefs.learning.hub import save_model
from tuiprefs.learning.language_model import (
    context_length,
    heldout_metrics,
    make_optimizers,
    new_model,
    schedule,
    sequence_loss,
)
from tuiprefs.learning.language_model_data import Vary, pad_batch, training_batches
from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import LanguageModelSettings

Metrics = dict[str, float]

# Where a checkpoint keeps the model.
MODEL_FOLDER = "model"


@dataclass
class Progress:
    """Where training stands.

    Attributes:
        update: updates done.
        epoch: passes over the texts done.
        batch: batches of the present pass done.
        tokens: tokens learnt from.
    """

    update: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: int = 0


class LanguageModelTrainer:
    """One training run: the model, its optimisers and its place in the texts."""

    def __init__(
        self,
        settings: LanguageModelSettings,
        train_texts: Sequence[str],
        heldout_texts: Sequence[str],
        tokenizer: Any,
        *,
        seed: int = 0,
        vary: Vary | None = None,
        model: Any = None,
        device: str = "cpu",
    ) -> None:
        """Begin a run.

        Args:
            settings: sizes, rates and the number of updates.
            train_texts: texts to learn, each a whole.
            heldout_texts: texts to measure on; may be empty.
            tokenizer: a Hugging Face tokenizer.
            seed: decides the first weights, the order of the texts and their variations.
            vary: makes a variation of a text, afresh in each pass over them.
            model: the model to go on from, at smaller rates; without one, a new GPT-2 is made.
            device: where to compute.

        Raises:
            UserError: there is no text to learn from.
        """
        if not any(train_texts):
            raise UserError("There is no text to train on: the corpus is empty.")
        self.settings = settings
        self.tokenizer = tokenizer
        self.seed = seed
        self.device = device
        self.model: Any = (new_model(settings, tokenizer, seed) if model is None else model).to(device)
        self.model.train()
        factor = 1.0 if model is None else settings.onward_factor
        self.optimizers = make_optimizers(self.model, settings, factor)
        self.progress = Progress()
        self._peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self._train_texts = train_texts
        self._heldout_texts = heldout_texts
        self._vary = vary if settings.vary else None
        self._batches = self._batches_from_here()

    @property
    def update(self) -> int:
        """Updates done."""
        return self.progress.update

    @property
    def done(self) -> bool:
        """Whether all updates are done."""
        return self.update >= self.settings.updates

    def step(self) -> Metrics:
        """Do one update, and the held-out measurement when it is due.

        Returns:
            Flat metrics: `lm/loss` and `lm/heldout_loss` in nats per token, `lm/heldout_bits_per_character`,
            `lm/gradient_norm` before clipping, `lm/learning_rate`, `lm/epoch`, `lm/tokens`, and
            `lm/tokens_per_second`, the one that the clock decides.
        """
        started = time.perf_counter()
        self.progress.epoch, number, batch = next(self._batches)
        rate = self._set_learning_rates()
        token_ids, lengths = pad_batch(batch, self.tokenizer.eos_token_id or 0)
        total, count = sequence_loss(self.model, token_ids.to(self.device), lengths.to(self.device))
        loss = total / count
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_gradient_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        self.progress.update += 1
        self.progress.batch = number + 1
        self.progress.tokens += count
        metrics = {
            "lm/loss": loss.item(),
            "lm/gradient_norm": float(norm),
            "lm/learning_rate": rate,
            "lm/epoch": float(self.progress.epoch),
            "lm/tokens": float(self.progress.tokens),
            "lm/tokens_per_second": count / (time.perf_counter() - started),
        }
        if self._heldout_texts and (self.done or self.update % self.settings.heldout_every == 0):
            metrics |= self.heldout_metrics()
        return metrics

    def heldout_metrics(self) -> Metrics:
        """Loss on the held-out texts, see `language_model.heldout_metrics`."""
        context = context_length(self.model, self.settings)
        return heldout_metrics(self.model, self.tokenizer, self._heldout_texts, context, self.device)

    def write_model(self, path: Path) -> None:
        """Write a plain Hugging Face model folder, tokenizer included."""
        save_model(self.model, self.tokenizer, path)

    def save(self, checkpoints: CheckpointFolder) -> Path:
        """Save all that decides the updates to come; the model as a folder of its own, to be used as one."""
        tensors = {"random.torch": torch.get_rng_state()}
        for number, optimizer in enumerate(self.optimizers):
            tensors |= optimizer_tensors(optimizer, f"optimizer{number}")
        checkpoint = Checkpoint(self.update, tensors, {"progress": asdict(self.progress)})
        return checkpoints.save(checkpoint, lambda folder: self.write_model(folder / MODEL_FOLDER))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint of the same run, so that nothing but the clock tells of the break."""
        assert checkpoint.folder is not None
        saved = AutoModelForCausalLM.from_pretrained(checkpoint.folder / MODEL_FOLDER, dtype=torch.float32)
        restore_module(self.model, module_tensors(saved, "lm"), "lm")
        for number, optimizer in enumerate(self.optimizers):
            restore_optimizer(optimizer, checkpoint.tensors, f"optimizer{number}")
        torch.set_rng_state(checkpoint.tensors["random.torch"])
        self.progress = Progress(**checkpoint.state["progress"])
        self._batches = self._batches_from_here()

    def _batches_from_here(self) -> Any:
        return training_batches(
            self._train_texts,
            self.tokenizer,
            context=context_length(self.model, self.settings),
            batch_tokens=self.settings.batch_tokens,
            vary=self._vary,
            seed=self.seed,
            epoch=self.progress.epoch,
            skip=self.progress.batch,
        )

    def _set_learning_rates(self) -> float:
        """Set the rates of the coming update and return AdamW's; forget the gradients of the last one."""
        part = schedule(self.update, self.settings)
        for optimizer, peaks in zip(self.optimizers, self._peaks, strict=True):
            optimizer.zero_grad(set_to_none=True)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * part
        return float(part * self._peaks[-1][-1])


def train_language_model(
    trainer: LanguageModelTrainer,
    out_dir: Path,
    *,
    on_update: Callable[[int, Metrics], None] = lambda update, metrics: None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
) -> Path:
    """Train until the last update, or until told to stop, and write the model to `out_dir/model`.

    Args:
        trainer: the run, at its beginning.
        out_dir: receives `checkpoints/` and `model/`.
        on_update: receives the number of each update (from 1) and its metrics.
        should_stop: asked after each update.
        resume: go on from the last checkpoint in `out_dir`, where there is one.

    Returns:
        The folder of the model, as it was at the last update.
    """
    checkpoints = CheckpointFolder(out_dir / "checkpoints", trainer.settings.keep_checkpoints)
    checkpoint = checkpoints.latest() if resume else None
    if checkpoint is not None:
        trainer.restore(checkpoint)
    stopped = False
    while not trainer.done and not stopped:
        on_update(trainer.update + 1, trainer.step())
        stopped = should_stop()
        if trainer.done or stopped or trainer.update % trainer.settings.checkpoint_every == 0:
            trainer.save(checkpoints)
    trainer.write_model(out_dir / "model")
    return out_dir / "model"
