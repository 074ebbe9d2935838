"""Take the pictures of the app in docs/figures: three tabs at 80x24 and 120x40, of a real project.

    python -m tools.shot [PROJECT]

Without a project, the loop makes a small one first (some minutes), so that there are ratings and runs to show.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tuiprefs.project.project import open_project
from tuiprefs.runs.folder import list_runs
from tuiprefs.store.database import open_store
from tuiprefs.tui.app import TuiprefsApp
from tuiprefs.tui.rate import Phase, RatePane
from tuiprefs.tui.services import Services

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
SIZES = ((80, 24), (120, 40))
TABS = ("rate", "train", "samples")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("project", type=Path, nargs="?", help="folder of a project with ratings and runs")
    project = parser.parse_args().project or small_project()
    FIGURES.mkdir(parents=True, exist_ok=True)
    # The pictures show what a terminal with all colours shows, whichever one this runs in.
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for size in SIZES:
        asyncio.run(shoot(project, size))


def small_project() -> Path:
    """A project made by the loop at a small scale."""
    folder = Path(tempfile.mkdtemp(prefix="tuiprefs-shot-")) / "tunes"
    scale = ["--samples", "120", "--comparisons", "80", "--updates", "20", "--blind", "10"]
    command = [sys.executable, ROOT / "tools" / "loop.py", "--project", folder, *scale]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return folder


async def shoot(root: Path, size: tuple[int, int]) -> None:
    """Save one picture of each tab at this size (columns, rows)."""
    project = open_project(root)
    store = open_store(project.database_path)
    app = TuiprefsApp(Services.of(project, store))
    async with app.run_test(size=size) as pilot:
        for tab in TABS:
            app.action_show_tab(tab)
            for _ in range(80):
                await pilot.pause(0.1)
                if tab != "rate" or app.query_one(RatePane).phase is Phase.JUDGING:
                    break
            if tab == "train":
                await pilot.pause(2)
                kinds = [folder.spec.kind for folder in reversed(list_runs(project))]
                for _ in range(kinds.index("policy") if "policy" in kinds else 0):
                    await pilot.press("down")
            # Long enough for a tune to sound, and for the curves to be read.
            await pilot.pause(3)
            app.save_screenshot(f"{tab}-{size[0]}x{size[1]}.svg", path=str(FIGURES))
    store.close()


if __name__ == "__main__":
    main()
