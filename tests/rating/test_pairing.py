from __future__ import annotations

import random
import threading
from collections import Counter
from itertools import combinations

import pytest

from tests.rating.helpers import fill, make_tune
from tuiprefs.rating.pairing import Pair, Pairer, PairFilters, Strategy
from tuiprefs.store.comparisons import NewComparison, Origin, add_comparison, undo_last
from tuiprefs.store.database import Store
from tuiprefs.store.samples import NewSample, add_samples

BOTH: tuple[Strategy, ...] = ("disjoint", "random")


def judge(store: Store, *ids: int, rater: str | None = "me", origin: Origin = "human") -> None:
    add_comparison(store, NewComparison(ids, "tie", None, origin, rater))


def take(pairer: Pairer, count: int) -> list[Pair]:
    pairs = [pairer.next_pair() for _ in range(count)]
    return [pair for pair in pairs if pair is not None]


def keys(pairs: list[Pair]) -> list[frozenset[int]]:
    return [pair.key for pair in pairs]


def test_a_pass_uses_every_sample_once(store: Store) -> None:
    ids = fill(store, 40)
    pairer = Pairer(store, "me", seed=1)
    assert pairer.remaining == 20
    first = take(pairer, 20)
    assert pairer.remaining == 0
    assert sorted(id_ for pair in first for id_ in pair.key) == ids
    second = take(pairer, 20)
    assert sorted(id_ for pair in second for id_ in pair.key) == ids
    assert not set(keys(first)) & set(keys(second))


def test_number_i_stands_against_number_half_plus_i(store: Store) -> None:
    """The essay's halves: the pool is shuffled, and its two halves are walked side by side."""
    ids = fill(store, 10)
    random.Random(5).shuffle(ids)
    pairs = take(Pairer(store, "me", seed=5), 5)
    assert [(pair.left.id, pair.right.id) for pair in pairs] == list(zip(ids[:5], ids[5:], strict=True))


@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize("count", [2, 3, 7, 8])
def test_in_the_end_every_pair_was_there_once(store: Store, strategy: Strategy, count: int) -> None:
    ids = fill(store, count)
    pairer = Pairer(store, "me", strategy, seed=3)
    pairs = take(pairer, 100)
    assert sorted(map(sorted, keys(pairs))) == sorted(map(list, combinations(ids, 2)))
    assert pairer.next_pair() is None


def test_an_odd_sample_gets_its_turn(store: Store) -> None:
    """Of 21 samples 20 make the first ten pairs; the 21st comes next, and 21 pairs use all of them twice."""
    ids = fill(store, 21)
    pairs = take(Pairer(store, "me", seed=2), 21)
    (odd,) = set(ids) - {id_ for pair in pairs[:10] for id_ in pair.key}
    assert odd in pairs[10].key
    assert Counter(id_ for pair in pairs for id_ in pair.key) == dict.fromkeys(ids, 2)


@pytest.mark.parametrize("strategy", BOTH)
def test_the_seed_decides(store: Store, strategy: Strategy) -> None:
    fill(store, 30)
    same = [keys(take(Pairer(store, "me", strategy, seed=7), 25)) for _ in range(2)]
    other = keys(take(Pairer(store, "me", strategy, seed=8), 25))
    assert same[0] == same[1]
    assert same[0] != other


@pytest.mark.parametrize("strategy", BOTH)
def test_what_was_judged_does_not_come_again(store: Store, strategy: Strategy) -> None:
    a, b, c = fill(store, 3)
    judge(store, a, b)
    judge(store, b, c, rater="other")
    pairs = keys(take(Pairer(store, "me", strategy), 10))
    assert sorted(map(sorted, pairs)) == [[a, c], [b, c]]


def test_what_nobody_had_to_judge_is_settled_for_everybody(store: Store) -> None:
    a, b, c = fill(store, 3)
    judge(store, a, b, rater=None, origin="autofail")
    judge(store, b, c, rater=None, origin="imported")
    assert keys(take(Pairer(store, "me"), 10)) == [frozenset((a, c))]


