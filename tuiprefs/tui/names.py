"""Names of runs and models, short enough for a table."""

from __future__ import annotations

from pathlib import PurePath

from tuiprefs.runs.names import parse_name


def short_name(name: str) -> str:
    """``policy-a3f2`` for a run's long name, the last part of a path, and any other name as it is."""
    run = parse_name(name)
    if run is not None:
        return f"{run.kind}-{run.nonce}"
    return PurePath(name).name or name
