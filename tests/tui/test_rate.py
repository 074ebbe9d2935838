"""The Rate tab: a verdict is on disk before the screen moves, and no key is lost or counts twice."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager

import pytest
from textual.widgets import Static

from tests.tui.fakes import TUNES, add_tunes, fake_services, make_app, until
from tuiprefs.project.errors import TuiprefsError
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import count_comparisons, list_comparisons
from tuiprefs.store.samples import NewSample, add_samples
from tuiprefs.tui.rate import RatePane
from tuiprefs.tui.rate_messages import PairReady, Saved
from tuiprefs.tui.rate_view import Phase
from tuiprefs.tui.widgets.notice import Notice
from tuiprefs.tui.widgets.sample_text import SampleText
from tuiprefs.tui.widgets.sound_bar import SoundBar
from tuiprefs.tui.widgets.status_bar import StatusBar


@asynccontextmanager
async def rating(services, **options):
    """The app with a pair on the screen."""
    app = make_app(services)
    async with app.run_test(size=(80, 24), **options) as pilot:
        await judging(pilot)
        yield pilot


async def judging(pilot) -> None:
    await until(pilot, lambda: pane(pilot).phase is Phase.JUDGING, "a pair")


def pane(pilot) -> RatePane:
    return pilot.app.query_one(RatePane)


def shown(pilot) -> tuple[str, str]:
    left, right = pilot.app.query("RatePane SampleText").results(SampleText)
    return left.text, right.text


def notice(pilot) -> str:
    return pilot.app.query_one("#rate-notice", Notice).render().plain


def news(pilot) -> str:
    return pilot.app.query_one(StatusBar).news


def ids(pilot) -> tuple[int, int]:
    pair = pane(pilot).hearing.pair
    return pair.left.id, pair.right.id


async def press_and_wait(pilot, store, key: str) -> None:
    """Press a key and wait for its comparison and the next screen."""
    before = count_comparisons(store, include_undone=True)
    await pilot.press(key)
    await until(pilot, lambda: count_comparisons(store, include_undone=True) > before, "a comparison")
    await until(pilot, lambda: pane(pilot).phase is not Phase.SAVING, "the next screen")


@pytest.mark.parametrize(
    ("key", "outcome", "best"),
    [
        ("1", "choice", 0),
        ("2", "choice", 1),
        ("3", "tie", None),
        ("s", "skip", None),
        ("enter", "skip", None),
    ],
)
async def test_a_key_is_a_verdict(services, store, key, outcome, best):
    async with rating(services) as pilot:
        pair, texts = ids(pilot), shown(pilot)
        services.clock.now += 4.5
        await press_and_wait(pilot, store, key)
        assert ids(pilot) != pair
        assert shown(pilot) != texts
    (record,) = list_comparisons(store)
    assert (record.sample_ids, record.outcome, record.best) == (pair, outcome, best)
    assert (record.rater, record.origin, record.seconds) == ("me", "human", 4.5)


async def test_the_texts_are_those_of_the_pair(services, store):
    async with rating(services) as pilot:
        pair = pane(pilot).hearing.pair
        assert shown(pilot) == (pair.left.text, pair.right.text)


async def test_the_verdict_is_on_disk_before_the_screen_moves(services, store):
    counts: list[tuple[str, int]] = []

    def hook(message):
        if isinstance(message, Saved | PairReady):
            counts.append((type(message).__name__, count_comparisons(store)))

    async with rating(services, message_hook=hook) as pilot:
        await press_and_wait(pilot, store, "1")
        await press_and_wait(pilot, store, "2")
    first_seen = list(dict.fromkeys(counts))
    assert first_seen == [("PairReady", 0), ("Saved", 1), ("PairReady", 1), ("Saved", 2), ("PairReady", 2)]


class Gate:
    """Holds ``choose`` up until it is opened."""

    def __init__(self, monkeypatch):
        self.opened = threading.Event()
        self.entered = threading.Event()
        choose = RatingSession.choose

        def slow(session, *arguments):
            self.entered.set()
            assert self.opened.wait(10)
            return choose(session, *arguments)

        monkeypatch.setattr(RatingSession, "choose", slow)


async def test_the_screen_waits_for_a_slow_disk(services, store, monkeypatch):
    gate = Gate(monkeypatch)
    async with rating(services) as pilot:
        texts = shown(pilot)
        await pilot.press("1")
        await until(pilot, gate.entered.is_set)
        await pilot.pause(0.1)
        assert shown(pilot) == texts
        assert count_comparisons(store) == 0
        gate.opened.set()
        await judging(pilot)
        assert shown(pilot) != texts


async def test_keys_typed_while_saving_are_neither_lost_nor_doubled(services, store, monkeypatch):
    gate = Gate(monkeypatch)
    async with rating(services) as pilot:
        await pilot.press("1")
        await until(pilot, gate.entered.is_set)
        await pilot.press("2", "3")
        gate.opened.set()
        await until(pilot, lambda: count_comparisons(store) == 3, "three comparisons")
        await judging(pilot)
        await pilot.pause(0.1)
    records = list_comparisons(store)
    assert [(record.outcome, record.best) for record in records] == [
        ("choice", 0),
        ("choice", 1),
        ("tie", None),
    ]
    assert len({frozenset(record.sample_ids) for record in records}) == 3


async def test_an_undo_typed_while_saving_takes_that_verdict_back(services, store, monkeypatch):
    gate = Gate(monkeypatch)
    async with rating(services) as pilot:
        pair = ids(pilot)
        await pilot.press("1")
        await until(pilot, gate.entered.is_set)
        await pilot.press("u")
        gate.opened.set()
        await until(pilot, lambda: "Taken back" in news(pilot), "the undo")
        assert ids(pilot) == pair
    assert count_comparisons(store) == 0
    assert count_comparisons(store, include_undone=True) == 1


async def test_undo_shows_the_pair_again(services, store):
    async with rating(services) as pilot:
        pair, texts = ids(pilot), shown(pilot)
        await press_and_wait(pilot, store, "1")
        after = ids(pilot)
        await pilot.press("u")
        await until(pilot, lambda: shown(pilot) == texts, "the pair again")
        await press_and_wait(pilot, store, "2")
        assert ids(pilot) == after
    (record,) = list_comparisons(store)
    assert (record.sample_ids, record.best) == (pair, 1)


async def test_undo_without_a_verdict_says_so(services, store):
    async with rating(services) as pilot:
        await pilot.press("u")
        await until(pilot, lambda: news(pilot) == "There is no verdict to take back.")
        assert pane(pilot).phase is Phase.JUDGING
        await press_and_wait(pilot, store, "1")
    assert count_comparisons(store) == 1


async def test_a_disk_that_fails_keeps_the_pair_on_the_screen(services, store, monkeypatch):
    choose = RatingSession.choose
    failures = [TuiprefsError("the disk is full")]

    def failing(session, *arguments):
        if failures:
            raise failures.pop()
        return choose(session, *arguments)

    monkeypatch.setattr(RatingSession, "choose", failing)
    async with rating(services) as pilot:
        pair = ids(pilot)
        await pilot.press("1")
        await until(pilot, lambda: len(pilot.app._notifications) == 1, "a notification")
        assert "the disk is full" in next(iter(pilot.app._notifications)).message
        await judging(pilot)
        assert ids(pilot) == pair
        await press_and_wait(pilot, store, "2")
    (record,) = list_comparisons(store)
    assert (record.sample_ids, record.best) == (pair, 1)


async def test_leaving_and_going_on(services, store):
    async with rating(services) as pilot:
        await press_and_wait(pilot, store, "1")
        await pilot.press("x")
        await until(pilot, lambda: "Session left" in notice(pilot))
        assert "1 rated" in notice(pilot)
        await pilot.press("1", "2")
        await pilot.pause(0.1)
        assert count_comparisons(store) == 1
        await pilot.press("enter")
        await judging(pilot)
        await press_and_wait(pilot, store, "3")
    records = list_comparisons(store)
    assert [record.outcome for record in records] == ["choice", "tie"]
    assert records[0].session != records[1].session


async def test_undo_works_after_leaving(services, store):
    async with rating(services) as pilot:
        pair = ids(pilot)
        await press_and_wait(pilot, store, "1")
        await pilot.press("x")
        await until(pilot, lambda: pane(pilot).phase is Phase.ENDED)
        await pilot.press("u")
        await judging(pilot)
        assert ids(pilot) == pair
    assert count_comparisons(store) == 0


async def test_auto_rating_asks_first_and_decides_the_broken_ones(project, store):
    add_tunes(store, 4)
    broken = "X:1\nK:D\n|:dAFDFA|@@@ dedcBA|dcdefg|fedcBA|{0}dAFDFA|dedcBA|dcdefg|]"
    add_samples(store, [NewSample(broken.format("A" * i), "model", query="X:1\n") for i in range(4)])
    services = fake_services(project, store)
    async with rating(services) as pilot:
        await pilot.press("r")
        await pilot.pause()
        await pilot.press("n")
        await pilot.pause()
        assert pane(pilot).phase is Phase.JUDGING
        await pilot.press("r")
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, lambda: "Auto-fail has decided" in notice(pilot))
        automatic = list_comparisons(store, origins=["autofail"])
        assert all(any(id_ > 4 for id_ in record.sample_ids) for record in automatic)
        assert count_comparisons(store, origins=["human"]) == 0
        pair = ids(pilot)
        await pilot.press("enter")
        await judging(pilot)
        assert ids(pilot) == pair


async def test_broken_samples_never_reach_the_screen(project, store):
    add_tunes(store, 4)
    add_samples(
        store,
        [
            NewSample(f"X:1\nK:D\n@@@ dAFDFA|dedcBA|dcdefg|{'A' * i}|]", "model", query="X:1\n")
            for i in range(6)
        ],
    )
    services = fake_services(project, store)
    async with rating(services) as pilot:
        for _ in range(2):
            assert "@@@" not in "".join(shown(pilot))
            await press_and_wait(pilot, store, "1")
    assert count_comparisons(store, origins=["autofail"]) > 0


async def test_where_all_are_broken_not_every_pair_is_gone_through(project, store):
    texts = [f"X:1\nK:D\n@@@ dAFDFA|dedcBA|dcdefg|{'A' * (i % 9)}{'B' * (i // 9)}|]" for i in range(60)]
    add_samples(store, [NewSample(text, "model", query="X:1\n") for text in texts])
    app = make_app(fake_services(project, store))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "60 of 60 are broken" in notice(pilot))
        await pilot.pause(2.5)
        # Two passes of 30 pairs at most, of 1,770 pairs that there are; and tunes that come later are shown.
        assert 0 < count_comparisons(store, origins=["autofail"]) <= 60
        add_tunes(store, 4)
        await judging(pilot)


async def test_sound_left_then_right_and_the_keys_for_it(services, store):
    async with rating(services) as pilot:
        left, right = pilot.app.query("RatePane SoundBar").results(SoundBar)
        await until(pilot, lambda: left.position == 0.0)
        services.clock.now = 9.0
        await until(pilot, lambda: left.position == 9.0)
        assert right.position is None
        assert pilot.app.query_one("#left").has_class("-sounding")
        services.clock.now = 10.0
        await until(pilot, lambda: right.position == 0.0)
        assert left.position is None
        await pilot.press("left")
        assert (left.position, right.position) == (0.0, None)
        await pilot.press("space")
        assert not services.player.playing
        assert (left.position, right.position) == (None, None)
        await pilot.press("right")
        assert right.position == 0.0
        await pilot.press("1")
        await judging(pilot)
        await until(pilot, lambda: left.position == 0.0)


async def test_no_sound_while_another_tab_is_open(services, store):
    app = make_app(services, "samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await judging(pilot)
        await pilot.pause(0.2)
        assert not services.player.playing


async def test_a_pair_that_came_unseen_sounds_when_the_tab_is_opened_and_stops_when_it_is_left(services):
    app = make_app(services, "train")
    async with app.run_test(size=(80, 24)) as pilot:
        await judging(pilot)
        await pilot.press("f2")
        await until(pilot, lambda: services.player.playing)
        services.clock.now = 2.0
        await pilot.press("f4")
        assert not services.player.playing
        await pilot.press("f2")
        await pilot.pause(0.2)
        assert not services.player.playing


async def test_a_session_that_cannot_begin_says_why_and_can_be_tried_again(services, store):
    player = services.make_player(services.settings)
    services.make_player = lambda _settings: (_ for _ in ()).throw(TuiprefsError("the device is on fire"))
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "the device is on fire" in notice(pilot))
        services.make_player = lambda _settings: player
        await pilot.press("enter")
        await judging(pilot)


async def test_the_player_is_closed_with_the_app(services, store):
    async with rating(services) as pilot:
        player = services.player
        await pilot.press("q")
    assert player.closed
    assert pilot.app.return_code == 0


async def test_the_status_bar_names_the_player(services, store):
    async with rating(services) as pilot:
        assert pilot.app.query_one(StatusBar).sound == "sound: fake"


async def test_waiting_for_the_first_tunes_and_starting_by_itself(project, store):
    services = fake_services(project, store)
    app = make_app(services)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "There are no samples to compare yet" in notice(pilot))
        add_samples(store, [NewSample(text, "model", query="X:1\n") for text in TUNES[:2]])
        await judging(pilot)
        assert sorted(shown(pilot)) == sorted(TUNES[:2])


async def test_after_the_last_pair_it_waits_for_more(project, store):
    add_tunes(store, 2)
    services = fake_services(project, store)
    async with rating(services) as pilot:
        await pilot.press("1")
        await until(pilot, lambda: "Every pair has been judged" in notice(pilot))
        add_samples(store, [NewSample(TUNES[5], "model", query="X:1\n")])
        await judging(pilot)
        assert TUNES[5] in shown(pilot)


async def test_texts_have_no_sound_anywhere(poems):
    app = make_app(poems)
    async with app.run_test(size=(80, 24)) as pilot:
        await judging(pilot)
        assert not app.query(SoundBar)
        assert poems.player is None
        await pilot.press("left", "right", "space")
        await press_and_wait(pilot, poems.store, "1")
        assert poems.player is None
    assert count_comparisons(poems.store) == 1


async def test_the_progress_line_counts(services, store):
    async with rating(services) as pilot:
        services.clock.now += 18.0
        await press_and_wait(pilot, store, "1")
        await press_and_wait(pilot, store, "s")
        line = str(pilot.app.query_one("#rate-progress", Static).render())
        assert "1 rated · 1 skipped · 200 an hour · 2 left" in line


async def test_keys_for_rating_do_not_leak_into_a_search(services, store):
    async with rating(services) as pilot:
        await pilot.press("f4")
        await pilot.press("slash")
        await pilot.press(*"123suxr")
        assert pilot.app.query_one("#search").value == "123suxr"
        await pilot.press("escape", "f2")
        assert pane(pilot).phase is Phase.JUDGING
    assert count_comparisons(store) == 0


async def test_long_texts_scroll_with_the_arrows(project, store):
    tune = "X:1\nL:1/8\nK:D\n" + "\n".join(
        f"|:{a}{b}{c}2 {b}{c}{a}2|" for a in "ABcd" for b in "efg" for c in "DEFG"
    )
    add_samples(store, [NewSample(f"{tune}\nd{i}|]", "model") for i in range(2)])
    async with rating(fake_services(project, store)) as pilot:
        scroll = pilot.app.query_one("#left VerticalScroll")
        await pilot.press("down")
        await until(pilot, lambda: scroll.scroll_y == 3)
        await pilot.press("up")
        await until(pilot, lambda: scroll.scroll_y == 0)
