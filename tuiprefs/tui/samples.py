"""The Samples tab: all samples by filters, the text and sound of one, and its files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from tuiprefs.tui.actions import bindings
from tuiprefs.tui.dialogs import TextScreen
from tuiprefs.tui.jobs import job
from tuiprefs.tui.messages import Said
from tuiprefs.tui.open_files import SampleFiles, open_with_desktop, sample_files
from tuiprefs.tui.sample_page import (
    PAGE_SIZE,
    VERDICTS,
    FilterName,
    SampleFilter,
    SamplePage,
    SampleRow,
    next_filter,
    read_page,
)
from tuiprefs.tui.samples_text import detail_line, filter_line, row_cells
from tuiprefs.tui.services import Clip, Services
from tuiprefs.tui.widgets.row_table import RowTable
from tuiprefs.tui.widgets.sample_text import SampleText
from tuiprefs.tui.widgets.sound_bar import SoundBar

COLUMNS = (("    id", 6), ("verdict", 16), ("source", 11), (" score", 6), ("repeats", 7), ("first line", 60))
TICK_SECONDS = 0.1
REFRESH_SECONDS = 3.0
AHEAD = PAGE_SIZE // 4
"""The next page is read when the cursor comes this near to the end."""
SEARCH_DELAY_SECONDS = 0.25

if TYPE_CHECKING:
    from tuiprefs.music.player import Player


@dataclass
class PageRead(Message):
    """A page of samples is there."""

    page: SamplePage


@dataclass
class SoundReady(Message):
    """A sample's sound is there."""

    sample: int
    clip: Clip
    player: Player


@dataclass
class FilesReady(Message):
    """A sample's files are on disk."""

    files: SampleFiles
    opened: bool


