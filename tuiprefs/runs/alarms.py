"""When a run goes wrong: each rule looks at numbers only, and says what it saw in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuiprefs.project.learning_settings import AlarmSettings
from tuiprefs.runs.state import RunState

AlarmName = Literal["kl-high", "entropy-low", "non-finite", "heartbeat-lost"]
AlarmLevel = Literal["warning", "critical"]

KL_KEY = "objective/kl"
ENTROPY_KEY = "objective/entropy"
# The scale of the KL limit where the coefficient is not steered to a target, in nats per sample.
DEFAULT_KL_TARGET = 10.0
# The entropy of one small batch is noisy; the start is the mean of this many updates.
BASELINE_UPDATES = 5
# Twice as far out as the limit is critical.
_CRITICAL_FACTOR = 2.0
# An alarm clears this far inside the limit, so that a noisy value at the limit is one alarm.
_CLEAR_MARGIN = 0.1


@dataclass(frozen=True)
class Alarm:
    """One thing that went wrong.

    Attributes:
        name: Which rule.
        level: "critical" where the run is hardly worth going on with.
        update: The update that it was seen at; None where that is unknown.
        value: What was measured: nats per sample, seconds of silence, or NaN.
        limit: What it was measured against, in the same unit; None where there is none.
        message: Both, in one sentence.
    """

    name: AlarmName
    level: AlarmLevel
    update: int | None
    value: float
    limit: float | None
    message: str


class AlarmWatch:
    """The alarms of one run's metrics, in the order of its updates.

    A resumed child feeds it the metrics so far before it goes on: they hold the entropy at the start.
    """

    def __init__(self, settings: AlarmSettings, kl_target: float | None = None) -> None:
        self._kl_target = kl_target or DEFAULT_KL_TARGET
        self._kl_limit = settings.kl_limit * self._kl_target
        self._kl_factor = settings.kl_limit
        self._entropy_fraction = settings.entropy_fraction
        self._first_entropies: list[float] = []
        self._raised: dict[AlarmName, AlarmLevel] = {}

    def observe(self, metrics: Mapping[str, Any]) -> list[Alarm]:
        """Alarms that ``metrics``, one update's, raise: each once until it clears, or turns critical."""
        update = metrics.get("update")
        when = update if isinstance(update, int) else None
        found = (self._non_finite(metrics, when), self._kl(metrics, when), self._entropy(metrics, when))
        return [alarm for alarm in found if alarm is not None]

    def _non_finite(self, metrics: Mapping[str, Any], update: int | None) -> Alarm | None:
        keys = [
            key for key, value in metrics.items() if isinstance(value, float) and not math.isfinite(value)
        ]
        if not keys:
            self._clear("non-finite", True)
            return None
        verb = "is no finite number" if len(keys) == 1 else "are no finite numbers"
        message = f"{', '.join(keys)} {verb}{_at(update)}."
        return self._once(Alarm("non-finite", "critical", update, float(metrics[keys[0]]), None, message))

    def _kl(self, metrics: Mapping[str, Any], update: int | None) -> Alarm | None:
        kl, limit = _finite(metrics.get(KL_KEY)), self._kl_limit
        if kl is None:
            return None
        if kl <= limit:
            self._clear("kl-high", kl <= limit * (1 - _CLEAR_MARGIN))
            return None
        message = (
            f"KL of {kl:.1f} nats per sample{_at(update)} is above {limit:.1f}, "
            f"{self._kl_factor:g} times its target of {self._kl_target:g}."
        )
        level: AlarmLevel = "critical" if kl > limit * _CRITICAL_FACTOR else "warning"
        return self._once(Alarm("kl-high", level, update, kl, limit, message))

    def _entropy(self, metrics: Mapping[str, Any], update: int | None) -> Alarm | None:
        entropy = _finite(metrics.get(ENTROPY_KEY))
        if entropy is None:
            return None
        if len(self._first_entropies) < BASELINE_UPDATES:
            self._first_entropies.append(entropy)
        start = sum(self._first_entropies) / len(self._first_entropies)
        limit = self._entropy_fraction * start
        if entropy >= limit:
            self._clear("entropy-low", entropy >= limit * (1 + _CLEAR_MARGIN))
            return None
        message = (
            f"Entropy of {entropy:.1f} nats per sample{_at(update)} is below {limit:.1f}, "
            f"{self._entropy_fraction:.0%} of the {start:.1f} it began with."
        )
        level: AlarmLevel = "critical" if entropy < limit / _CRITICAL_FACTOR else "warning"
        return self._once(Alarm("entropy-low", level, update, entropy, limit, message))

    def _clear(self, name: AlarmName, condition: bool) -> None:
        if condition:
            self._raised.pop(name, None)

    def _once(self, alarm: Alarm) -> Alarm | None:
        before = self._raised.get(alarm.name)
        if before in ("critical", alarm.level):
            return None
        self._raised[alarm.name] = alarm.level
        return alarm


def heartbeat_alarm(run: RunState, settings: AlarmSettings) -> Alarm | None:
    """The alarm of a child that lives but has been silent for too long. A paused one speaks, too."""
    silence, limit = run.heartbeat_age_seconds, settings.heartbeat_seconds
    if not run.alive or silence is None or silence <= limit:
        return None
    message = f"Nothing was heard from process {run.pid} for {silence:.0f} s; the limit is {limit:g} s."
    return Alarm("heartbeat-lost", "warning", run.update, silence, limit, message)


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _at(update: int | None) -> str:
    return "" if update is None else f" at update {update}"
