"""Why there is no pair to judge now, and what to do about it; no Textual, used by a job of the Rate tab."""

from __future__ import annotations

from dataclasses import dataclass

from tuiprefs.runs.folder import list_runs
from tuiprefs.runs.state import RunState, state
from tuiprefs.store.database import Store
from tuiprefs.store.samples import count_samples
from tuiprefs.tui.actions import find, key_name
from tuiprefs.tui.services import Services


@dataclass(frozen=True)
class Situation:
    """What is shown while there is no pair."""

    title: str
    text: str = ""
    done: int | None = None
    total: int | None = None


def can_be_compared(store: Store) -> bool:
    """Whether there are two samples that a person could be asked about, as far as is known."""
    sound = count_samples(store, verdict="ok")
    return sound >= 2 or (sound == 1 and count_samples(store, verdict="unchecked") > 0)


def situation(services: Services) -> Situation:
    """Look at the samples and at the newest run that writes some."""
    first = count_samples(services.store, verdict="ok") < 2
    runs = [run for run in list_runs(services.project) if "-sample-" in run.name]
    newest = state(runs[-1]) if runs else None
    music = services.domain.has_sound
    if newest is not None and newest.alive:
        return _composing(newest, "tunes" if music else "texts", "Composing" if music else "Writing", first)
    advice = (
        f"Write more: {_key('app.show_tab.train')} opens the Train tab, then {_key('train.new_run.sample')}."
    )
    if newest is not None and newest.status in ("failed", "died") and first:
        return Situation("Writing the first samples has failed", f"{newest.reason}\n\n{advice}")
    broken = count_samples(services.store, verdict="broken")
    if first and broken:
        told = f"{broken} of {count_samples(services.store)} are broken; the Samples tab says why."
        return Situation("Too few samples are sound", f"{told}\n\n{advice}")
    if first:
        return Situation("There are no samples to compare yet", advice)
    return Situation("Every pair has been judged", advice)


def _composing(run: RunState, what: str, verb: str, first: bool) -> Situation:
    title = f"{verb} the first {what}…" if first else f"{verb} more {what}…"
    text = "The first pair appears here by itself." if first else "Every pair so far has been judged."
    if run.total_updates:
        return Situation(title, text, run.update or 0, run.total_updates)
    return Situation(title, text)


def _key(action_id: str) -> str:
    return key_name(find(action_id).keys[0])
