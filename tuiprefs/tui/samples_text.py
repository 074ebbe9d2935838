"""The words of the Samples tab: the filters, the table's cells, and the line above a sample."""

from __future__ import annotations

from textual.content import Content

from tuiprefs.tui.names import short_name
from tuiprefs.tui.sample_page import SampleFilter, SampleRow
from tuiprefs.tui.widgets.plot import short_number

VERDICT_STYLES = {"ok": "$success", "broken": "$error", None: "$foreground-muted"}


def filter_line(wanted: SampleFilter, total: int) -> Content:
    """What is shown, and how many samples that are."""
    parts: list[Content] = []
    for name in ("source", "run", "verdict", "search"):
        value = getattr(wanted, name)
        if name == "search" and value is None:
            continue
        style = "$foreground-muted" if value is None else "bold $accent"
        parts.append(Content.assemble((f"{name} ", "$foreground-muted"), (value or "all", style)))
    samples = "1 sample" if total == 1 else f"{total:,} samples"
    return Content("   ").join([*parts, Content.styled(samples, "bold")])


def row_cells(row: SampleRow) -> list[Content]:
    """The cells of one sample."""
    sample = row.sample
    verdict = sample.rule or "broken" if sample.verdict == "broken" else sample.verdict or "unchecked"
    quiet = "$foreground-muted" if sample.verdict == "broken" else "$foreground"
    return [
        Content.styled(str(sample.id).rjust(6), "$foreground-muted"),
        Content.styled(verdict, VERDICT_STYLES[sample.verdict]),
        Content.styled(short_name(sample.model or sample.source), quiet),
        Content.styled(("–" if row.score is None else short_number(row.score)).rjust(6), quiet),
        Content.styled(f"{row.repetition:.0%}".rjust(7), quiet),
        Content.styled(row.title, quiet),
    ]


def detail_line(row: SampleRow | None) -> Content:
    """What is known of a sample beside its text."""
    if row is None:
        return Content.styled("No sample passes these filters.", "$foreground-muted")
    sample = row.sample
    parts = [sample.source]
    if sample.model:
        parts.append(short_name(sample.model))
    if sample.run:
        parts.append(f"by {short_name(sample.run)}")
    if sample.checkpoint is not None:
        parts.append(f"checkpoint {sample.checkpoint}")
    if row.score is not None:
        parts.append(f"score {short_number(row.score)}")
    parts.append(f"repeats {row.repetition:.0%}")
    line = Content.assemble(
        (f"#{sample.id}", "bold $primary"), ("  " + " · ".join(parts), "$foreground-muted")
    )
    if sample.verdict == "broken":
        line += Content.styled(f"\n✗ {sample.rule}: {sample.detail or ''}", "$error")
    return line
