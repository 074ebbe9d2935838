"""A sampling run: samples of a model into the store, and into the run folder for whoever waits for them."""

from __future__ import annotations

from typing import Any

from tuiprefs.learning.device import limit_threads, pick_device
from tuiprefs.learning.jobs import Job
from tuiprefs.learning.jobs_policy import project_query
from tuiprefs.learning.sampling import load_model, sample
from tuiprefs.project.learning_settings import SampleSettings
from tuiprefs.runs import journal
from tuiprefs.runs.models import resolve_model
from tuiprefs.store.samples import NewSample, add_samples


def run_sample(job: Job) -> None:
    """Do a sampling run. Its updates are the samples written."""
    settings = job.settings(SampleSettings)
    job.recorder.total_updates = settings.count
    inputs = job.inputs(lambda: _read_inputs(job, settings))
    limit_threads(inputs["torch_threads"])
    written = _written(job) if job.resume else 0
    if job.resume:
        job.recorder.truncate_after(written)
    model, tokenizer = load_model(inputs["model_path"], pick_device())
    while written < settings.count and job.goes_on(written):
        job.beat("sampling")
        batch = sample(
            model,
            tokenizer,
            inputs["query"],
            min(settings.batch_size, settings.count - written),
            settings,
            # A function of the place alone, so that a resumed run writes what it would have written.
            seed=job.spec.seed * 100003 + written,
        )
        ids = add_samples(
            job.store,
            [
                NewSample(
                    one.text,
                    "model",
                    model=inputs["model"],
                    run=job.folder.name,
                    query=inputs["query"],
                    tokens=one.tokens,
                )
                for one in batch
            ],
        ).ids
        written += len(batch)
        for id_, one in zip(ids, batch, strict=True):
            job.recorder.sample({"update": written, "id": id_, "text": one.text, "finished": one.finished})
        finished = sum(one.finished for one in batch) / len(batch)
        unique = len({one.text for one in batch}) / len(batch)
        job.record(written, {"sample/finished": finished, "sample/unique": unique})


def _read_inputs(job: Job, settings: SampleSettings) -> dict[str, Any]:
    model = resolve_model(job.project, job.store, job.spec.parents["model"])
    return {
        "model": model.name,
        "model_path": model.path,
        "query": project_query(job) if settings.query is None else settings.query,
        "torch_threads": limit_threads(settings.torch_threads),
    }


def _written(job: Job) -> int:
    """Samples of whole batches: a batch's metrics are its last line."""
    return max((int(row["update"]) for row in journal.read_all(job.folder.metrics_path)), default=0)
