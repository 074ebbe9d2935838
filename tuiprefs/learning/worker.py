"""The child process's way in: ``python -m tuiprefs.learning.worker RUN_DIR [--resume]``.

Torch is imported only after the run folder says that the child is alive, for that import takes seconds.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.runs.control import ControlReader
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.recorder import Recorder

if TYPE_CHECKING:
    from tuiprefs.learning.jobs import Job

# The setting that costs a run of each kind the most memory.
_MEMORY_SETTINGS = {
    "lm": "language_model.batch_tokens",
    "reward": "reward.max_tokens",
    "policy": "policy.micro_batch_size",
    "sample": "sampling.batch_size",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the run that the arguments name; returns the exit code: 0 done or stopped, 1 failed, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m tuiprefs.learning.worker", description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    options = parser.parse_args(arguments)
    folder = RunFolder(options.run.absolute())
    try:
        kind = folder.spec.kind
        recorder = Recorder(folder)
    except TuiprefsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    control = ControlReader(folder)
    control.catch_signals()
    # A terminal that closes is no reason to stop; the supervisor gives a run no terminal, a shell does.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return _guarded(recorder, kind, lambda: _do(folder, recorder, control, options.resume))


def _do(folder: RunFolder, recorder: Recorder, control: ControlReader, resume: bool) -> str:
    """Do the run; returns in one sentence how it ended."""
    # A thread that waits must not spin: beside the app, that costs more than all the threads gain.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from transformers.utils import logging

    from tuiprefs.learning.jobs import Job

    logging.disable_progress_bar()
    job = Job(folder, recorder, control, resume)
    try:
        runner(folder.spec.kind)(job)
    finally:
        job.close()
    return job.stop_reason or "finished"


def runner(kind: str) -> Callable[[Job], None]:
    """The function that does runs of this kind; imported when it is asked for."""
    match kind:
        case "policy":
            from tuiprefs.learning.jobs_policy import run_policy

            return run_policy
        case "reward":
            from tuiprefs.learning.jobs_reward import run_reward

            return run_reward
        case "sample":
            from tuiprefs.learning.jobs_sample import run_sample

            return run_sample
        case "lm":
            from tuiprefs.learning.jobs_lm import run_lm

            return run_lm
        case _:
            raise UserError(f"This tuiprefs knows no run of the kind “{kind}”: use the version that made it.")


def _guarded(recorder: Recorder, kind: str, work: Callable[[], str]) -> int:
    """Do ``work`` and record how it ended, whatever that was; returns the exit code."""
    try:
        reason = work()
    except KeyboardInterrupt:
        return _end(recorder, 130, "interrupted from the keyboard")
    except BaseException as error:
        traceback.print_exc()
        reason, code = explain(error, kind)
        return _end(recorder, code, reason, traceback.format_exc())
    return _end(recorder, 0, reason)


def _end(recorder: Recorder, code: int, reason: str, trace: str | None = None) -> int:
    try:
        recorder.exit(code, reason, traceback=trace)
    except OSError as error:
        # On a full disk the log may still have room, and the supervisor quotes its last line.
        print(f"{reason} (exit.json could not be written: {error.strerror})", file=sys.stderr)
        return code or 1
    print(reason)
    return code


def explain(error: BaseException, kind: str) -> tuple[str, int]:
    """One sentence for what ended a run of this kind, and the exit code."""
    if isinstance(error, TuiprefsError):
        return str(error), error.exit_code
    if _in_chain(error, _disk_full):
        return "The disk is full: make room and resume; the last checkpoint is whole.", 1
    if _in_chain(error, _out_of_memory):
        setting = _MEMORY_SETTINGS[kind]
        return f"There was not enough memory: halve {setting} and start again.", 1
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename} may not be written: change its permissions and resume.", 1
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return (
        f"An unexpected error ended the run ({type(error).__name__}: {first}); the log has the traceback.",
        1,
    )


def _in_chain(error: BaseException, test: Callable[[BaseException], bool]) -> bool:
    """Whether the error, or one that it came from, passes the test."""
    present: BaseException | None = error
    while present is not None:
        if test(present):
            return True
        present = present.__cause__ or present.__context__
    return False


def _disk_full(error: BaseException) -> bool:
    # Libraries written in other languages pass the system's words on without its number.
    named = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return named or "No space left on device" in str(error)


def _out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in text
        or "not enough memory" in text
    )


if __name__ == "__main__":
    sys.exit(main())
