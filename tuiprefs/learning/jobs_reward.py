"""A reward run: from the store's comparisons to a reward model, whose scores go back into the store."""

from __future__ import annotations

from typing import Any

import torch

from tuiprefs.learning.checkpoints import CheckpointFolder
from tuiprefs.learning.device import limit_threads, pick_device
from tuiprefs.learning.jobs import Job
from tuiprefs.learning.jobs_policy import project_query
from tuiprefs.learning.reward_data import Preference, Split, preferences_from, split_preferences
from tuiprefs.learning.reward_model import TextScorer, new_reward_model, save_reward_model
from tuiprefs.learning.reward_training import RewardTrainer
from tuiprefs.learning.sampling import load_model, sample
from tuiprefs.project.learning_settings import RewardSettings
from tuiprefs.project.settings import SamplingSettings
from tuiprefs.runs.models import resolve_model
from tuiprefs.store.comparisons import list_comparisons
from tuiprefs.store.samples import get_samples, list_samples
from tuiprefs.store.scores import save_scores

# Samples scored at once.
_BATCH = 256


def run_reward(job: Job) -> None:
    """Do a reward run."""
    settings = job.settings(RewardSettings)
    inputs = job.inputs(lambda: _read_inputs(job, settings))
    limit_threads(inputs["torch_threads"])
    torch.manual_seed(job.spec.seed)
    scorer = new_reward_model(
        inputs["model_path"], settings.pooling, settings.dropout, settings.max_tokens, pick_device()
    )
    split = split_preferences(_preferences(job, inputs, settings), settings.heldout_fraction, job.spec.seed)
    trainer = RewardTrainer(scorer.model, _sequences(job, scorer, split), split, settings, job.spec.seed)
    job.recorder.total_updates = trainer.total_steps
    checkpoints = CheckpointFolder(job.folder.checkpoints_dir, settings.keep_checkpoints)
    checkpoint = checkpoints.latest() if job.resume else None
    reference: list[list[int]] = []
    if settings.normalize_after or (settings.normalize_before and checkpoint is None):
        job.beat("sampling the reference")
        reference = _reference_samples(job, scorer, inputs, settings)
    if checkpoint is not None:
        trainer.restore(checkpoint)
    elif settings.normalize_before:
        trainer.model.normalize(reference)
    if job.resume:
        job.recorder.truncate_after(trainer.step_number)
    job.watch()

    def save() -> None:
        checkpoints.save(trainer.checkpoint())
        job.recorder.event("checkpoint", update=trainer.step_number)

    while not trainer.done and job.goes_on(trainer.step_number, save):
        job.beat("training")
        metrics = trainer.step()
        job.record(trainer.step_number, metrics)
        epoch = trainer.step_number // trainer.steps_per_epoch
        if trainer.epoch_ended and epoch % settings.checkpoint_every == 0:
            save()
    if job.stop_reason is not None:
        save()
        return
    # Patience may have ended it before the last epoch; nothing is left to do all the same.
    job.recorder.total_updates = trainer.step_number
    trainer.finish()
    if settings.normalize_after:
        trainer.model.normalize(reference)
    _leave(job, scorer, trainer, inputs)


def _read_inputs(job: Job, settings: RewardSettings) -> dict[str, Any]:
    model = resolve_model(job.project, job.store, job.spec.parents["model"])
    return {
        "model": model.name,
        "model_path": model.path,
        "query": project_query(job),
        "sampling": job.project.settings.sampling.model_dump(),
        "comparisons": [one.id for one in list_comparisons(job.store)],
        "torch_threads": limit_threads(settings.torch_threads),
    }


def _preferences(job: Job, inputs: dict[str, Any], settings: RewardSettings) -> list[Preference]:
    wanted = set(inputs["comparisons"])
    records = list_comparisons(job.store, include_undone=True)
    return preferences_from((one for one in records if one.id in wanted), settings)


def _sequences(job: Job, scorer: TextScorer, split: Split) -> dict[int, list[int]]:
    ids = {id_ for one in (*split.train, *split.heldout) for id_ in one.sample_ids}
    return {sample.id: scorer.encode(sample.text) for sample in get_samples(job.store, sorted(ids))}


def _reference_samples(
    job: Job, scorer: TextScorer, inputs: dict[str, Any], settings: RewardSettings
) -> list[list[int]]:
    """Texts of the language model that training starts from, encoded as the reward model reads them."""
    model, tokenizer = load_model(inputs["model_path"], pick_device())
    samples = sample(
        model,
        tokenizer,
        inputs["query"],
        settings.normalize_samples,
        SamplingSettings.model_validate(inputs["sampling"]),
        seed=job.spec.seed,
        on_batch=lambda _: job.beat("sampling the reference"),
    )
    return [scorer.encode(one.text) for one in samples]


def _leave(job: Job, scorer: TextScorer, trainer: RewardTrainer, inputs: dict[str, Any]) -> None:
    """Save the model, its figures, and its score of every sample in the store."""
    split = trainer.split
    metrics = {
        "train_comparisons": len(split.train),
        "heldout_comparisons": len(split.heldout),
        "heldout_sharing_samples": split.shared,
        **({name.removeprefix("reward/"): value for name, value in trainer.evaluate().items()}),
    }
    job.recorder.event("result", **metrics)
    facts = {"trained_from": inputs["model"], "run": job.folder.name, "metrics": metrics}
    job.leave_model("reward", inputs["model"], metrics, lambda path: save_reward_model(scorer, path, facts))
    offset = 0
    while samples := list_samples(job.store, limit=_BATCH, offset=offset):
        job.beat("scoring samples")
        scores = scorer.score([sample.text for sample in samples])
        ids = [sample.id for sample in samples]
        save_scores(job.store, job.folder.name, list(zip(ids, scores, strict=True)))
        offset += len(samples)
