from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.rating.helpers import broken_tune, fill, make_tune
from tuiprefs.project.errors import UserError
from tuiprefs.rating.autofail import AutoFail
from tuiprefs.rating.blind import BlindPlan, BlindTest, resume_blind_test
from tuiprefs.rating.pairing import Pairer
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import list_comparisons
from tuiprefs.store.database import Store, open_store
from tuiprefs.store.samples import NewSample, add_samples, get_sample


def plan(
    store: Store, a: int, b: int, *, broken_a: int = 0, broken_b: int = 0, **options: object
) -> BlindPlan:
    texts_a = [make_tune(number) for number in range(a)] + [broken_tune(n) for n in range(1, broken_a + 1)]
    texts_b = [make_tune(1000 + number) for number in range(b)]
    texts_b += [broken_tune(1000 + number) for number in range(broken_b)]
    # Broken ones are spread among the sound ones.
    random.Random(1).shuffle(texts_a)
    random.Random(2).shuffle(texts_b)
    ids_a = add_samples(store, [NewSample(text, "model", model="old") for text in texts_a]).ids
    ids_b = add_samples(store, [NewSample(text, "model", model="new") for text in texts_b]).ids
    return BlindPlan("old", "new", ids_a, ids_b, **options)  # type: ignore[arg-type]


def prefer(session: RatingSession, model: str | None, count: int, store: Store) -> int:
    """Answer ``count`` pairs in favour of ``model``, or with ties."""
    done = 0
    while done < count and (pair := session.next()) is not None:
        side = "left" if get_sample(store, pair.left.id).model == model else "right"
        session.choose(pair, side if model else "tie", 5.0)  # type: ignore[arg-type]
        done += 1
    return done


def test_wins_are_counted_for_the_model_not_the_side(store: Store, autofail: AutoFail) -> None:
    test = BlindTest(store, autofail, plan(store, 40, 40), "me")
    session = test.session()
    prefer(session, "new", 20, store)
    prefer(session, "old", 12, store)
    prefer(session, None, 5, store)
    pair = session.next()
    assert pair is not None
    session.choose(pair, "skip")
    result = test.result()
    assert (result.wins_a, result.wins_b, result.ties, result.skips, result.remaining) == (12, 20, 5, 1, 2)
    assert result.n == 37
    assert result.sentence.startswith("Undecided so far: old won 12 of 37 and 5 were equal")
    records = list_comparisons(store, rater="me")
    assert {record.session for record in records} == {test.sitting}
    # Both models stood on both sides.
    lefts = {get_sample(store, record.sample_ids[0]).model for record in records}
    assert lefts == {"old", "new"}
    for record in records:
        assert record.extra is not None
        assert get_sample(store, record.sample_ids[record.extra["a"]]).model == "old"


def test_the_end_of_the_plan_decides(store: Store, autofail: AutoFail) -> None:
    test = BlindTest(store, autofail, plan(store, 12, 12), "me")
    session = test.session()
    assert prefer(session, "new", 99, store) == 12
    result = test.result()
    assert (result.wins_b, result.remaining, result.statistics.better) == (12, 0, "b")
    assert result.sentence.startswith("new is better: new won 12 of 12")
    assert result.interval[1] < 0.5
    assert session.next() is None


def test_broken_samples_are_passed_over(store: Store, autofail: AutoFail) -> None:
    test = BlindTest(store, autofail, plan(store, 10, 8, broken_a=4, broken_b=1), "me")
    assert prefer(test.session(), "old", 99, store) == 8
    result = test.result()
    assert (result.wins_a, result.wins_b, result.broken_a, result.broken_b) == (8, 0, 4, 1)
    assert list_comparisons(store, origins=["autofail"]) == []


def test_or_broken_samples_lose(store: Store, autofail: AutoFail) -> None:
    blind = plan(store, 10, 10, broken_a=4, broken_b=2, broken="lose")
    test = BlindTest(store, autofail, blind, "me")
    verdicts = [
        (get_sample(store, a).verdict, get_sample(store, b).verdict)
        for a, b in zip(blind.ids_a, blind.ids_b, strict=False)
    ]
    heard = prefer(test.session(), "old", 99, store)
    result = test.result()
    assert heard == verdicts.count(("ok", "ok"))
    assert result.wins_a == heard + verdicts.count(("ok", "broken"))
    assert result.wins_b == verdicts.count(("broken", "ok")) > 0
    assert result.ties == verdicts.count(("broken", "broken"))
    assert result.n == 12
    assert result.remaining == 0


def test_a_count_ends_it(store: Store, autofail: AutoFail) -> None:
    test = BlindTest(store, autofail, plan(store, 10, 10, count=6), "me")
    assert test.session().progress.remaining == 6
    assert prefer(test.session(), "old", 99, store) == 6


def test_what_both_wrote_is_no_pair_and_none_comes_twice(store: Store, autofail: AutoFail) -> None:
    one, two, three = fill(store, 3)
    test = BlindTest(store, autofail, BlindPlan("a", "b", [one, one, one], [one, two, two]), "me")
    assert test.session().progress.remaining == 1
    with pytest.raises(UserError, match=r"no pair to compare between a and b"):
        BlindTest(store, autofail, BlindPlan("a", "b", [three], [three]), "me")
    with pytest.raises(UserError, match=r"draw more"):
        BlindTest(store, autofail, BlindPlan("a", "b", [], [one]), "me")


def test_undo_stays_within_the_test(store: Store, autofail: AutoFail) -> None:
    fill(store, 4, start=500)
    ordinary = RatingSession(store, autofail, Pairer(store, "me"), "me")
    pair = ordinary.next()
    assert pair is not None
    ordinary.choose(pair, "left")
    test = BlindTest(store, autofail, plan(store, 4, 4), "me")
    session = test.session()
    prefer(session, "old", 2, store)
    # The ordinary session passes over the blind test's verdicts, newer though they are.
    undone = ordinary.undo()
    assert undone is not None
    assert undone.key == pair.key
    assert test.result().wins_a == 2
    for left in (1, 0):
        assert session.undo() is not None
        assert test.result().wins_a == left
    assert session.undo() is None
    assert test.result().remaining == 4
    assert prefer(session, "new", 99, store) == 3  # the pair undone last is still on the screen


def test_it_is_resumed_after_a_restart(tmp_path: Path, autofail: AutoFail) -> None:
    store = open_store(tmp_path / "a.db")
    test = BlindTest(store, autofail, plan(store, 9, 9, broken_a=2, count=7), "me")
    session = test.session()
    prefer(session, "new", 3, store)
    session.undo()
    store.close()

    store = open_store(tmp_path / "a.db")
    again = resume_blind_test(store, autofail, test.sitting)
    assert again.rater == "me"
    assert again.plan == test.plan
    session = again.session()
    assert (session.progress.rated, session.progress.remaining, session.progress.median_seconds) == (
        2,
        5,
        5.0,
    )
    assert prefer(session, "new", 99, store) == 5
    result = again.result()
    assert (result.wins_b, result.remaining, result.broken_a) == (7, 0, 2)
    with pytest.raises(UserError, match="no blind test 99"):
        resume_blind_test(store, autofail, 99)
    ordinary = RatingSession(store, autofail, Pairer(store, "me"), "me")
    pair = ordinary.next()
    assert pair is not None
    ordinary.choose(pair, "tie")
    with pytest.raises(UserError, match="is no blind test"):
        resume_blind_test(store, autofail, ordinary.sitting)
    store.close()
