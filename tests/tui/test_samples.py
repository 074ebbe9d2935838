"""The Samples tab: filters, pages, the selected sample, its sound and its files."""

from __future__ import annotations

import pytest
from textual.widgets import DataTable, Static

from tests.tui.fakes import TUNES, add_tunes, fake_services, make_app, until
from tuiprefs import domains
from tuiprefs.store.samples import NewSample, add_samples, set_verdict
from tuiprefs.store.scores import save_scores
from tuiprefs.tui.dialogs import TextScreen
from tuiprefs.tui.sample_page import (
    PAGE_SIZE,
    SampleFilter,
    next_filter,
    read_page,
    repetition,
    title,
)
from tuiprefs.tui.samples import SamplesPane
from tuiprefs.tui.widgets.sample_text import SampleText
from tuiprefs.tui.widgets.sound_bar import SoundBar

ABC, TEXT = domains.get("abc"), domains.get("text")
RUN = "20251122-190000-sample-77aa"


@pytest.fixture
def mixed(project, store):
    """Three tunes of a run (one of them broken), two of the corpus.

    Only a corpus tune is unchecked: the session in the Rate tab checks all that it would show.
    """
    texts = iter(TUNES)
    add_samples(store, [NewSample(next(texts), "corpus") for _ in range(2)])
    add_samples(store, [NewSample(next(texts), "model", model="starter", run=RUN) for _ in range(3)])
    for id_ in (1, 3, 5):
        set_verdict(store, id_, "ok")
    set_verdict(store, 4, "broken", "too-short", "2.00 s of sound, less than 5.57 s")
    save_scores(store, "20251122-200000-reward-1a2b", [(3, 1.25), (5, -0.5)])
    return fake_services(project, store)


def table(pilot) -> DataTable:
    return pilot.app.query_one("#samples-table", DataTable)


def rows(pilot) -> list[list[str]]:
    found = table(pilot)
    return [[str(cell).strip() for cell in found.get_row(key)] for key in found.rows]


def ids(pilot) -> list[int]:
    return [int(row[0]) for row in rows(pilot)]


def filters(pilot) -> str:
    return str(pilot.app.query_one("#sample-filters", Static).render())


async def test_newest_first_with_verdict_model_score_and_repetition(mixed):
    async with make_app(mixed, "samples").run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        assert ids(pilot) == [5, 4, 3, 2, 1]
        shown = rows(pilot)
        assert [row[1] for row in shown] == ["ok", "too-short", "ok", "unchecked", "ok"]
        assert [row[2] for row in shown] == ["starter"] * 3 + ["corpus"] * 2
        assert [row[3] for row in shown] == ["-0.500", "–", "1.25", "–", "–"]
        assert shown[-1][4] == f"{repetition(TUNES[0], ABC):.0%}"
        assert shown[-1][5].startswith("|:dAFDFA")
        assert filters(pilot) == "source all   run all   verdict all   5 samples"


async def test_the_cursor_chooses_the_text(mixed):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        text = pilot.app.query_one("#sample SampleText", SampleText)
        await until(pilot, lambda: text.text == TUNES[4])
        await pilot.press("down")
        assert text.text == TUNES[3]
        detail = str(pilot.app.query_one("#sample-detail", Static).render())
        assert "✗ too-short: 2.00 s of sound, less than 5.57 s" in detail


async def test_filters_turn_through_their_values(mixed):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        for key, expected in (("f", [2, 1]), ("f", [5, 4, 3]), ("f", [5, 4, 3, 2, 1]), ("n", [5, 4, 3])):
            await pilot.press(key)
            await until(pilot, lambda expected=expected: ids(pilot) == expected, f"{key} {expected}")
        await pilot.press("v", "v")
        await until(pilot, lambda: ids(pilot) == [4])
        assert filters(pilot) == f"source all   run {RUN}   verdict broken   1 sample"
        await pilot.press("c")
        await until(pilot, lambda: ids(pilot) == [5, 4, 3, 2, 1])


async def test_nothing_passes(mixed):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("f", "v", "v")
        await until(pilot, lambda: ids(pilot) == [])
        assert "No sample passes" in str(pilot.app.query_one("#sample-detail", Static).render())
        await pilot.press("space", "o")
        await pilot.pause()


