"""The forms that start a run or a blind test: their fields, sensible values, and what makes them valid."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ValidationError

from tuiprefs.project.learning_settings import (
    LanguageModelSettings,
    PolicySettings,
    RewardSettings,
    SampleSettings,
)
from tuiprefs.project.settings import Settings
from tuiprefs.store.models import ModelRecord
from tuiprefs.tui.form import FormError, FormField

StartKind = Literal["policy", "reward", "sample", "lm"]

TITLES: dict[StartKind, str] = {
    "policy": "New policy run",
    "reward": "New reward-model run",
    "sample": "Write samples",
    "lm": "New language-model run",
}

MAIN_FIELDS: dict[StartKind, tuple[str, ...]] = {
    "policy": ("updates", "batch_size", "learning_rate", "kl_target", "kl_coefficient", "response_length"),
    "reward": ("epochs", "batch_size", "learning_rate", "heldout_fraction", "autofail_weight"),
    "sample": ("count", "temperature", "top_p", "top_k"),
    "lm": ("updates", "batch_tokens", "width", "layers", "heads"),
}
"""What people change most; all other settings follow below."""

MODEL_HELP: dict[StartKind, str] = {
    "policy": "The model to improve; it is also the reference that the KL is measured to.",
    "reward": "The language model whose body the reward model begins from.",
    "sample": "The model that writes.",
    "lm": "The model to train further on the corpus, or a new one from nothing.",
}
SETTINGS: dict[StartKind, type[BaseModel]] = {
    "policy": PolicySettings,
    "reward": RewardSettings,
    "sample": SampleSettings,
    "lm": LanguageModelSettings,
}

PARENTS: tuple[str, ...] = ("model", "reward")
NEW_MODEL = "(new)"
"""Stands for no parent in a language-model run."""

MOST_BLIND_PAIRS = 100_000


@dataclass(frozen=True)
class RunRequest:
    """A run to be made and started."""

    kind: StartKind
    settings: BaseModel
    parents: dict[str, str]
    seed: int


@dataclass(frozen=True)
class BlindRequest:
    """A blind test to be made and begun."""

    model_a: str
    model_b: str
    count: int


@dataclass(frozen=True)
class ModelChoices:
    """The models that there are, by what they can be used for; newest first."""

    generators: tuple[str, ...]
    """Models that write samples."""
    rewards: tuple[str, ...]
    """Models that score them."""
    newest_policy: str | None

    @classmethod
    def of(cls, settings: Settings, records: Sequence[ModelRecord]) -> ModelChoices:
        """Sort the store's models; the project's own model comes first."""
        newest = list(records)[::-1]
        writers = [settings.project.model, "starter", *(one.name for one in newest if one.kind != "reward")]
        policies = [one.name for one in newest if one.kind == "policy"]
        rewards = [one.name for one in newest if one.kind == "reward"]
        return cls(tuple(dict.fromkeys(writers)), tuple(rewards), policies[0] if policies else None)


def base_settings(kind: StartKind, settings: Settings) -> BaseModel:
    """The project's settings for a run of this kind."""
    if kind == "policy":
        return settings.policy
    if kind == "reward":
        return settings.reward
    if kind == "lm":
        return settings.language_model
    sampling = settings.sampling
    return SampleSettings(
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        max_new_tokens=sampling.max_new_tokens,
        batch_size=sampling.batch_size,
    )


def run_fields(kind: StartKind, settings: Settings, models: ModelChoices) -> list[FormField]:
    """The lines of a run's form: its models, what people change most, then everything else.

    Raises:
        FormError: a policy run is asked for and there is no reward model yet.
    """
    value = models.newest_policy if kind == "sample" and models.newest_policy else models.generators[0]
    choices = models.generators if kind != "lm" else (NEW_MODEL, *models.generators)
    fields = [FormField("model", "model", value if kind != "lm" else NEW_MODEL, MODEL_HELP[kind], choices)]
    if kind == "policy":
        if not models.rewards:
            raise FormError(
                "A policy run needs a reward model, and there is none yet: start a reward run first."
            )
        text = "The reward model whose score the policy learns to raise."
        fields.append(FormField("reward", "reward model", models.rewards[0], text, models.rewards))
    base = base_settings(kind, settings)
    main = MAIN_FIELDS[kind]
    rest = [name for name in type(base).model_fields if name not in main]
    for name in (*main, *rest):
        heading = "Everything else" if name == rest[0] else ""
        description = type(base).model_fields[name].description or ""
        text = as_text(getattr(base, name))
        fields.append(FormField(name, name.replace("_", " "), text, description, heading=heading))
    seed = FormField("seed", "seed", "1", "Seed of every random choice in the run.")
    if kind == "sample":
        # The same seed twice would write the same samples twice.
        seed = FormField("seed", "seed", str(secrets.randbelow(1_000_000)), seed.help)
    fields.insert(len(fields) - len(rest), seed)
    return fields


def run_request(kind: StartKind, texts: dict[str, str]) -> RunRequest:
    """What the filled-in form asks for.

    Raises:
        FormError: a value does not fit.
    """
    values = dict(texts)
    given_parents = {name: values.pop(name) for name in PARENTS if name in values}
    parents = {name: value for name, value in given_parents.items() if value != NEW_MODEL}
    seed = whole_number(values.pop("seed"), "seed", 0, 2**31 - 1)
    given = {name: text if text else None for name, text in values.items()}
    try:
        return RunRequest(kind, SETTINGS[kind].model_validate(given), parents, seed)
    except ValidationError as error:
        raise form_error(error) from None


def blind_fields(models: ModelChoices, settings: Settings) -> list[FormField]:
    """The lines of the form that begins a blind test: old against new."""
    new = models.newest_policy or models.generators[-1]
    return [
        FormField("model_a", "model A", settings.project.model, "One of the two models.", models.generators),
        FormField("model_b", "model B", new, "The other one.", models.generators),
        FormField("count", "pairs", "50", "Samples that each model writes, and pairs to judge at most."),
    ]


def blind_request(texts: dict[str, str]) -> BlindRequest:
    """What the filled-in form asks for.

    Raises:
        FormError: both models are the same one, or the count is no count.
    """
    if texts["model_a"] == texts["model_b"]:
        raise FormError("A model cannot be tested against itself: choose another one as B.", "model_b")
    count = whole_number(texts["count"], "count", 1, MOST_BLIND_PAIRS)
    return BlindRequest(texts["model_a"], texts["model_b"], count)


def whole_number(text: str, field: str, least: int, most: int) -> int:
    """The number in a field; FormError where it holds none from ``least`` to ``most``."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise FormError(f"{field}: “{text}” is no whole number from {least} to {most}.", field)
    return number


def form_error(error: ValidationError) -> FormError:
    """The first thing that a settings class found wrong, in one sentence."""
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ").partition(", unable")[0]
    if not field:
        return FormError(f"{message[0].upper()}{message[1:]}.")
    given = first["input"] if first["input"] is not None else ""
    return FormError(
        f"{field.replace('_', ' ')}: “{given}” does not fit: {message[0].lower()}{message[1:]}.", field
    )


def as_text(value: object) -> str:
    """A setting's value as it is typed: nothing for an unset one, yes and no for switches."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
