from pathlib import Path

import pytest

from tuiprefs.project.errors import UserError
from tuiprefs.project.project import create_project, open_project
from tuiprefs.project.settings_file import load_settings


def load(tmp_path: Path, text: str, **more):
    path = tmp_path / "tuiprefs.toml"
    path.write_text(text)
    return load_settings(path, **{"environment": {}, **more})


def test_file_beats_preset_environment_beats_file_and_command_line_beats_all(tmp_path):
    text = 'preset = "text"\n[audio]\nspeed = 1.2\ntempo = 100\nclip_seconds = 5\n'
    loaded = load(
        tmp_path,
        text,
        environment={"TUIPREFS_AUDIO__TEMPO": "110", "TUIPREFS_AUDIO__CLIP_SECONDS": "6", "HOME": "/"},
        overrides={"audio": {"clip_seconds": 7}},
    )
    audio = loaded.settings.audio
    assert (audio.speed, audio.tempo, audio.clip_seconds) == (1.2, 110, 7)
    assert loaded.settings.project.domain == "text"
    assert loaded.origins == {
        "project.domain": "preset",
        "audio.speed": "file",
        "audio.tempo": "environment",
        "audio.clip_seconds": "command line",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[audio]\nsped = 1.1\n", "no key “sped”; did you mean “speed”?"),
        ("[audi]\nspeed = 1.1\n", r"no section \[audi\]; did you mean “audio”?"),
        ("[audio]\nspeed = 99\n", "audio.speed = 99 does not fit: input should be less than or equal to 4"),
        ("[audio\n", "is not valid TOML"),
        ("audio = 3\n", r"write it as \[audio\]"),
        ('preset = "opera"\n', "no preset “opera”; use one of abc, text"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value).strip()
    assert caught.value.exit_code == 2


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "tuiprefs.toml"
    path.write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(UserError, match="not a UTF-8 text file"):
        load_settings(path, environment={})


def test_a_project_is_found_from_below(tmp_path, monkeypatch):
    made = create_project(tmp_path / "tunes")
    below = made.root / "runs" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert open_project().root == made.root


def test_no_project_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no tuiprefs project"):
        open_project()
    with pytest.raises(UserError, match="is no tuiprefs project"):
        open_project(tmp_path)


def test_a_project_is_not_made_twice_nor_with_an_unknown_preset(tmp_path):
    create_project(tmp_path / "a", "text")
    with pytest.raises(UserError, match="already"):
        create_project(tmp_path / "a")
    with pytest.raises(UserError, match="no preset"):
        create_project(tmp_path / "b", "opera")
    assert not (tmp_path / "b").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made a project"):
        create_project(tmp_path / "file" / "below")
