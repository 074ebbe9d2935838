import pytest

from tuiprefs.store.samples import (
    NewSample,
    add_samples,
    count_samples,
    get_sample,
    get_samples,
    list_samples,
    sample_runs,
    sample_sources,
    set_verdict,
    set_verdicts,
)


def test_a_text_is_stored_once_and_keeps_its_first_row(store):
    first = add_samples(store, [NewSample("a", "model", model="starter"), NewSample("b", "model")])
    again = add_samples(store, [NewSample("b", "import"), NewSample("c", "import"), NewSample("c", "import")])
    assert first.new == 2
    assert again.new == 1
    assert again.ids[0] == first.ids[1]
    assert again.ids[1] == again.ids[2]
    assert get_sample(store, first.ids[1]).source == "model"


def test_every_field_comes_back(store):
    new = NewSample("X:1\nK:C\n", "model", "m", "run-1", 40, 3, "X:", [5, 6, 7])
    (id_,) = add_samples(store, [new]).ids
    record = get_sample(store, id_)
    for name in ("text", "source", "model", "run", "checkpoint", "iteration", "query", "tokens"):
        assert getattr(record, name) == getattr(new, name)
    assert record.verdict is None


def test_filters_and_counts_agree(store):
    add_samples(store, [NewSample(f"tune {i}", "model", run=f"run-{i % 2}") for i in range(10)])
    add_samples(store, [NewSample("100% corpus_tune", "corpus")])
    ids = [sample.id for sample in list_samples(store, run="run-1")]
    set_verdicts(store, [(ids[0], "broken", "too-short", "2.1 s"), (ids[1], "ok", None, None)])
    assert count_samples(store, run="run-1") == 5
    assert [s.rule for s in list_samples(store, verdict="broken")] == ["too-short"]
    assert count_samples(store, verdict="unchecked") == 9
    assert [s.text for s in list_samples(store, search="100% c")] == ["100% corpus_tune"]
    assert count_samples(store, search="0%_") == 0
    assert sample_runs(store) == ["run-0", "run-1"]
    assert sample_sources(store) == ["model", "corpus"]


def test_pages_are_stable_in_both_directions(store):
    add_samples(store, [NewSample(f"{i}", "model") for i in range(7)])
    pages = [list_samples(store, limit=3, offset=offset, newest_first=True) for offset in (0, 3, 6)]
    assert [s.text for page in pages for s in page] == list("6543210")


def test_more_samples_than_one_statement_holds(store):
    added = add_samples(store, [NewSample(f"{i}", "model") for i in range(1300)])
    back = get_samples(store, reversed(added.ids))
    assert [s.text for s in back] == [f"{i}" for i in reversed(range(1300))]


def test_a_verdict_is_replaced(store):
    (id_,) = add_samples(store, [NewSample("a", "model")]).ids
    set_verdict(store, id_, "broken", "too-short", "1 s")
    set_verdict(store, id_, "ok")
    record = get_sample(store, id_)
    assert (record.verdict, record.rule, record.detail) == ("ok", None, None)


def test_an_unknown_id_is_a_key_error(store):
    with pytest.raises(KeyError):
        get_sample(store, 404)
