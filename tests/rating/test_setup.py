from __future__ import annotations

from pathlib import Path

from tests.rating.helpers import make_tune
from tuiprefs.project.project import create_project
from tuiprefs.rating.setup import make_autofail

SHIPPED = "|gggggg|gggggg|"


def test_a_project_of_tunes_has_the_shipped_and_its_own_blacklist(tmp_path: Path) -> None:
    project = create_project(tmp_path / "p")
    assert make_autofail(project).judge(make_tune(1).replace("|]", SHIPPED)).rule == "blacklist"
    own = make_tune(1).replace("|]", "|A2B3c4|]")
    assert make_autofail(project).judge(own).rule is None
    with project.blacklist_path.open("a") as file:
        file.write("A2B3c4\n")
    assert make_autofail(project).judge(own).detail == "A2B3c4"
    project.blacklist_path.unlink()
    assert make_autofail(project).judge(own).rule is None


def test_a_project_of_texts_has_its_own_blacklist_only(tmp_path: Path) -> None:
    project = create_project(tmp_path / "p", "text")
    poem = f"A poem that quotes {SHIPPED} and is of some length.\n"
    assert make_autofail(project).judge(poem).rule is None
    project.blacklist_path.write_text("quotes\n")
    assert make_autofail(project).judge(poem).rule == "blacklist"
