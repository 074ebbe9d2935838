from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.rating.helpers import FakeCompiler, fill
from tuiprefs.project.errors import TuiprefsError
from tuiprefs.rating.autofail import AutoFail
from tuiprefs.rating.pairing import Pair, Pairer
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import list_comparisons
from tuiprefs.store.database import Store, open_store
from tuiprefs.store.samples import list_samples


def start(store: Store, autofail: AutoFail, *, rater: str = "me", seed: int = 1) -> RatingSession:
    return RatingSession(store, autofail, Pairer(store, rater, seed=seed), rater, sides=random.Random(seed))


def take(session: RatingSession) -> Pair:
    pair = session.next()
    assert pair is not None
    return pair


def test_answers_are_stored_as_they_were_shown(store: Store, autofail: AutoFail) -> None:
    fill(store, 8)
    session = start(store, autofail)
    pairs = [take(session) for _ in range(4)]
    for pair, answer in zip(pairs, ("left", "right", "tie", "skip"), strict=True):
        record = session.choose(pair, answer, 4.5)
        assert record is not None
        assert list_comparisons(store)[-1] == record
    records = list_comparisons(store, rater="me")
    assert [record.sample_ids for record in records] == [(pair.left.id, pair.right.id) for pair in pairs]
    assert [(record.outcome, record.best) for record in records] == [
        ("choice", 0),
        ("choice", 1),
        ("tie", None),
        ("skip", None),
    ]
    assert {record.origin for record in records} == {"human"}
    assert {record.seconds for record in records} == {4.5}
    assert {record.session for record in records} == {session.sitting}
    assert records[0].extra == {"pairing": "disjoint", "seed": 1}
    assert session.next() is not None


def test_sides_are_random_and_pairs_are_not(store: Store, autofail: AutoFail) -> None:
    fill(store, 120)
    orders = []
    for _ in range(2):
        session = RatingSession(store, autofail, Pairer(store, "me", seed=1), "me")
        orders.append([(pair.left.id, pair.right.id) for pair in (take(session) for _ in range(60))])
    assert orders[0] != orders[1]
    assert [set(order) for order in orders[0]] == [set(order) for order in orders[1]]
    swapped = sum(first != second for first, second in zip(*orders, strict=True))
    # 60 fair coins: outside 12 to 48 with a chance of 1e-6.
    assert 12 <= swapped <= 48


def test_broken_samples_decide_by_themselves(store: Store, autofail: AutoFail) -> None:
    ids = fill(store, 12, broken=8)
    session = start(store, autofail)
    shown: list[Pair] = []
    # One pass is 10 pairs; what is asked for within it is what auto-fail left over.
    while session.progress.remaining and (pair := session.next()) is not None:
        session.choose(pair, "left")
        shown.append(pair)
        if session.progress.automatic + len(shown) >= 10:
            break
    broken = set(ids[12:])
    assert all(not pair.key & broken for pair in shown)
    automatic = list_comparisons(store, origins=["autofail"])
    assert len(automatic) == session.progress.automatic >= 4
    for record in automatic:
        states = [id_ in broken for id_ in record.sample_ids]
        assert any(states)
        if all(states):
            assert record.outcome == "tie"
        else:
            assert record.best == states.index(False)
        assert record.rater is None
        assert record.session == session.sitting
    verdicts = {sample.id: sample.rule for sample in list_samples(store, verdict="broken")}
    assert set(verdicts.values()) == {"repetition"}


def test_an_answered_pair_is_not_answered_twice(store: Store, autofail: AutoFail) -> None:
    fill(store, 4)
    session = start(store, autofail)
    pair = take(session)
    assert session.choose(pair, "left") is not None
    assert session.choose(pair, "right") is None
    assert len(list_comparisons(store)) == 1


def test_undo_brings_the_pair_back_as_it_was_shown(store: Store, autofail: AutoFail) -> None:
    fill(store, 20)
    session = start(store, autofail)
    pairs = [take(session) for _ in range(4)]
    for pair in pairs[:2]:
        session.choose(pair, "left", 3.0)
    # The third is on the screen, the fourth is prefetched.
    undone = session.undo()
    assert undone is not None
    assert (undone.left.id, undone.right.id) == (pairs[1].left.id, pairs[1].right.id)
    assert session.progress.rated == 1
    again = session.undo()
    assert again is not None
    assert again.key == pairs[0].key
    assert session.undo() is None
    assert session.progress.rated == 0
    session.choose(again, "right")
    # Everything that was out comes again, nearest first, and nothing twice.
    assert [take(session).key for _ in range(3)] == [pair.key for pair in pairs[1:]]
    keys = [take(session).key for _ in range(6)]
    assert len({*keys, *(pair.key for pair in pairs)}) == 10
    stored = list_comparisons(store, include_undone=True)
    assert [record.undone for record in stored] == [True, True, False]


def test_undo_reaches_back_beyond_a_restart(tmp_path: Path, autofail: AutoFail) -> None:
    store = open_store(tmp_path / "a.db")
    fill(store, 6)
    session = start(store, autofail)
    pairs = [take(session) for _ in range(2)]
    session.choose(pairs[0], "left")
    session.choose(pairs[1], "skip")
    other = start(store, autofail, rater="other")
    other.choose(take(other), "left")
    session.close()
    store.close()

    store = open_store(tmp_path / "a.db")
    session = start(store, autofail, seed=2)
    undone = [session.undo(), session.undo()]
    assert [pair and pair.key for pair in undone] == [pairs[1].key, pairs[0].key]
    assert session.undo() is None
    assert [record.rater for record in list_comparisons(store)] == ["other"]
    store.close()


