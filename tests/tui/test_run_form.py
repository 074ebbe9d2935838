"""Forms: sensible values, and one sentence for what does not fit."""

from __future__ import annotations

import pytest

from tuiprefs.project.learning_settings import (
    LanguageModelSettings,
    PolicySettings,
    RewardSettings,
    SampleSettings,
)
from tuiprefs.project.settings import Settings
from tuiprefs.store.models import ModelRecord
from tuiprefs.tui.form import FormError
from tuiprefs.tui.run_form import (
    SETTINGS,
    ModelChoices,
    as_text,
    blind_fields,
    blind_request,
    run_fields,
    run_request,
)

MODELS = ModelChoices.of(
    Settings(),
    [
        ModelRecord("lm-1", "lm", "p"),
        ModelRecord("reward-1", "reward", "p"),
        ModelRecord("policy-1", "policy", "p"),
        ModelRecord("reward-2", "reward", "p"),
    ],
)


def texts(kind: str, **changes: str) -> dict[str, str]:
    return {field.name: field.value for field in run_fields(kind, Settings(), MODELS)} | changes  # type: ignore[arg-type]


def test_models_are_sorted_newest_first_and_the_projects_own_leads():
    assert ModelChoices(("starter", "policy-1", "lm-1"), ("reward-2", "reward-1"), "policy-1") == MODELS


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("policy", PolicySettings()), ("reward", RewardSettings()), ("lm", LanguageModelSettings())],
)
def test_an_untouched_form_gives_the_projects_settings(kind, expected):
    assert run_request(kind, texts(kind)).settings == expected


def test_an_untouched_form_for_samples_gives_the_projects_sampling():
    wanted = Settings().sampling
    settings = run_request("sample", texts("sample")).settings
    assert isinstance(settings, SampleSettings)
    assert settings.model_dump(include=set(type(wanted).model_fields)) == wanted.model_dump()


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_setting_can_be_set(kind):
    assert set(texts(kind)) - {"model", "reward", "seed"} == set(SETTINGS[kind].model_fields)


def test_parents_and_seed_of_a_policy_run():
    request = run_request("policy", texts("policy", seed="7", updates="12", kl_target=""))
    assert request.parents == {"model": "starter", "reward": "reward-2"}
    assert request.seed == 7
    assert isinstance(request.settings, PolicySettings)
    assert (request.settings.updates, request.settings.kl_target) == (12, None)


def test_a_new_language_model_has_no_parent():
    assert run_request("lm", texts("lm")).parents == {}
    assert run_request("lm", texts("lm", model="starter")).parents == {"model": "starter"}


@pytest.mark.parametrize(
    ("kind", "changes", "field", "sentence"),
    [
        ("policy", {"updates": "many"}, "updates", "updates: “many” does not fit: input should be a"),
        ("policy", {"updates": ""}, "updates", "updates: “” does not fit: input should be a valid integer"),
        ("policy", {"gamma": "-1"}, "gamma", "gamma: “-1” does not fit: input should be greater than 0"),
        ("policy", {"batch_size": "10", "minibatches": "4"}, "", "Batch_size 10 cannot be cut into 4 equal"),
        ("policy", {"whiten_rewards": "maybe"}, "whiten_rewards", "whiten rewards: “maybe” does not fit"),
        ("reward", {"pooling": "max"}, "pooling", "pooling: “max” does not fit: input should be 'mean' or"),
        ("reward", {"seed": "-1"}, "seed", "seed: “-1” is no whole number from 0"),
        ("sample", {"count": "0"}, "count", "count: “0” does not fit: input should be greater than or"),
        ("sample", {"top_p": "nan"}, "top_p", "top p: “nan” does not fit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence_and_names_its_field(kind, changes, field, sentence):
    with pytest.raises(FormError) as caught:
        run_request(kind, texts(kind, **changes))
    assert str(caught.value).startswith(sentence)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert caught.value.field == field


def test_a_policy_run_needs_a_reward_model():
    with pytest.raises(FormError, match="start a reward run first"):
        run_fields("policy", Settings(), ModelChoices(("starter",), (), None))


def test_a_blind_test_sets_old_against_new():
    fields = {field.name: field.value for field in blind_fields(MODELS, Settings())}
    assert (fields["model_a"], fields["model_b"]) == ("starter", "policy-1")
    assert blind_request(fields).count == 50
    with pytest.raises(FormError, match="against itself"):
        blind_request(fields | {"model_b": "starter"})
    with pytest.raises(FormError, match="no whole number"):
        blind_request(fields | {"count": "ten"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (15.0, "15"),
        (0.0001, "0.0001"),
        (3e-4, "0.0003"),
        (8, "8"),
        (1e-5, "1e-05"),
    ],
)
def test_values_are_shown_as_they_are_typed(value, text):
    assert as_text(value) == text