def test_an_undone_pair_comes_again(store: Store) -> None:
    a, b = fill(store, 2)
    judge(store, a, b)
    assert Pairer(store, "me").next_pair() is None
    undo_last(store, rater="me")
    assert keys(take(Pairer(store, "me"), 5)) == [frozenset((a, b))]


def test_a_comparison_of_four_settles_its_six_pairs(store: Store) -> None:
    ids = fill(store, 4)
    judge(store, *ids)
    assert Pairer(store, "me").next_pair() is None


@pytest.mark.parametrize("strategy", BOTH)
def test_the_least_compared_come_first_after_a_restart(store: Store, strategy: Strategy) -> None:
    ids = fill(store, 20)
    for a, b in zip(ids[:5], ids[5:10], strict=True):
        judge(store, a, b)
    firsts = take(Pairer(store, "me", strategy, seed=1), 5)
    fresh = [sum(id_ in ids[10:] for id_ in pair.key) for pair in firsts]
    assert fresh == [2] * 5 if strategy == "disjoint" else min(fresh) >= 1


def test_new_samples_are_taken_up_and_come_first(store: Store) -> None:
    old = fill(store, 8)
    pairer = Pairer(store, "me", seed=1)
    first = take(pairer, 4)
    take(pairer, 1)
    new = fill(store, 4, start=100)
    later = take(pairer, 2)
    assert {id_ for pair in first for id_ in pair.key} == set(old)
    assert {id_ for pair in later for id_ in pair.key} == set(new)


def test_new_samples_join_a_pass_that_has_begun(store: Store) -> None:
    fill(store, 8)
    pairer = Pairer(store, "me", seed=1)
    pairs = take(pairer, 2)
    fill(store, 4, start=100)
    pairs += take(pairer, 4)
    assert pairer.remaining == 0
    assert len({id_ for pair in pairs for id_ in pair.key}) == 12


def test_only_samples_of_one_query_meet(store: Store) -> None:
    texts = [make_tune(number) for number in range(12)]
    added = add_samples(
        store, [NewSample(text, "model", query="ab"[number % 2]) for number, text in enumerate(texts)]
    )
    pairs = take(Pairer(store, "me", seed=1), 6)
    assert {pair.left.query for pair in pairs} == {"a", "b"}
    assert all(pair.left.query == pair.right.query for pair in pairs)
    assert sorted(id_ for pair in pairs for id_ in pair.key) == sorted(added.ids)


def test_a_sample_alone_with_its_query_is_no_trap(store: Store) -> None:
    add_samples(store, [NewSample(make_tune(99), "model", query="alone")])
    a, b = fill(store, 2)
    assert keys(take(Pairer(store, "me"), 5)) == [frozenset((a, b))]


def test_filters(store: Store) -> None:
    corpus = fill(store, 2, start=0, source="corpus")
    imported = fill(store, 2, start=10, source="import")
    own = add_samples(
        store,
        [NewSample(make_tune(20 + number), "model", model="new", run="r") for number in range(2)],
    ).ids

    def used(filters: PairFilters | None) -> set[int]:
        return {id_ for pair in take(Pairer(store, "me", filters=filters), 50) for id_ in pair.key}

    assert used(None) == {*imported, *own}
    assert used(PairFilters(corpus=True)) == {*corpus, *imported, *own}
    assert used(PairFilters(source="corpus")) == set(corpus)
    assert used(PairFilters(source="import")) == set(imported)
    assert used(PairFilters(run="r")) == used(PairFilters(model="new")) == set(own)


def test_nothing_to_compare(store: Store) -> None:
    assert Pairer(store, "me").next_pair() is None
    fill(store, 1)
    pairer = Pairer(store, "me")
    assert pairer.next_pair() is None
    assert pairer.remaining == 0
    fill(store, 1, start=50)
    assert pairer.next_pair() is not None


def test_threads_get_different_pairs(store: Store) -> None:
    fill(store, 60)
    pairer = Pairer(store, "me")
    found: list[Pair] = []
    threads = [threading.Thread(target=lambda: found.extend(take(pairer, 10))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys(found))) == 30
