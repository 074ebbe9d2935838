"""Where the files shipped with the package lie."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from tuiprefs.project.errors import TuiprefsError


def asset(*parts: str) -> Path:
    """Return the path of a shipped file or folder, e.g. ``asset("starter")``.

    An installed package holds them in ``tuiprefs/assets``; in a source tree (and so in an editable
    installation) they stand beside the package.
    """
    package = Path(str(files("tuiprefs")))
    for base in (package / "assets", package.parent / "assets"):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    raise TuiprefsError(f"The shipped file assets/{'/'.join(parts)} is missing here: install tuiprefs again.")
