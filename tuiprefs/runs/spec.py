"""What a run is: everything that decides its result, written once before its child starts."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tuiprefs import __version__
from tuiprefs.project.errors import UserError
from tuiprefs.runs.names import RunKind

_PACKAGES = ("numpy", "tokenizers", "torch", "transformers")


class RunSpec(BaseModel):
    """The content of ``spec.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: RunKind = Field(description="What the child does.")
    name: str = Field(description="The run folder's name.")
    project: str = Field(description="Absolute path of the project when the run was made.")
    seed: int = Field(ge=0, description="Seed of every random choice in the run.")
    settings: dict[str, Any] = Field(description="The settings section of this kind of run.")
    parents: dict[str, str] = Field(description='What it starts from, e.g. {"model": "starter"}.')
    versions: dict[str, str] = Field(description="Versions of the programs and the platform.")
    created_at: str = Field(description="ISO 8601 time in UTC.")

    @classmethod
    def read(cls, path: Path) -> RunSpec:
        """Read ``spec.json`` at ``path``.

        Raises:
            UserError: it is missing, or does not say what a run needs.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise UserError(
                f"{path.parent} is no run: its {path.name} cannot be read ({error.strerror})."
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise UserError(
                f"{path} is damaged ({where}: {first['msg']}): start a new run, or put the file back."
            ) from None


def current_versions() -> dict[str, str]:
    """Versions of tuiprefs, Python, the platform and the learning packages, none of which is imported."""
    versions = {
        "tuiprefs": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def utc_now() -> str:
    """The present as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
