"""What a command or the app imports at its start decides how fast it is there."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "music21", "scipy", "matplotlib", "symusic")

PROGRAM = """
import sys
{body}
heavy = [name for name in {heavy!r} if name in sys.modules]
print(",".join(heavy))
"""


def heavy_modules_after(body: str) -> str:
    program = PROGRAM.format(body=body, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "body",
    [
        "import tuiprefs.cli.app",
        "import tuiprefs.tui.app",
        "import tuiprefs.rating.session, tuiprefs.rating.setup, tuiprefs.ranking.blind_statistics",
        "import tuiprefs.runs.supervisor, tuiprefs.runs.recorder, tuiprefs.runs.alarms",
        "import tuiprefs.rating.simulated",
    ],
)
def test_nothing_heavy_is_imported_at_the_start(body):
    assert heavy_modules_after(body) == ""


def test_the_check_itself_can_fail():
    assert heavy_modules_after("import scipy") == "scipy"


@pytest.mark.parametrize(
    "command",
    [["--help"], ["config"], ["samples", "--json"], ["runs", "--json"], ["train", "policy", "--help"]],
)
def test_commands_that_do_not_train_import_nothing_heavy(tmp_path, command):
    body = (
        "from pathlib import Path\n"
        "from tuiprefs.project.project import create_project\n"
        f"create_project(Path({str(tmp_path / 'p')!r}))\n"
        "import io, contextlib\n"
        f"sys.argv = ['tuiprefs', '-C', {str(tmp_path / 'p')!r}, *{command!r}]\n"
        "from tuiprefs.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
    )
    assert heavy_modules_after(body) == ""
