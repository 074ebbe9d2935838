import subprocess
import sys

import pytest

from tuiprefs.store.comparisons import (
    NewComparison,
    add_comparison,
    add_comparisons,
    compared_pairs,
    comparison_counts,
    count_comparisons,
    list_comparisons,
    undo_last,
)
from tuiprefs.store.raters import end_session, ensure_rater, start_session
from tuiprefs.store.samples import NewSample, add_samples


@pytest.fixture
def ids(store):
    return add_samples(store, [NewSample(f"tune {i}", "model") for i in range(6)]).ids


def choice(ids, best=0, rater="ann", **more):
    return NewComparison(tuple(ids), "choice", best, "human", rater=rater, **more)


def test_a_comparison_comes_back_in_the_order_shown(store, ids):
    session = start_session(store, "ann")
    added = add_comparison(
        store, choice([ids[4], ids[1]], best=1, session=session, seconds=3.5, query="X:", extra={"note": "x"})
    )
    (back,) = list_comparisons(store)
    assert back == added
    assert back.sample_ids == (ids[4], ids[1])
    assert (back.best, back.seconds, back.query, back.rater, back.session) == (1, 3.5, "X:", "ann", session)
    assert back.extra == {"note": "x"}
    end_session(store, session)


def test_undo_takes_back_this_raters_newest_and_no_automatic_one(store, ids):
    add_comparison(store, choice(ids[:2]))
    add_comparison(store, choice(ids[2:4], rater="bob"))
    add_comparison(store, NewComparison(tuple(ids[4:6]), "choice", 0, "autofail", rater="ann"))
    undone = undo_last(store, rater="ann")
    assert undone is not None
    assert undone.sample_ids == tuple(ids[:2])
    assert undo_last(store, rater="ann") is None
    assert count_comparisons(store) == 2
    assert count_comparisons(store, include_undone=True) == 3
    assert [c.undone for c in list_comparisons(store, include_undone=True)] == [True, False, False]


def test_pairs_and_counts_leave_out_what_was_undone(store, ids):
    add_comparisons(
        store, [choice(ids[:2]), NewComparison(tuple(ids[1:3]), "skip", None, "human", rater="ann")]
    )
    add_comparison(store, NewComparison(tuple(ids[3:6]), "choice", 2, "simulated", rater="sim"))
    add_comparison(store, choice([ids[0], ids[5]]))
    undo_last(store, rater="ann")
    assert compared_pairs(store, "ann") == {frozenset(ids[:2]), frozenset(ids[1:3])}
    assert frozenset({ids[3], ids[5]}) in compared_pairs(store)
    assert comparison_counts(store) == {ids[0]: 1, ids[1]: 1, ids[3]: 1, ids[4]: 1, ids[5]: 1}


def test_filters_by_origin_rater_and_session(store, ids):
    session = start_session(store, "ann")
    add_comparison(store, choice(ids[:2], session=session))
    add_comparison(store, NewComparison(tuple(ids[2:4]), "tie", None, "autofail"))
    assert count_comparisons(store, origins=["autofail"]) == 1
    assert count_comparisons(store, rater="ann") == 1
    assert count_comparisons(store, session=session) == 1
    assert count_comparisons(store, rater="nobody") == 0


@pytest.mark.parametrize(
    ("ids_given", "outcome", "best"),
    [((1,), "tie", None), ((1, 2), "choice", None), ((1, 2), "tie", 0), ((1, 2), "choice", 2)],
)
def test_a_judgement_that_makes_no_sense_is_refused(ids_given, outcome, best):
    with pytest.raises(ValueError, match=r"comparison|choice|best"):
        NewComparison(ids_given, outcome, best, "human")


def test_a_rater_is_made_once(store):
    assert ensure_rater(store, "ann") == ensure_rater(store, "ann")


def test_a_committed_rating_survives_kill_9(store, ids):
    program = """
import os, signal, sys
from pathlib import Path
from tuiprefs.store.database import open_store
from tuiprefs.store.comparisons import NewComparison, add_comparison
store = open_store(Path(sys.argv[1]))
for best in (0, 1, 0):
    add_comparison(store, NewComparison((1, 2), "choice", best, "human", rater="ann"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    child = subprocess.run([sys.executable, "-c", program, str(store.path)], check=False)
    assert child.returncode == -9
    assert [c.best for c in list_comparisons(store)] == [0, 1, 0]


def test_writers_in_many_processes_wait_for_each_other(store, ids):
    program = """
import sys
from pathlib import Path
from tuiprefs.store.database import open_store
from tuiprefs.store.comparisons import NewComparison, add_comparison
store = open_store(Path(sys.argv[1]))
for _ in range(25):
    add_comparison(store, NewComparison((1, 2), "tie", None, "simulated", rater=sys.argv[2]))
"""
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(store.path), f"rater-{i}"]) for i in range(4)
    ]
    assert [child.wait(120) for child in children] == [0, 0, 0, 0]
    assert count_comparisons(store) == 100
    assert count_comparisons(store, rater="rater-2") == 25
