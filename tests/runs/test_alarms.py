"""When alarms are raised, what they say, and when they are raised again."""

from __future__ import annotations

import math

import pytest

from tuiprefs.project.learning_settings import AlarmSettings
from tuiprefs.runs.alarms import Alarm, AlarmWatch, heartbeat_alarm
from tuiprefs.runs.state import RunState, Status

SETTINGS = AlarmSettings(kl_limit=3.0, entropy_fraction=0.5, heartbeat_seconds=120)


def raised(watch: AlarmWatch, key: str, values: list[float]) -> list[tuple[int, str, str]]:
    """Update, name and level of each alarm as ``values`` of ``key`` come in."""
    return [
        (update, alarm.name, alarm.level)
        for update, value in enumerate(values, start=1)
        for alarm in watch.observe({"update": update, key: value})
    ]


def test_kl_above_a_multiple_of_its_target() -> None:
    watch = AlarmWatch(SETTINGS, kl_target=15)
    assert watch.observe({"update": 11, "objective/kl": 45.0}) == []
    assert watch.observe({"update": 12, "objective/kl": 52.06}) == [
        Alarm(
            "kl-high",
            "warning",
            12,
            52.06,
            45.0,
            "KL of 52.1 nats per sample at update 12 is above 45.0, 3 times its target of 15.",
        )
    ]


def test_kl_is_raised_once_until_it_clears_or_turns_critical() -> None:
    # Limit 45, critical above 90, cleared at 40.5 or less.
    values = [46.0, 50.0, 44.0, 46.0, 40.0, 46.0, 91.0, 200.0, 60.0, 10.0, 95.0]
    assert raised(AlarmWatch(SETTINGS, kl_target=15), "objective/kl", values) == [
        (1, "kl-high", "warning"),
        (6, "kl-high", "warning"),
        (7, "kl-high", "critical"),
        (11, "kl-high", "critical"),
    ]


def test_kl_without_a_target_is_measured_against_ten_nats() -> None:
    assert raised(AlarmWatch(SETTINGS), "objective/kl", [30.0, 30.1]) == [(2, "kl-high", "warning")]
    assert raised(AlarmWatch(AlarmSettings(kl_limit=1)), "objective/kl", [9.0, 10.1]) == [
        (2, "kl-high", "warning")
    ]


def test_entropy_below_a_fraction_of_its_start() -> None:
    watch = AlarmWatch(SETTINGS)
    # The start: (100 + 110 + 90 + 120 + 80) / 5 = 100.
    assert raised(watch, "objective/entropy", [100, 110, 90, 120, 80, 50]) == []
    (alarm,) = watch.observe({"update": 7, "objective/entropy": 49.0})
    assert (alarm.name, alarm.level, alarm.value, alarm.limit) == ("entropy-low", "warning", 49.0, 50.0)
    assert alarm.message == (
        "Entropy of 49.0 nats per sample at update 7 is below 50.0, 50% of the 100.0 it began with."
    )


def test_entropy_is_raised_once_until_it_clears_or_turns_critical() -> None:
    # Start 100 from five updates; limit 50, cleared above 55, critical below 25.
    values = [100.0] * 5 + [49.0, 51.0, 48.0, 55.1, 49.0, 24.9, 10.0, 49.0]
    assert raised(AlarmWatch(SETTINGS), "objective/entropy", values) == [
        (6, "entropy-low", "warning"),
        (10, "entropy-low", "warning"),
        (11, "entropy-low", "critical"),
    ]


def test_entropy_may_fall_before_its_start_is_known_in_full() -> None:
    # After two updates the mean is 60, the limit 30.
    assert raised(AlarmWatch(SETTINGS), "objective/entropy", [100.0, 20.0]) == [(2, "entropy-low", "warning")]


def test_each_setting_moves_its_limit() -> None:
    strict = AlarmSettings(kl_limit=1.0, entropy_fraction=0.9)
    assert raised(AlarmWatch(strict, kl_target=15), "objective/kl", [16.0]) == [(1, "kl-high", "warning")]
    assert raised(AlarmWatch(SETTINGS, kl_target=15), "objective/kl", [16.0]) == []
    assert raised(AlarmWatch(strict), "objective/entropy", [100.0] * 5 + [80.0]) == [
        (6, "entropy-low", "warning")
    ]
    assert raised(AlarmWatch(SETTINGS), "objective/entropy", [100.0] * 5 + [80.0]) == []


def test_numbers_that_are_not_finite() -> None:
    watch = AlarmWatch(SETTINGS)
    assert watch.observe({"update": 1, "a": 1.0, "text": "nan", "none": None}) == []
    (alarm,) = watch.observe({"update": 2, "a": math.nan, "b": -math.inf, "c": 1.0})
    assert (alarm.name, alarm.level, alarm.update, alarm.limit) == ("non-finite", "critical", 2, None)
    assert math.isnan(alarm.value)
    assert alarm.message == "a, b are no finite numbers at update 2."
    assert watch.observe({"update": 3, "a": math.nan}) == []
    assert watch.observe({"update": 4, "a": 1.0}) == []
    (again,) = watch.observe({"a": math.inf})
    assert again.message == "a is no finite number."
    assert again.update is None


def test_kl_and_entropy_that_are_not_finite_raise_only_that() -> None:
    watch = AlarmWatch(SETTINGS)
    (alarm,) = watch.observe({"update": 1, "objective/kl": math.inf, "objective/entropy": math.nan})
    assert alarm.name == "non-finite"
    assert raised(watch, "objective/entropy", [100.0, 90.0]) == []


def test_several_at_once() -> None:
    watch = AlarmWatch(SETTINGS, kl_target=1)
    watch.observe({"update": 1, "objective/kl": 0.0, "objective/entropy": 100.0})
    found = watch.observe({"update": 2, "objective/kl": 3.5, "objective/entropy": 10.0, "loss": math.nan})
    assert [alarm.name for alarm in found] == ["non-finite", "kl-high", "entropy-low"]


def test_a_resumed_watch_knows_the_start() -> None:
    rows = [{"update": n, "objective/entropy": 100.0} for n in range(1, 6)]
    watch = AlarmWatch(SETTINGS)
    for row in rows:
        assert watch.observe(row) == []
    assert [alarm.name for alarm in watch.observe({"update": 6, "objective/entropy": 40.0})] == [
        "entropy-low"
    ]


def test_a_child_that_is_silent_for_too_long() -> None:
    run = RunState("running", pid=77, update=4, heartbeat_age_seconds=120.0)
    assert heartbeat_alarm(run, SETTINGS) is None
    late = RunState("running", pid=77, update=4, heartbeat_age_seconds=131.4)
    assert heartbeat_alarm(late, SETTINGS) == Alarm(
        "heartbeat-lost",
        "warning",
        4,
        131.4,
        120.0,
        "Nothing was heard from process 77 for 131 s; the limit is 120 s.",
    )
    assert heartbeat_alarm(late, AlarmSettings(heartbeat_seconds=200)) is None


@pytest.mark.parametrize("status", ["new", "finished", "stopped", "failed", "died"])
def test_who_does_not_live_need_not_speak(status: Status) -> None:
    assert heartbeat_alarm(RunState(status, heartbeat_age_seconds=1e6), SETTINGS) is None
