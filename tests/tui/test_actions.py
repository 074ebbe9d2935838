"""The registry: every action exists, no key means two things, and the docs page is made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuiprefs.tui.actions import ACTIONS, SCOPE_TITLES, actions_of, keys_page
from tuiprefs.tui.app import TuiprefsApp
from tuiprefs.tui.rate import RatePane
from tuiprefs.tui.samples import SamplesPane
from tuiprefs.tui.train import TrainPane

OWNERS = {"app": TuiprefsApp, "rate": RatePane, "train": TrainPane, "samples": SamplesPane}


def test_ids_are_unique():
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_a_method(action):
    name = action.method.partition("(")[0]
    assert callable(getattr(OWNERS[action.scope], f"action_{name}", None))


@pytest.mark.parametrize("scope", SCOPE_TITLES)
def test_no_key_means_two_things(scope):
    keys = [key for action in (*actions_of(scope), *actions_of("app")) for key in action.keys]
    if scope != "app":
        # Enter passes over a pair while there is one, and goes on when there is none.
        doubles = {"enter"} if scope == "rate" else set()
        assert {key for key in keys if keys.count(key) > 1} <= doubles


def test_the_essays_keys_are_kept():
    keys = {key: action.id for action in actions_of("rate") for key in action.keys}
    assert keys["1"] == "rate.choose.left"
    assert keys["2"] == "rate.choose.right"
    assert keys["3"] == "rate.choose.tie"
    assert keys["r"] == "rate.auto_rate"
    assert keys["x"] == "rate.leave"


def test_the_docs_page_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "keys.md"
    assert page.read_text(encoding="utf-8") == keys_page(), "make it anew: python tools/keys_page.py"
