"""From a model's name to what can be loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuiprefs.project.errors import UserError
from tuiprefs.project.project import Project, open_project
from tuiprefs.runs import models
from tuiprefs.runs.folder import RunFolder, create_run
from tuiprefs.runs.models import ResolvedModel, resolve_model, resolve_reward_model
from tuiprefs.store.database import Store, open_store
from tuiprefs.store.models import ModelKind, ModelRecord, add_model


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    opened = open_store(project.database_path)
    yield opened
    opened.close()


@pytest.fixture
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "asset", lambda name: tmp_path / "assets" / name)
    return tmp_path / "assets" / "starter"


def make_folder(path: Path, marker: str = "config.json") -> Path:
    path.mkdir(parents=True)
    (path / marker).write_text("{}")
    return path


def leave_model(project: Project, store: Store, kind: ModelKind) -> str:
    """A finished run of ``kind`` with its model."""
    run = create_run(project, kind, {}, {}, seed=0)
    path = make_folder(project.models_dir / run.name, "reward.json" if kind == "reward" else "config.json")
    add_model(store, ModelRecord(run.name, kind, str(path), run=run.name))
    return run.name


def test_the_starter(project: Project, store: Store, starter: Path) -> None:
    assert resolve_model(project, store, "starter") == ResolvedModel("starter", str(starter), local=True)


def test_latest_is_the_newest_language_model_or_policy(project: Project, store: Store, starter: Path) -> None:
    assert resolve_model(project, store, "latest").name == "starter"
    leave_model(project, store, "lm")
    policy = leave_model(project, store, "policy")
    leave_model(project, store, "reward")
    assert resolve_model(project, store, "latest") == ResolvedModel(policy, str(project.models_dir / policy))


def test_latest_falls_back_to_the_projects_own_model(project: Project, store: Store, starter: Path) -> None:
    own = make_folder(project.root / "mine")
    named = open_project(project.root, {"project": {"model": "mine"}})
    assert resolve_model(named, store, "latest") == ResolvedModel(str(own), str(own))
    circular = open_project(project.root, {"project": {"model": "latest"}})
    assert resolve_model(circular, store, "latest").name == "starter"


def test_a_run_by_name_with_and_without_a_row_in_the_store(project: Project, store: Store) -> None:
    name = leave_model(project, store, "policy")
    assert resolve_model(project, store, name).path == str(project.models_dir / name)
    run = create_run(project, "lm", {}, {}, seed=0)
    make_folder(project.models_dir / run.name)
    assert resolve_model(project, store, run.name) == ResolvedModel(
        run.name, str(project.models_dir / run.name)
    )


def test_a_model_is_found_after_the_project_was_moved(project: Project, store: Store, tmp_path: Path) -> None:
    name = leave_model(project, store, "policy")
    store.close()
    moved = tmp_path / "elsewhere"
    project.root.rename(moved)
    moved_project = open_project(moved)
    moved_store = open_store(moved_project.database_path)
    assert resolve_model(moved_project, moved_store, name).path == str(moved / "models" / name)
    moved_store.close()


def test_an_unfinished_run_gives_its_newest_exported_checkpoint(
    project: Project, store: Store, run: RunFolder
) -> None:
    with pytest.raises(UserError, match="has left no model yet"):
        resolve_model(project, store, run.name)
    for name in ("000002", "000010", "000010.1"):
        make_folder(run.checkpoints_dir / name / "model")
    (run.checkpoints_dir / "000011").mkdir()
    assert resolve_model(project, store, run.name).path == str(run.checkpoints_dir / "000010.1" / "model")
    shutil.rmtree(run.checkpoints_dir)
    make_folder(run.checkpoints_dir / "update-9")
    assert resolve_model(project, store, run.name).path == str(run.checkpoints_dir / "update-9")


def test_what_has_gone_is_one_sentence(project: Project, store: Store) -> None:
    name = leave_model(project, store, "lm")
    shutil.rmtree(project.models_dir / name)
    with pytest.raises(UserError, match=f"The model {name} is gone from"):
        resolve_model(project, store, name)
    with pytest.raises(UserError, match="There is no run 20200101-000000-lm-0123 in this project"):
        resolve_model(project, store, "20200101-000000-lm-0123")


def test_the_wrong_kind_is_refused(project: Project, store: Store) -> None:
    reward, policy = leave_model(project, store, "reward"), leave_model(project, store, "policy")
    with pytest.raises(UserError, match="of the kind “reward”, not a language model"):
        resolve_model(project, store, reward)
    with pytest.raises(UserError, match="of the kind “policy”, not a reward model"):
        resolve_reward_model(project, store, policy)


def test_a_folder_relative_to_here_or_to_the_project(
    project: Project, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = make_folder(tmp_path / "here" / "m"), make_folder(project.root / "nets" / "n")
    monkeypatch.chdir(tmp_path / "here")
    for name, path in (("m", here), (str(here), here), ("./m", here), ("nets/n", there)):
        resolved = resolve_model(project, store, name)
        assert Path(resolved.path).resolve() == path
        assert resolved.local
        assert Path(resolved.name).is_absolute()
    (tmp_path / "here" / "empty").mkdir()
    with pytest.raises(UserError, match="holds no such model: it has no config"):
        resolve_model(project, store, "./empty")


@pytest.mark.parametrize("name", ["gpt2", "EleutherAI/pythia-70m", "sander-wood/text-to-music"])
def test_anything_else_is_a_hub_id(project: Project, store: Store, name: str) -> None:
    assert resolve_model(project, store, name) == ResolvedModel(name, name, local=False)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("/no/such/folder", "no such folder"),
        ("./gone", "no such folder"),
        ("a/b/c", "no such folder"),
        ("", "no such folder"),
        ("startr", "do you mean “starter”"),
        ("lastest", "do you mean “latest”"),
    ],
)
def test_what_cannot_be_a_hub_id_is_refused(project: Project, store: Store, name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve_model(project, store, name)


def test_reward_models(project: Project, store: Store) -> None:
    with pytest.raises(UserError, match="There is no reward model yet"):
        resolve_reward_model(project, store)
    with pytest.raises(UserError, match="There is no reward model “mine”; there is none yet"):
        resolve_reward_model(project, store, "mine")
    leave_model(project, store, "reward")
    newest = leave_model(project, store, "reward")
    leave_model(project, store, "policy")
    assert resolve_reward_model(project, store) == ResolvedModel(newest, str(project.models_dir / newest))
    folder = make_folder(project.root / "mine", "reward.json")
    assert resolve_reward_model(project, store, "mine").path == str(folder)
    with pytest.raises(UserError, match=f"use one of .*{newest}"):
        resolve_reward_model(project, store, "another")
