"""Names, specifications and folders of runs."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.project.learning_settings import PolicySettings
from tuiprefs.project.project import Project
from tuiprefs.runs import folder as folder_module
from tuiprefs.runs.folder import RunFolder, create_run, find_run, list_runs
from tuiprefs.runs.names import new_name, parse_name


def test_a_name_tells_time_in_utc_kind_and_nonce() -> None:
    moment = datetime(2026, 3, 1, 1, 30, 5, tzinfo=timezone(timedelta(hours=2)))
    name = new_name("reward", moment)
    assert name.startswith("20260228-233005-reward-")
    parsed = parse_name(name)
    assert parsed is not None
    assert (parsed.when, parsed.kind, parsed.nonce) == (
        datetime(2026, 2, 28, 23, 30, 5, tzinfo=UTC),
        "reward",
        name[-4:],
    )


@pytest.mark.parametrize(
    "name", ["", "starter", "20260228-233005-reward", "20260228-233005-cook-12ab", "20261340-233005-lm-12ab"]
)
def test_other_names_are_no_runs(name: str) -> None:
    assert parse_name(name) is None


def test_the_spec_survives_the_disk(project: Project) -> None:
    run = create_run(
        project, "policy", PolicySettings(updates=7), {"model": "starter", "reward": "latest"}, seed=3
    )
    spec = RunFolder(run.path).spec
    assert spec.kind == "policy"
    assert spec.name == run.name == run.path.name
    assert spec.project == str(project.root)
    assert spec.seed == 3
    assert PolicySettings.model_validate(spec.settings) == PolicySettings(updates=7)
    assert spec.parents == {"model": "starter", "reward": "latest"}
    assert {"tuiprefs", "python", "platform", "torch", "transformers"} <= set(spec.versions)
    assert datetime.fromisoformat(spec.created_at).utcoffset() == timedelta(0)
    assert json.loads(run.spec_path.read_text()) == spec.model_dump()


def test_a_negative_seed_is_refused(project: Project) -> None:
    with pytest.raises(UserError, match="seed -1 is negative"):
        create_run(project, "lm", {}, {}, seed=-1)
    assert list_runs(project) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "damaged"), ('{"kind": "cook"}', r"damaged \(kind"), ("[]", "damaged"), (None, "cannot be read")],
)
def test_a_broken_spec_is_one_sentence(run: RunFolder, text: str | None, sentence: str) -> None:
    if text is None:
        run.spec_path.unlink()
    else:
        run.spec_path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        _ = RunFolder(run.path).spec


def test_runs_made_in_one_second_have_names_of_their_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["20260101-000000-lm-aaaa", "20260101-000000-lm-aaaa", "20260101-000000-lm-bbbb"])
    monkeypatch.setattr(folder_module, "new_name", lambda kind: next(names))
    assert [create_run(project, "lm", {}, {}, seed=0).name[-4:] for _ in range(2)] == ["aaaa", "bbbb"]


def test_runs_are_listed_oldest_first_and_junk_is_left_out(project: Project, run: RunFolder) -> None:
    older = project.runs_dir / "20200101-000000-lm-0123"
    shutil.copytree(run.path, older)
    (project.runs_dir / "notes").mkdir()
    (project.runs_dir / "20200101-000001-lm-0123").mkdir()
    assert [found.name for found in list_runs(project)] == [older.name, run.name]
    shutil.rmtree(project.runs_dir)
    assert list_runs(project) == []


def test_a_run_is_found_by_name_end_or_latest(project: Project, run: RunFolder) -> None:
    older = project.runs_dir / "20200101-000000-lm-0123"
    shutil.copytree(run.path, older)
    assert find_run(project, run.name).path == run.path
    assert find_run(project, "0123").path == older
    assert find_run(project, "20200101").path == older
    assert find_run(project, "latest").path == run.path
    with pytest.raises(UserError, match="could be several runs"):
        find_run(project, "20")
    for name in ("nothing-like-it", ""):
        with pytest.raises(UserError, match=f"no run of this project; name one of .*{run.name}"):
            find_run(project, name)


def test_finding_a_run_where_there_is_none_says_how_to_make_one(project: Project) -> None:
    with pytest.raises(UserError, match="no runs yet"):
        find_run(project, "latest")


def test_the_project_is_found_after_it_was_moved(project: Project, run: RunFolder, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    project.root.rename(moved)
    assert RunFolder(moved / "runs" / run.name).project_root == moved
    lone = tmp_path / "lone" / run.name
    shutil.copytree(moved / "runs" / run.name, lone)
    assert RunFolder(lone).project_root == project.root


def test_each_life_keeps_its_files_under_a_number(run: RunFolder) -> None:
    for life in ("first", "second"):
        run.exit_path.write_text(life)
        if life == "second":
            run.control_path.write_text(life)
        run.archive_attempt()
    assert (run.path / "exit-1.json").read_text() == "first"
    assert (run.path / "exit-2.json").read_text() == "second"
    assert (run.path / "control-2.jsonl").read_text() == "second"
    assert not run.exit_path.exists()
    run.archive_attempt()
    assert not (run.path / "exit-3.json").exists()


def test_runs_that_cannot_be_written_are_one_sentence(project: Project) -> None:
    shutil.rmtree(project.runs_dir)
    project.runs_dir.write_text("in the way")
    with pytest.raises(TuiprefsError, match=f"A run cannot be made in {project.runs_dir}: File exists"):
        create_run(project, "lm", {}, {}, seed=0)
    assert list_runs(project) == []
