"""Background jobs of the app: threads that touch no widget, post messages, and fail in one sentence."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from textual import work
from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from tuiprefs.project.errors import TuiprefsError
from tuiprefs.tui.messages import JobFailed

W = TypeVar("W", bound=Widget)
P = ParamSpec("P")
Method = Callable[Concatenate[W, P], None]
Starter = Callable[Concatenate[W, P], Worker[None]]


class Cancelled(BaseException):
    """Raised inside a job that nobody waits for any more; no error, so handlers of errors let it pass."""


def job(group: str) -> Callable[[Method[W, P]], Starter[W, P]]:
    """Make a method a job in a thread of its own; a newer one of the same group takes its place.

    An error becomes a ``JobFailed`` message. One that tuiprefs does not know the cause of is also written
    with its traceback to the file ``error_log`` of the app, if it has one.
    """

    def decorate(method: Method[W, P]) -> Starter[W, P]:
        @wraps(method)
        def guarded(self: W, *args: P.args, **kwargs: P.kwargs) -> None:
            try:
                method(self, *args, **kwargs)
            except Cancelled:
                pass
            except TuiprefsError as error:
                self.post_message(JobFailed(group, str(error)))
            except Exception as error:
                place = _write_traceback(getattr(self.app, "error_log", None))
                details = str(error) or "no details"
                self.post_message(JobFailed(group, f"{type(error).__name__}: {details}{place}"))

        return work(thread=True, exclusive=True, exit_on_error=False, group=group)(guarded)

    return decorate


def stop_if_cancelled() -> None:
    """Leave the present job when it was cancelled; for the loops of long jobs."""
    if get_current_worker().is_cancelled:
        raise Cancelled


def _write_traceback(path: Path | None) -> str:
    """Keep the traceback for a bug report, and say where."""
    if path is None:
        return ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(traceback.format_exc() + "\n")
    except OSError:
        return ""
    return f" (details in {path})"
