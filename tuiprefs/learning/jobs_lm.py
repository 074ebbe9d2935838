"""A language model run: the project's corpus to a model, from nothing or onwards from another."""

from __future__ import annotations

from typing import Any

from tuiprefs import domains
from tuiprefs.domains.corpus_files import read_corpus
from tuiprefs.learning.checkpoints import CheckpointFolder
from tuiprefs.learning.device import limit_threads, pick_device
from tuiprefs.learning.jobs import Job
from tuiprefs.learning.language_model_training import LanguageModelTrainer
from tuiprefs.learning.sampling import load_model
from tuiprefs.learning.tokenizer import tokenizer_for
from tuiprefs.project.learning_settings import LanguageModelSettings
from tuiprefs.runs import journal
from tuiprefs.runs.models import resolve_model

# Metrics of the end that the database keeps with the model.
_KEPT = ("lm/loss", "lm/heldout_loss", "lm/heldout_bits_per_character")


def run_lm(job: Job) -> None:
    """Do a language model run."""
    settings = job.settings(LanguageModelSettings)
    job.recorder.total_updates = settings.updates
    inputs = job.inputs(lambda: _read_inputs(job, settings))
    limit_threads(inputs["torch_threads"])
    trainer = _trainer(job, settings, inputs)
    checkpoints = CheckpointFolder(job.folder.checkpoints_dir, settings.keep_checkpoints)
    if job.resume:
        checkpoint = checkpoints.latest()
        if checkpoint is not None:
            trainer.restore(checkpoint)
        job.recorder.truncate_after(trainer.update)
    job.watch()

    def save() -> None:
        job.beat("saving")
        trainer.save(checkpoints)
        job.recorder.event("checkpoint", update=trainer.update)

    while not trainer.done and job.goes_on(trainer.update, save):
        job.beat("training")
        metrics = trainer.step()
        job.record(trainer.update, metrics)
        if trainer.update % settings.checkpoint_every == 0:
            save()
    if job.stop_reason is not None or trainer.update % settings.checkpoint_every:
        save()
    last: dict[str, Any] = {}
    for row in journal.read_all(job.folder.metrics_path):
        last |= {key: row[key] for key in _KEPT if key in row}
    job.leave_model("lm", inputs["model"], last, trainer.write_model)


def _read_inputs(job: Job, settings: LanguageModelSettings) -> dict[str, Any]:
    name = job.spec.parents.get("model")
    model = None if name is None else resolve_model(job.project, job.store, name)
    return {
        "model": None if model is None else model.name,
        "model_path": None if model is None else model.path,
        "domain": job.project.settings.project.domain,
        "torch_threads": limit_threads(settings.torch_threads),
    }


def _trainer(job: Job, settings: LanguageModelSettings, inputs: dict[str, Any]) -> LanguageModelTrainer:
    train, heldout = read_corpus(job.project.corpus_dir)
    device = pick_device()
    if inputs["model_path"] is None:
        model, tokenizer = None, tokenizer_for(inputs["domain"], train)
    else:
        model, tokenizer = load_model(inputs["model_path"], device)
    return LanguageModelTrainer(
        settings,
        train,
        heldout,
        tokenizer,
        seed=job.spec.seed,
        vary=domains.get(inputs["domain"]).vary,
        model=model,
        device=device,
    )