class SamplesPane(Vertical):
    """Every sample of the project."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("samples")]

    def __init__(self, services: Services, *, id: str) -> None:
        super().__init__(id=id)
        self.services = services
        """The project and what works on it."""
        self.filter = SampleFilter()
        """Which samples are shown."""
        self.page: SamplePage | None = None
        """What was read last."""
        self.rows: dict[int, SampleRow] = {}
        """All rows in the table, by the sample's id."""
        self._reading = False
        self._sounding: int | None = None

    def compose(self) -> ComposeResult:
        """Filters above the table, the selected sample below or beside it."""
        music = self.services.domain.has_sound
        yield Static("", id="sample-filters")
        yield Input(placeholder="text to find; enter keeps it, escape drops it", compact=True, id="search")
        with Horizontal(id="samples-body"):
            table = RowTable(id="samples-table")
            for label, width in COLUMNS:
                table.add_column(label, width=width, key=label)
            yield table
            with Vertical(id="sample"):
                yield Static("", id="sample-detail")
                with VerticalScroll(can_focus=False):
                    yield SampleText(music=music)
                if music:
                    yield SoundBar()

    def on_mount(self) -> None:
        """Look now and then whether samples have come."""
        self.set_interval(TICK_SECONDS, self._tick)
        self.set_interval(REFRESH_SECONDS, self._refresh_if_shown)

    def activate(self) -> None:
        """The tab was opened: take the keyboard, and read anew."""
        self.query_one("#samples-table", RowTable).focus()
        self._read(0)

    def deactivate(self) -> None:
        """Another tab is opened: be silent."""
        self._silence()

    # -- reading pages

    def _read(self, offset: int) -> None:
        self._reading = True
        self._read_page(self.filter, offset)

    @job("samples")
    def _read_page(self, wanted: SampleFilter, offset: int) -> None:
        self.post_message(PageRead(read_page(self.services.store, self.services.domain, wanted, offset)))

    def _refresh_if_shown(self) -> None:
        """Read the first page again where the cursor stands at its top; elsewhere rows would jump."""
        table = self.query_one("#samples-table", RowTable)
        if self.display and not self._reading and table.cursor_row <= 0:
            self._read(0)

    @on(PageRead)
    def _show_page(self, message: PageRead) -> None:
        message.stop()
        page = message.page
        if page.filter != self.filter:
            return
        self._reading = False
        same_filter = self.page is not None and self.page.filter == page.filter
        self.page = page
        if page.offset == 0 and not (same_filter and self._begins_with(page)):
            self.query_one("#samples-table", RowTable).clear()
            self.rows = {}
        table = self.query_one("#samples-table", RowTable)
        for row in page.rows:
            # New samples shift the pages while one scrolls, so a row may come twice.
            if row.sample.id not in self.rows:
                self.rows[row.sample.id] = row
                table.add_row(*row_cells(row), key=str(row.sample.id))
        self.query_one("#sample-filters", Static).update(filter_line(self.filter, page.total))
        if not self.rows:
            self._show_sample(None)
        elif page.rows:
            self._read_on_near_the_end()

    def _begins_with(self, page: SamplePage) -> bool:
        """Whether the table shows these rows at its top already; then the cursor need not move."""
        shown = list(self.rows.values())[: len(page.rows)]
        return shown == page.rows and bool(shown)

    @on(DataTable.RowHighlighted, "#samples-table")
    def _highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if event.row_key.value is not None:
            self._show_sample(self.rows.get(int(event.row_key.value)))
        self._read_on_near_the_end()

    def _read_on_near_the_end(self) -> None:
        row = self.query_one("#samples-table", RowTable).cursor_row
        more = self.page is not None and len(self.rows) < self.page.total
        if more and not self._reading and row >= len(self.rows) - AHEAD:
            self._read(len(self.rows))

    # -- filters

    def action_cycle(self, name: FilterName) -> None:
        """Turn one filter on to its next value."""
        page = self.page
        choices: dict[FilterName, list[str]] = {
            "source": page.sources if page else [],
            "run": page.runs if page else [],
            "verdict": list(VERDICTS),
        }
        self._set_filter(next_filter(self.filter, name, choices[name]))

    def action_clear(self) -> None:
        """Show all samples."""
        self.query_one("#search", Input).clear()
        self._set_filter(SampleFilter())

    def action_search(self) -> None:
        """Open the line for a text to find."""
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        text = event.value
        # Each letter by itself would ask the store too often.
        self.set_timer(SEARCH_DELAY_SECONDS, lambda: self._search_if_still(text))

    def _search_if_still(self, text: str) -> None:
        if self.query_one("#search", Input).value == text and (self.filter.search or "") != text:
            self._set_filter(replace(self.filter, search=text or None))

    @on(Input.Submitted, "#search")
    def _searched(self, event: Input.Submitted) -> None:
        self._search_if_still(event.value)
        self._close_search()

    def key_escape(self) -> None:
        """Leave the search line and drop what it holds."""
        search = self.query_one("#search", Input)
        if search.has_focus:
            search.clear()
            self._search_if_still("")
            self._close_search()

    def _close_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = bool(search.value)
        self.query_one("#samples-table", RowTable).focus()

    def _set_filter(self, wanted: SampleFilter) -> None:
        if wanted != self.filter:
            self.filter = wanted
            self._read(0)

    # -- the selected sample

    @property
    def selected(self) -> SampleRow | None:
        """The sample under the cursor."""
        table = self.query_one("#samples-table", RowTable)
        if not table.is_valid_row_index(table.cursor_row) or not self.rows:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return None if key is None else self.rows.get(int(key))

    def _show_sample(self, row: SampleRow | None) -> None:
        self.query_one("#sample-detail", Static).update(detail_line(row))
        self.query_one("#sample SampleText", SampleText).text = row.sample.text if row else ""
        self.query_one("#sample VerticalScroll", VerticalScroll).scroll_home(animate=False)
        if self.services.domain.has_sound:
            bar = self.query_one(SoundBar)
            bar.note, bar.total = "", 0.0
        self._silence()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No sound keys where nothing sounds."""
        return self.services.domain.has_sound if action == "toggle_sound" else True

    def action_toggle_sound(self) -> None:
        """Play the sample under the cursor, or stop."""
        row = self.selected
        if self._sounding is not None:
            self._silence()
        elif row is not None:
            self._sounding = row.sample.id
            self._load_sound(row.sample.id, row.sample.text)

    @job("sound")
    def _load_sound(self, sample: int, text: str) -> None:
        player = self.services.open_player()
        self.post_message(SoundReady(sample, self.services.clip(text), player))

    @on(SoundReady)
    def _play(self, message: SoundReady) -> None:
        message.stop()
        if self._sounding != message.sample:
            return
        bar = self.query_one(SoundBar)
        bar.total, bar.note = message.clip.seconds, message.clip.note
        if message.clip.pcm is None:
            self._sounding = None
        else:
            message.player.play(message.clip.pcm)
            bar.position = 0.0

    def _tick(self) -> None:
        if self._sounding is None or self.services.player is None:
            return
        bar = self.query_one(SoundBar)
        position = self.services.player.position()
        if bar.position is not None and position is None:
            self._silence()
        elif bar.position is not None:
            bar.position = position

    def _silence(self) -> None:
        if self._sounding is not None:
            self._sounding = None
            if self.services.player is not None:
                self.services.player.stop()
            self.query_one(SoundBar).position = None

    # -- files

    def action_open_files(self) -> None:
        """Write, show and open the files of the sample under the cursor."""
        row = self.selected
        if row is not None:
            self._make_files(row)

    @job("files")
    def _make_files(self, row: SampleRow) -> None:
        files = sample_files(self.services, row.sample)
        self.post_message(FilesReady(files, open_with_desktop(files.best)))

    @on(FilesReady)
    def _show_files(self, message: FilesReady) -> None:
        message.stop()
        files = message.files
        lines = [
            Content.assemble((f"{name:<6}", "$foreground-muted"), str(path))
            for name, path in files.paths.items()
        ]
        if not message.opened:
            self.app.copy_to_clipboard(str(files.best))
        done = (
            "has been opened."
            if message.opened
            else "is in the clipboard, if your terminal allows that (OSC 52)."
        )
        lines += [Content(""), Content.styled(f"{files.best.name} {done}", "$foreground-muted")]
        self.app.push_screen(TextScreen(f"Files of sample #{files.sample}", Content("\n").join(lines)))
        self.post_message(Said(str(files.best)))
