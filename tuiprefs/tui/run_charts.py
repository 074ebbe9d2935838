"""Which curves tell how a run of each kind goes, their limits, and its one most telling number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuiprefs.project.learning_settings import AlarmSettings
from tuiprefs.runs.alarms import BASELINE_UPDATES, DEFAULT_KL_TARGET, ENTROPY_KEY, KL_KEY
from tuiprefs.tui.widgets.plot import Series, short_number

Columns = Mapping[str, tuple[Sequence[float], Sequence[float]]]
Limit = Callable[[Columns, Mapping[str, Any], AlarmSettings], float | None]


@dataclass(frozen=True)
class ChartData:
    """One chart, ready to be drawn."""

    title: str
    unit: str
    series: list[Series]
    limit: float | None
    limit_name: str


@dataclass(frozen=True)
class ChartPlan:
    """What one chart shows: metrics with their names in the legend, and perhaps a limit."""

    title: str
    keys: tuple[tuple[str, str], ...]
    unit: str = ""
    limit: Limit | None = None
    limit_name: str = "limit"

    def data(self, columns: Columns, settings: Mapping[str, Any], alarms: AlarmSettings) -> ChartData:
        """Copy what is drawn, so that reading may go on meanwhile."""
        series = [
            Series(label, list(columns[key][0]), list(columns[key][1]), dotted=place > 0)
            for place, (key, label) in enumerate(self.keys)
            if key in columns
        ]
        limit = self.limit(columns, settings, alarms) if self.limit else None
        return ChartData(self.title, self.unit, series, limit, self.limit_name)


def kl_limit(_columns: Columns, settings: Mapping[str, Any], alarms: AlarmSettings) -> float:
    """Where kl-high is raised, in nats per sample."""
    return alarms.kl_limit * float(settings.get("kl_target") or DEFAULT_KL_TARGET)


def entropy_limit(columns: Columns, _settings: Mapping[str, Any], alarms: AlarmSettings) -> float | None:
    """Where entropy-low is raised: a fraction of the mean of the first updates."""
    if ENTROPY_KEY not in columns:
        return None
    start = [value for value in columns[ENTROPY_KEY][1] if math.isfinite(value)][:BASELINE_UPDATES]
    return alarms.entropy_fraction * sum(start) / len(start) if start else None


def chance(_columns: Columns, _settings: Mapping[str, Any], _alarms: AlarmSettings) -> float:
    """The accuracy of guessing."""
    return 0.5


CHARTS: dict[str, tuple[ChartPlan, ...]] = {
    "policy": (
        ChartPlan("Score", (("objective/score", ""),)),
        ChartPlan("KL", ((KL_KEY, ""),), " nats", kl_limit),
        ChartPlan("Entropy", ((ENTROPY_KEY, ""),), " nats", entropy_limit),
        ChartPlan("Loss", (("ppo/loss/policy", "policy"), ("ppo/loss/value", "value"))),
    ),
    "reward": (
        ChartPlan("Loss", (("reward/loss", "train"), ("reward/heldout_loss", "held-out"))),
        ChartPlan(
            "Accuracy",
            (("reward/accuracy", "train"), ("reward/heldout_accuracy", "held-out")),
            limit=chance,
            limit_name="chance",
        ),
    ),
    "lm": (ChartPlan("Loss", (("lm/loss", "train"), ("lm/heldout_loss", "held-out"))),),
    "sample": (),
}


def key_figure(kind: str, last: Mapping[str, float]) -> str:
    """The number that says most about a run of this kind, or nothing while there is none."""
    if kind == "policy" and "objective/score" in last:
        kl = f"  KL {short_number(last[KL_KEY])}" if KL_KEY in last else ""
        return f"score {short_number(last['objective/score'])}{kl}"
    if kind == "reward":
        for key, name in (("reward/heldout_accuracy", "held-out"), ("reward/accuracy", "train")):
            if key in last and math.isfinite(last[key]):
                return f"{name} {last[key]:.0%}"
    if kind == "lm":
        for key, name in (("lm/heldout_loss", "held-out"), ("lm/loss", "loss")):
            if key in last:
                return f"{name} {short_number(last[key])}"
    return ""
