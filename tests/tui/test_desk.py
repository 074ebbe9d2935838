"""Pairs made ready ahead of time: none twice, none lost, undo included."""

from __future__ import annotations

import random
import threading

import pytest

from tests.tui.fakes import fake_services
from tuiprefs.rating.pairing import Pairer
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import compared_pairs, count_comparisons, list_comparisons
from tuiprefs.store.samples import NewSample, add_samples
from tuiprefs.tui.desk import Desk
from tuiprefs.tui.services import Clip

LETTERS = "ABcdefg"


@pytest.fixture
def desk(services):
    session = RatingSession(
        services.store, services.autofail, Pairer(services.store, "me"), "me", sides=random.Random(1)
    )
    return Desk(session, lambda text: services.clip(text, 10.0), ahead=2)


def test_every_pair_of_a_pass_comes_once(desk):
    seen = []
    for _ in range(4):
        hearing = desk.take()
        desk.fill()
        seen += [hearing.pair.left.id, hearing.pair.right.id]
        assert desk.choose(hearing, "left", 1.0)
    assert sorted(seen) == list(range(1, 9))


def test_clips_are_as_long_as_set(desk):
    left, right = desk.take().clips()
    assert (left.seconds, right.seconds) == (10.0, 10.0)


def test_what_is_made_ready_is_not_rendered_again(desk, services):
    desk.fill()
    before = len(services.renderer.rendered)
    desk.take()
    assert before == 4
    assert len(services.renderer.rendered) == before


def test_undo_brings_the_pair_back_and_then_the_one_after_it(desk):
    first = desk.take()
    desk.fill()
    desk.choose(first, "left", 1.0)
    second = desk.take()
    desk.fill()
    again = desk.undo()
    assert again.pair.key == first.pair.key
    assert desk.choose(again, "right", 1.0)
    assert desk.take().pair.key == second.pair.key


def test_undo_while_pairs_are_being_made_ready_neither_loses_nor_doubles_one(desk, store):
    add_samples(
        store,
        [
            NewSample(
                f"X:1\nL:1/8\nK:D\n|:dAFDFA|dedcBA|d{LETTERS[i % 7]}{LETTERS[i // 7]}efg|fedcBA|dcdcdc|]",
                "model",
                query="X:1\n",
            )
            for i in range(40)
        ],
    )
    filling = threading.Event()

    def keep_filling() -> None:
        while not filling.is_set():
            desk.fill()

    thread = threading.Thread(target=keep_filling)
    thread.start()
    try:
        chance = random.Random(3)
        for _ in range(60):
            hearing = desk.take()
            desk.choose(hearing, chance.choice(["left", "right", "tie"]), 1.0)
            if chance.random() < 0.4:
                again = desk.undo()
                assert again.pair.key == hearing.pair.key
                desk.choose(again, "skip", 1.0)
    finally:
        filling.set()
        thread.join()
    standing = list_comparisons(store)
    assert len(standing) == 60
    assert len(compared_pairs(store, "me")) == 60


def test_a_second_answer_to_a_pair_is_none(desk, store):
    hearing = desk.take()
    assert desk.choose(hearing, "left", 1.0)
    assert not desk.choose(hearing, "right", 1.0)
    assert count_comparisons(store) == 1


def test_a_tune_without_sound_says_why(project, store):
    services = fake_services(project, store)
    assert services.clip("@@@") == Clip(None, 0.0, "no sound: compile failed")