async def test_search_finds_a_text_and_escape_drops_it(mixed):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("slash", *"c2ecB2")
        await until(pilot, lambda: ids(pilot) == [2])
        await pilot.press("enter")
        assert table(pilot).has_focus
        await pilot.press("slash", "escape")
        await until(pilot, lambda: ids(pilot) == [5, 4, 3, 2, 1])


async def test_pages_are_read_as_the_cursor_comes_near(project, store):
    count = 2 * PAGE_SIZE + 50
    add_samples(store, [NewSample(f"X:{i}\nK:D\n|:dAF|", "corpus") for i in range(count)])
    async with make_app(fake_services(project, store), "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == PAGE_SIZE)
        assert f"{count:,} samples" in filters(pilot)
        await pilot.press("end")
        await until(pilot, lambda: table(pilot).row_count == 2 * PAGE_SIZE)
        await pilot.press("end")
        await until(pilot, lambda: table(pilot).row_count == count)
        assert ids(pilot) == list(range(count, 0, -1))


async def test_new_samples_appear_by_themselves(mixed, store):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        add_samples(store, [NewSample(TUNES[6], "model")])
        await until(pilot, lambda: ids(pilot)[:1] == [6], "the new sample")


async def test_space_plays_and_stops_and_another_row_is_silent(mixed):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        bar = pilot.app.query_one("#sample SoundBar", SoundBar)
        await pilot.press("space")
        await until(pilot, lambda: bar.position == 0.0)
        assert bar.total == 30.0
        mixed.clock.now += 12.5
        await until(pilot, lambda: bar.position == 12.5)
        await pilot.press("space")
        assert bar.position is None
        assert not mixed.player.playing
        await pilot.press("space")
        await until(pilot, lambda: bar.position == 0.0)
        await pilot.press("down")
        await until(pilot, lambda: not mixed.player.playing)


async def test_a_sample_without_sound_says_why(project, store):
    add_samples(store, [NewSample("@@@", "import")])
    async with make_app(fake_services(project, store), "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 1)
        await pilot.press("space")
        bar = pilot.app.query_one("#sample SoundBar", SoundBar)
        await until(pilot, lambda: bar.note == "no sound: compile failed")


async def test_files_are_shown_and_copied_without_a_desktop(mixed):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextScreen))
        text = pilot.app.screen.text.plain
        for name in ("tune.abc", "tune.mid", "tune.wav"):
            assert name in text
        assert pilot.app.clipboard.endswith("tune.wav")


async def test_files_of_a_text(poems):
    async with make_app(poems, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 4)
        await pilot.press("space", "o")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextScreen))
        path = poems.project.cache_dir / "texts" / "4.txt"
        assert path.read_text().startswith("The tide has nothing left to say")


@pytest.mark.parametrize(
    ("domain", "text", "expected"),
    [
        (ABC, "X:1\nT:The Rakes\nK:G\n|:GAB|", "The Rakes"),
        (ABC, "X:1\nK:G\n|:GAB|\ncde|", "|:GAB|"),
        (ABC, "X:1\n", ""),
        (TEXT, "\n\n A rose\nis", "A rose"),
        (TEXT, "", ""),
    ],
)
def test_titles(domain, text, expected):
    assert title(text, domain) == expected


def test_repetition_is_what_zlib_saves():
    import zlib

    body = "|:" + "dAFDFA|" * 40
    assert repetition(f"X:1\nK:D\n{body}", ABC) == 1 - len(zlib.compress(body.encode(), 9)) / len(body)
    assert repetition("", TEXT) == 0.0
    assert repetition("abcdefg", TEXT) == 0.0


def test_a_filter_whose_value_is_gone_begins_anew():
    assert next_filter(SampleFilter(run="gone"), "run", ["a", "b"]).run == "a"
    assert next_filter(SampleFilter(run="b"), "run", ["a", "b"]).run is None
    assert next_filter(SampleFilter(), "run", []).run is None


def test_a_page_beyond_the_end_is_empty(project, store):
    add_tunes(store, 3)
    page = read_page(store, ABC, SampleFilter(), 100)
    assert (page.rows, page.total) == ([], 3)


async def test_the_pane_keeps_its_filter_when_another_tab_is_opened(mixed):
    async with make_app(mixed, "samples").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: table(pilot).row_count == 5)
        await pilot.press("f")
        await until(pilot, lambda: ids(pilot) == [2, 1])
        await pilot.press("f3", "f4")
        await pilot.pause(0.1)
        assert pilot.app.query_one(SamplesPane).filter.source == "corpus"
        assert ids(pilot) == [2, 1]
