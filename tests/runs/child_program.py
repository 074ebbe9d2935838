"""A child that behaves as its first argument says: ``child_program.py BEHAVIOUR RUN_DIR [--resume]``."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from tuiprefs.runs.control import ControlReader
from tuiprefs.runs.folder import RunFolder
from tuiprefs.runs.recorder import Recorder


def main() -> None:
    behaviour, folder = sys.argv[1], RunFolder(Path(sys.argv[2]))
    {"obey": obey, "count": count, "stubborn": stubborn, "orphan": orphan, "sleep": sleep}[behaviour](folder)


def obey(folder: RunFolder) -> None:
    """Work for ever, obeying pause, resume and stop."""
    recorder, control = Recorder(folder, total_updates=1000), ControlReader(folder)
    control.catch_signals()
    update, paused = 0, False
    while True:
        for command in control.poll():
            recorder.event("obeyed", command=command["command"])
            if command["command"] == "stop":
                recorder.exit(0, f"stopped: {command.get('reason')}")
                return
            paused = {"pause": True, "resume": False}.get(command["command"], paused)
        recorder.heartbeat("paused" if paused else "working", paused=paused)
        if not paused:
            update += 1
            recorder.metrics(update, {"x": update})
        time.sleep(0.02)


def count(folder: RunFolder) -> None:
    """Do five updates; the first life is killed after the third, with a checkpoint at the second."""
    recorder = Recorder(folder, total_updates=5)
    first = 1
    if "--resume" in sys.argv:
        first = 3
        recorder.truncate_after(2)
    for update in range(first, 6):
        recorder.metrics(update, {"x": update * update})
        recorder.sample({"update": update, "text": f"tune {update}"})
        if update == 3 and "--resume" not in sys.argv:
            print("about to be killed", flush=True)
            signal.raise_signal(signal.SIGKILL)
    recorder.exit(0, "all updates are done")


def stubborn(folder: RunFolder) -> None:
    """Ignore commands and SIGTERM, beside a process of its own that does the same."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deaf = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print(1, flush=True); time.sleep(600)"
    other = subprocess.Popen([sys.executable, "-c", deaf, str(folder.path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    Recorder(folder).event("ready", grandchild=other.pid)
    time.sleep(600)


def orphan(folder: RunFolder) -> None:
    """Obey a stop at once, but leave a process of its own behind."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(folder.path)])
    recorder, control = Recorder(folder), ControlReader(folder)
    recorder.event("ready", grandchild=other.pid)
    while not control.poll():
        time.sleep(0.02)
    recorder.exit(0, "stopped")


def sleep(folder: RunFolder) -> None:
    """Never say who it is."""
    time.sleep(600)


if __name__ == "__main__":
    main()
