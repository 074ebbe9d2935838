"""Reading ``tuiprefs.toml``: presets, environment, and one clear sentence for what is wrong."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from tuiprefs.project.errors import UserError
from tuiprefs.project.settings import Settings

Origin = Literal["default", "preset", "file", "environment", "command line"]
Tables = dict[str, dict[str, Any]]

PRESETS: dict[str, Tables] = {
    "abc": {"project": {"domain": "abc"}},
    "text": {"project": {"domain": "text"}},
}
ENVIRONMENT_PREFIX = "TUIPREFS_"


@dataclass(frozen=True)
class LoadedSettings:
    """Settings, and which source each ``section.key`` that is not a default came from."""

    settings: Settings
    origins: dict[str, Origin]


def load_settings(
    path: Path, environment: Mapping[str, str] | None = None, overrides: Tables | None = None
) -> LoadedSettings:
    """Read ``path`` and lay over it the environment, then ``overrides`` (from the command line).

    Raises:
        UserError: the file is no TOML, names an unknown key, or holds a value out of range.
    """
    file_tables = _read_toml(path)
    preset = str(file_tables.pop("preset", "abc"))
    if preset not in PRESETS:
        raise UserError(f"{path}: there is no preset “{preset}”; use one of {', '.join(PRESETS)}.")
    sources: list[tuple[Origin, Mapping[str, Any]]] = [
        ("preset", PRESETS[preset]),
        ("file", file_tables),
        ("environment", _environment_tables(os.environ if environment is None else environment)),
        ("command line", overrides or {}),
    ]
    merged: Tables = {}
    origins: dict[str, Origin] = {}
    for origin, tables in sources:
        where = str(path) if origin in ("preset", "file") else f"the {origin}"
        for section, values in tables.items():
            _check_section(section, values, where)
            for key, value in values.items():
                _check_key(section, key, where)
                merged.setdefault(section, {})[key] = value
                origins[f"{section}.{key}"] = origin
    try:
        return LoadedSettings(Settings.model_validate(merged), origins)
    except ValidationError as error:
        raise UserError(explain(error, str(path), origins)) from None


def explain(error: ValidationError, where: str, origins: Mapping[str, Origin] | None = None) -> str:
    """One sentence for the first thing that a settings class found wrong."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    origin = (origins or {}).get(name, "file")
    place = where if origin in ("default", "preset", "file") else f"the {origin}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {name} = {first['input']!r} does not fit: {message[0].lower()}{message[1:]}."


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}; mend that line.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a UTF-8 text file: write it anew, or run tuiprefs init.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _environment_tables(environment: Mapping[str, str]) -> Tables:
    """``TUIPREFS_AUDIO__SPEED=1.2`` sets ``speed`` of ``[audio]``; values are TOML, or else plain text."""
    tables: Tables = {}
    for name, text in environment.items():
        section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if name.startswith(ENVIRONMENT_PREFIX) and separator:
            tables.setdefault(section, {})[key] = parse_value(text)
    return tables


def parse_value(text: str) -> Any:
    """Read a TOML value; what is none is a plain string, so that quotes may be left out."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _check_section(section: str, values: Any, where: str) -> None:
    if section not in Settings.model_fields:
        raise UserError(f"{where}: there is no section [{section}]{_hint(section, Settings)}.")
    if not isinstance(values, dict):
        raise UserError(f"{where}: {section} is a section: write it as [{section}] with its keys below.")


def _check_key(section: str, key: str, where: str) -> None:
    model = section_model(section)
    if key not in model.model_fields:
        raise UserError(f"{where}: [{section}] has no key “{key}”{_hint(key, model)}.")


def section_model(section: str) -> type[BaseModel]:
    """The settings class of one section."""
    model = Settings.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model


def _hint(name: str, model: type[BaseModel]) -> str:
    near = get_close_matches(name, model.model_fields, n=1)
    return f"; did you mean “{near[0]}”?" if near else f"; known are {', '.join(model.model_fields)}"
