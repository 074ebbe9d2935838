"""Names of runs: ``<YYYYmmdd-HHMMSS>-<kind>-<nonce>``, which sort by the time they were made."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

RunKind = Literal["lm", "reward", "policy", "sample"]
RUN_KINDS: tuple[str, ...] = get_args(RunKind)

_TIME_FORMAT = "%Y%m%d-%H%M%S"
_PATTERN = re.compile(r"(\d{8}-\d{6})-([a-z]+)-([0-9a-f]{4})")


@dataclass(frozen=True)
class RunName:
    """The parts of a run's name."""

    when: datetime
    kind: str
    nonce: str


def new_name(kind: RunKind, when: datetime | None = None) -> str:
    """A name for a run of ``kind`` made at ``when`` (default: now), with a random nonce.

    The time is in UTC: runs made by machines in several zones, or around the end of summer time, sort
    by age. The nonce comes from the system's entropy, so seeding the program does not repeat it.
    """
    moment = (when or datetime.now(UTC)).astimezone(UTC)
    return f"{moment.strftime(_TIME_FORMAT)}-{kind}-{secrets.token_hex(2)}"


def parse_name(name: str) -> RunName | None:
    """The parts of ``name``, or None where it is no run's name."""
    match = _PATTERN.fullmatch(name)
    if match is None or match[2] not in RUN_KINDS:
        return None
    try:
        when = datetime.strptime(match[1], _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return RunName(when, match[2], match[3])
