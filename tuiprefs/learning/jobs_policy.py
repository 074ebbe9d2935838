"""A policy run: three models, updates until done or told to stop, and the policy left as a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tuiprefs import domains
from tuiprefs.learning.checkpoints import CheckpointFolder
from tuiprefs.learning.device import limit_threads, pick_device
from tuiprefs.learning.jobs import Job
from tuiprefs.learning.policy_model import PolicyModel, frozen
from tuiprefs.learning.policy_training import PolicyParts, PolicyTrainer, Update
from tuiprefs.learning.reward_model import load_reward_model
from tuiprefs.learning.sampling import load_model
from tuiprefs.project.learning_settings import PolicySettings
from tuiprefs.rating.setup import make_autofail
from tuiprefs.runs import journal
from tuiprefs.runs.models import resolve_model, resolve_reward_model

# Metrics of the last update that the database keeps with the model.
_KEPT = ("objective/score", "objective/kl", "objective/entropy", "sample/distinct_8", "sample/broken")


def run_policy(job: Job) -> None:
    """Do a policy run."""
    settings = job.settings(PolicySettings)
    job.recorder.total_updates = settings.updates
    inputs = job.inputs(lambda: _read_inputs(job, settings))
    limit_threads(inputs["torch_threads"])
    torch.manual_seed(job.spec.seed)
    trainer = PolicyTrainer(_load_parts(job, inputs), settings, inputs["query"], job.spec.seed)
    checkpoints = CheckpointFolder(job.folder.checkpoints_dir, settings.keep_checkpoints)
    if job.resume:
        _restore(job, trainer, checkpoints)
    job.watch(settings.kl_target)

    def save() -> None:
        job.beat("saving")
        trainer.save(checkpoints)
        job.recorder.event("checkpoint", update=trainer.update)

    while not trainer.done and job.goes_on(trainer.update, save, trainer.adjust):
        _record(job, trainer.step(job.beat), trainer.update, settings)
        if trainer.update % settings.checkpoint_every == 0:
            save()
    if job.stop_reason is not None or trainer.update % settings.checkpoint_every:
        save()
    last = journal.read_all(job.folder.metrics_path)[-1:]
    metrics = {key: value for row in last for key, value in row.items() if key in _KEPT}
    job.leave_model("policy", inputs["model"], metrics, trainer.write_model)


def _read_inputs(job: Job, settings: PolicySettings) -> dict[str, Any]:
    model = resolve_model(job.project, job.store, job.spec.parents["model"])
    reward = resolve_reward_model(job.project, job.store, job.spec.parents["reward"])
    return {
        "model": model.name,
        "model_path": model.path,
        "reward": reward.name,
        "reward_path": reward.path,
        "query": project_query(job) if settings.query is None else settings.query,
        "torch_threads": limit_threads(settings.torch_threads),
    }


def project_query(job: Job) -> str:
    """The text that the project's samples continue: its own, or else its domain's."""
    section = job.project.settings.project
    return section.query if section.query is not None else domains.get(section.domain).default_query


def _load_parts(job: Job, inputs: dict[str, Any]) -> PolicyParts:
    device = pick_device()
    model, tokenizer = load_model(inputs["model_path"], device)
    reference, _ = load_model(inputs["model_path"], device)
    scorer = load_reward_model(Path(inputs["reward_path"]), device)
    policy = PolicyModel(model, tokenizer.pad_token_id).to(device)
    autofail = make_autofail(job.project)

    def judge(texts: list[str]) -> list[bool]:
        return [autofail.judge(text).verdict == "broken" for text in texts]

    return PolicyParts(policy, frozen(reference), tokenizer, scorer.score, judge)


def _restore(job: Job, trainer: PolicyTrainer, checkpoints: CheckpointFolder) -> None:
    checkpoint = checkpoints.latest()
    if checkpoint is not None:
        trainer.restore(checkpoint)
    job.recorder.truncate_after(trainer.update)


def _record(job: Job, update: Update, number: int, settings: PolicySettings) -> None:
    job.record(number, update.metrics)
    rollout = update.rollout
    kl = rollout.sequence_kl()
    for row in range(min(settings.streamed_samples, len(rollout.texts))):
        job.recorder.sample(
            {
                "update": number,
                "text": rollout.texts[row],
                "score": float(rollout.scores[row]),
                "kl": float(kl[row]),
                "finished": bool(rollout.finished[row]),
                "broken": bool(rollout.broken[row]),
            }
        )
