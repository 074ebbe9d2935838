"""The words of the Train tab: the list's cells, the heading of a run, and its alarms."""

from __future__ import annotations

from textual.content import Content

from tuiprefs.tui.actions import find, key_name
from tuiprefs.tui.names import short_name
from tuiprefs.tui.run_watch import RunDetail, RunRow, duration, progress_text

LIGHTS = {
    "new": ("·", "$foreground-muted"),
    "starting": ("◌", "$success"),
    "running": ("●", "$success"),
    "paused": ("‖", "$warning"),
    "finished": ("✓", "$foreground-muted"),
    "stopped": ("■", "$foreground-muted"),
    "failed": ("✗", "$error"),
    "died": ("✗", "$error"),
}
ALARM_LIGHTS = {"warning": ("!", "bold $warning"), "critical": ("!", "bold $error")}


def row_cells(row: RunRow) -> list[Content]:
    """The cells of one run in the list."""
    light = (
        ALARM_LIGHTS[row.alarm] if row.alarm in ALARM_LIGHTS and row.state.alive else LIGHTS[row.state.status]
    )
    quiet = "$foreground" if row.state.alive else "$foreground-muted"
    return [
        Content.styled(*light),
        Content.styled(row.name, quiet),
        Content.styled(row.state.status, light[1]),
        Content.styled(progress_text(row.state).rjust(9), quiet),
        Content.styled(row.figure, quiet),
    ]


def heading(detail: RunDetail) -> Content:
    """The selected run in one line: its name, what it is doing, for how long, and what it began from."""
    run = detail.row.state
    parts: list[str] = []
    if run.alive and run.stage and run.stage != run.status:
        parts.append(run.stage)
    if run.elapsed is not None:
        parts.append(duration(run.elapsed))
    parts += [short_name(parent) for parent in detail.parents.values()]
    return Content.styled(detail.row.name, "bold $primary") + Content.styled(
        "  " + " · ".join(parts), "$foreground-muted"
    )


def alarm_lines(detail: RunDetail, most: int) -> Content:
    """A line for each of the last ``most`` alarms, and the reason where the run has ended early."""
    earlier = max(0, len(detail.alarms) - most)
    lines: list[Content] = []
    for place, alarm in enumerate(detail.alarms[earlier:]):
        before = f" (and {earlier} before)" if earlier and not place else ""
        lines.append(Content.styled(f"! {alarm}{before}", "$error"))
    if detail.problem:
        lines.append(Content.styled(f"✗ {detail.problem}", "$error"))
    run = detail.row.state
    if run.reason and run.status != "finished":
        bad = run.status in ("failed", "died")
        mark, style = ("✗", "$error") if bad else ("■", "$foreground-muted")
        lines.append(Content.styled(f"{mark} {run.reason}", style))
    return Content("\n").join(lines)


def nothing_yet() -> Content:
    """What the tab says before there is any run."""
    offers = {
        "train.new_run.reward": "train a reward model on your ratings",
        "train.new_run.policy": "improve the model against it",
        "train.new_run.sample": "write more samples",
        "train.blind_test": "compare two models blind",
    }
    lines = [Content.styled("No runs yet", "bold"), Content("")]
    for action_id, text in offers.items():
        key = key_name(find(action_id).keys[0])
        lines.append(Content.assemble((key, "bold $accent"), f"  {text}"))
    return Content("\n").join(lines)
