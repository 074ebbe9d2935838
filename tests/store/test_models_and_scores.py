from tuiprefs.store.models import ModelRecord, add_model, find_model, latest_model, list_models
from tuiprefs.store.samples import NewSample, add_samples
from tuiprefs.store.scores import save_scores, scores_of


def test_models_by_name_and_by_age(store):
    add_model(store, ModelRecord("lm-1", "lm", "/models/lm-1", run="lm-1", metrics={"loss": 1.5}))
    add_model(store, ModelRecord("reward-1", "reward", "/models/reward-1", parent="lm-1"))
    add_model(store, ModelRecord("policy-1", "policy", "/models/policy-1", parent="lm-1"))
    found = find_model(store, "lm-1")
    assert found is not None
    assert found.metrics == {"loss": 1.5}
    newest = latest_model(store, ("lm", "policy"))
    assert newest is not None
    assert newest.name == "policy-1"
    assert find_model(store, "lm-2") is None
    add_model(store, ModelRecord("lm-1", "lm", "/elsewhere"))
    assert [model.name for model in list_models(store)] == ["lm-1", "reward-1", "policy-1"]
    assert find_model(store, "lm-1").path == "/elsewhere"


def test_the_newest_score_of_a_model_counts(store):
    ids = add_samples(store, [NewSample(f"{i}", "model") for i in range(1100)]).ids
    save_scores(store, "reward-1", [(id_, 1.0) for id_ in ids])
    save_scores(store, "reward-1", [(ids[0], 2.0)])
    assert scores_of(store, ids[:2], "reward-1") == {ids[0]: 2.0, ids[1]: 1.0}
    assert len(scores_of(store, ids)) == 1100
    assert scores_of(store, ids, "reward-2") == {}


def test_no_scores_yet(store):
    assert scores_of(store, [1, 2]) == {}
