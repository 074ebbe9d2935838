"""Takes the pictures of the three tabs in docs/figures, of a real project with real runs.

python tools/shot.py              makes a small project first (some minutes on two cores)
python tools/shot.py PROJECT      uses that one, which stays as it is
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tuiprefs.music.player import open_player
from tuiprefs.project.atomic import write_bytes, write_text
from tuiprefs.project.project import open_project
from tuiprefs.runs.folder import list_runs
from tuiprefs.store.database import open_store
from tuiprefs.tui.app import TuiprefsApp
from tuiprefs.tui.rate import RatePane
from tuiprefs.tui.rate_view import Phase
from tuiprefs.tui.services import Services
from tuiprefs.tui.widgets.chart import Chart
from tuiprefs.tui.widgets.sound_bar import SoundBar

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
SIZES = ((80, 24), (120, 40))
SECONDS_PER_PAIR = 17.0
"""What the pictured person takes for a pair: it decides the pace on the screen."""
RATED_PAIRS = "12113"
FONT = "DejaVu Sans Mono"


class PatientClock:
    """Stands still but for what is added to it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_project(root: Path) -> None:
    """A project with samples, ratings by the simulated taste, a reward model and a policy run."""
    rater = f"{sys.executable} -m tuiprefs.rating.simulated"
    for line in (
        ["init", str(root)],
        ["-C", str(root), "sample", "--count", "200"],
        ["-C", str(root), "rate", "--command", rater, "--count", "120"],
        ["-C", str(root), "train", "reward"],
        ["-C", str(root), "train", "policy", "--updates", "40"],
    ):
        print("tuiprefs", *line, file=sys.stderr)
        command = [sys.executable, "-c", "from tuiprefs.cli import main; main()", *line]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


async def take_pictures(root: Path, size: tuple[int, int]) -> dict[str, str]:
    """SVG pictures of the three tabs, by their names; the project at ``root`` is rated a little."""
    project = open_project(root)
    store = open_store(project.database_path)
    services = Services.of(project, store)
    services.make_player = lambda _settings: open_player("silent")
    services.clock = clock = PatientClock()
    app = TuiprefsApp(services)
    pictures: dict[str, str] = {}

    async def until(condition: Callable[[], object]) -> None:
        for _ in range(600):
            if condition():
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("the app did not come to what was to be pictured")

    async with app.run_test(size=size) as pilot:
        pane = app.query_one(RatePane)
        for key in RATED_PAIRS:
            await until(lambda: pane.phase is Phase.JUDGING)
            clock.now += SECONDS_PER_PAIR
            before = pane.hearing
            await pilot.press(key)
            await until(lambda before=before: pane.hearing not in (None, before))
        await until(lambda: (app.query(SoundBar).first().position or 0) > 3)
        pictures["rate"] = app.export_screenshot(title="tuiprefs")
        await pilot.press("f3")
        newest = max((run.name for run in list_runs(project) if "-policy-" in run.name), default=None)
        if newest is not None:
            table = app.query_one("#runs")
            await until(lambda: table.row_count)
            table.move_cursor(row=[key.value for key in table.rows].index(newest))
        await until(lambda: any(chart.series and chart.display for chart in app.query(Chart)))
        await pilot.pause(1)
        pictures["train"] = app.export_screenshot(title="tuiprefs")
        await pilot.press("f4")
        await until(lambda: app.query_one("#samples-table").row_count)
        await pilot.press("down", "down")
        await pilot.pause(1)
        pictures["samples"] = app.export_screenshot(title="tuiprefs")
    store.close()
    return pictures


def to_png(svg: str) -> bytes:
    """The picture as PNG, drawn with a font that has braille and whole boxes."""
    import resvg_py

    # A little larger than Rich sets it: the lines of boxes then meet from row to row.
    svg = svg.replace("font-size: 20px", "font-size: 21px")
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, font_family=FONT, monospace_family=FONT))


def main() -> None:
    """Make the project where none is given, and write all pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=FIGURES)
    arguments = parser.parse_args()
    # The pictures show what a terminal with all colours shows, whichever one this runs in.
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.project or Path(folder) / "made" / "demo"
        if arguments.project is None:
            make_project(root)
        for size in SIZES:
            copy = Path(folder) / f"{size[0]}" / root.name
            shutil.copytree(root, copy)
            for name, svg in asyncio.run(take_pictures(copy, size)).items():
                path = arguments.out / f"{name}-{size[0]}x{size[1]}.svg"
                write_text(path, svg)
                write_bytes(path.with_suffix(".png"), to_png(svg))
                print(path)


if __name__ == "__main__":
    main()