def test_undo_passes_over_automatic_verdicts(store: Store, autofail: AutoFail) -> None:
    fill(store, 2, broken=12)
    session = start(store, autofail, seed=4)
    pair = next((pair for pair in iter(session.next, None)), None)
    assert pair is not None
    session.choose(pair, "left")
    assert session.next() is None
    automatic = len(list_comparisons(store, origins=["autofail"]))
    undone = session.undo()
    assert undone is not None
    assert undone.key == pair.key
    assert len(list_comparisons(store, origins=["autofail"])) == automatic > 0


def test_a_skipped_pair_is_not_asked_again(store: Store, autofail: AutoFail) -> None:
    fill(store, 2)
    session = start(store, autofail)
    session.choose(take(session), "skip")
    assert session.next() is None
    assert start(store, autofail).next() is None
    assert session.progress.skipped == 1


def test_auto_rate_rest_decides_the_pass_and_asks_nothing(store: Store, autofail: AutoFail) -> None:
    ids = fill(store, 130, broken=70)
    session = start(store, autofail)
    first = take(session)
    done_before = session.progress.automatic
    seen: list[tuple[int, int]] = []
    recorded = session.auto_rate_rest(lambda done, total: seen.append((done, total)))
    automatic = list_comparisons(store, origins=["autofail"])
    broken = set(ids[130:])
    assert len(automatic) == recorded + done_before
    # Each of the 70 broken samples stands in exactly one pair of the pass.
    assert sum(len(broken & set(record.sample_ids)) for record in automatic) == 70
    assert list_comparisons(store, rater="me") == []
    assert seen[-1][0] == seen[-1][1] == 99 - done_before
    # The rest is still there for somebody who goes on.
    assert session.progress.remaining == 100 - len(automatic)
    keys = {first.key} | {take(session).key for _ in range(99 - len(automatic))}
    assert len(keys) == 100 - len(automatic)
    assert not any(key & broken for key in keys)


def test_auto_rating_that_is_broken_off_loses_no_pair(store: Store, autofail: AutoFail) -> None:
    fill(store, 150, broken=50)
    session = start(store, autofail)

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.auto_rate_rest(cancel)
    decided = len(list_comparisons(store))
    assert 0 < decided < 50
    assert session.progress.automatic == decided
    assert session.progress.remaining == 100 - decided
    session.auto_rate_rest()
    assert session.progress.remaining == 100 - session.progress.automatic


def test_progress(store: Store, autofail: AutoFail) -> None:
    fill(store, 12)
    session = start(store, autofail)
    empty = session.progress
    assert (empty.rated, empty.remaining, empty.median_seconds, empty.pace_per_hour) == (0, 6, None, None)
    for seconds, answer in ((10.0, "left"), (30.0, "tie"), (20.0, "right"), (1.0, "skip")):
        session.choose(take(session), answer, seconds)  # type: ignore[arg-type]
    progress = session.progress
    assert (progress.rated, progress.skipped, progress.remaining) == (3, 1, 2)
    assert progress.median_seconds == 20.0
    assert progress.pace_per_hour == 180.0


def test_a_sitting_begins_with_its_first_judgement(store: Store, autofail: AutoFail) -> None:
    from tuiprefs.rating.queries import list_sittings

    fill(store, 4)
    session = start(store, autofail)
    pair = take(session)
    assert list_sittings(store) == []
    session.choose(pair, "left")
    (sitting,) = list_sittings(store)
    assert (sitting.rater, sitting.kind, sitting.ended_at) == ("me", "rate", None)
    session.close()
    assert list_sittings(store)[0].ended_at is not None


def test_a_pair_survives_a_failing_compiler(
    store: Store, autofail: AutoFail, compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 4)
    session = start(store, autofail)

    def fail(abc: str) -> None:
        raise TuiprefsError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(compiler, "check", fail)
        with pytest.raises(TuiprefsError, match="full"):
            session.next()
        with pytest.raises(TuiprefsError, match="full"):
            session.auto_rate_rest()
    assert {take(session).key, take(session).key} == {take_.key for take_ in _pass_of(store)}


def _pass_of(store: Store) -> list[Pair]:
    pairer = Pairer(store, "me", seed=1)
    return [pair for pair in (pairer.next_pair(), pairer.next_pair()) if pair is not None]


def test_a_slow_compiler_does_not_hold_up_an_answer(
    store: Store, autofail: AutoFail, compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 6)
    session = start(store, autofail)
    shown = take(session)
    compiling, go_on = threading.Event(), threading.Event()
    check = compiler.check

    def slowly(abc: str) -> object:
        compiling.set()
        assert go_on.wait(20)
        return check(abc)

    monkeypatch.setattr(compiler, "check", slowly)
    ahead: list[Pair | None] = []
    thread = threading.Thread(target=lambda: ahead.append(session.next()))
    thread.start()
    assert compiling.wait(20)
    assert session.choose(shown, "left") is not None
    assert session.progress.rated == 1
    go_on.set()
    thread.join()
    assert ahead[0] is not None
    assert ahead[0].key != shown.key


def test_many_threads_ask_and_answer(store: Store, autofail: AutoFail) -> None:
    fill(store, 60, broken=20)
    session = start(store, autofail)
    answered: list[frozenset[int]] = []

    def rate() -> None:
        for _ in range(8):
            pair = session.next()
            if pair is not None and session.choose(pair, "left", 1.0) is not None:
                answered.append(pair.key)

    threads = [threading.Thread(target=rate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) == len(set(answered)) == 32
    assert session.progress.rated == len(list_comparisons(store, rater="me")) == 32
