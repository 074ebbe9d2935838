"""The words of the Rate tab."""

from __future__ import annotations

from tuiprefs.rating.blind import BlindResult
from tuiprefs.rating.session import Answer, Progress
from tuiprefs.store.samples import SampleRecord
from tuiprefs.tui.names import short_name

ENDED_HINT = "enter: go on rating"


def progress_line(progress: Progress | None, rater: str = "", blind: str = "") -> str:
    """How a session goes, in one line: the name of who rates, or of the models in a blind test, first."""
    parts = [f"Blind: {blind}"] if blind else [f"{rater} rates"] if rater else []
    if progress is not None:
        parts.append(f"{progress.rated} rated")
        if progress.automatic:
            parts.append(f"{progress.automatic} automatic")
        if progress.skipped:
            parts.append(f"{progress.skipped} skipped")
        if progress.pace_per_hour is not None:
            parts.append(f"{progress.pace_per_hour:.0f} an hour")
        if progress.remaining:
            parts.append(f"{progress.remaining} left")
    return " · ".join(parts)


def subtitle(sample: SampleRecord) -> str:
    """Which sample it is, below its text."""
    return f"#{sample.id} {short_name(sample.model or sample.source)}"


def said(answer: Answer) -> str:
    """That an answer is on disk."""
    words = {"left": "Left is better", "right": "Right is better", "tie": "Both are equal", "skip": "Skipped"}
    return f"✓ {words[answer]}: saved."


def blind_words(result: BlindResult) -> tuple[str, str]:
    """The verdict of a blind test as a heading, and its figures."""
    statistics = result.statistics
    a, b = short_name(result.model_a), short_name(result.model_b)
    title = "No difference is shown" if result.remaining <= 0 else "Undecided so far"
    if statistics.better:
        title = f"{a if statistics.better == 'a' else b} is better"
    low, high = result.interval
    lines = [
        f"{a}: {result.wins_a} won",
        f"{b}: {result.wins_b} won",
        f"equal: {result.ties} · skipped: {result.skips} · judged: {result.n}",
        f"broken: {result.broken_a} of {a}, {result.broken_b} of {b}",
        f"share of {a}: 95% interval {low:.0%} to {high:.0%}",
        "",
        result.sentence,
    ]
    return title, "\n".join(lines)
