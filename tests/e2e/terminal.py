"""A program in a real terminal: tmux runs it, the test types and reads the screen."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class Terminal:
    """One tmux server of its own with one window."""

    def __init__(self, folder: Path, width: int = 80, height: int = 24) -> None:
        self._socket = folder / "tmux.sock"
        self._status = folder / "exit-code"
        self._size = (str(width), str(height))

    def run(self, *command: object, environment: dict[str, str] | None = None) -> None:
        """Start the command; its exit code is kept when it ends."""
        line = f"{shlex.join(map(str, command))}; echo $? > {shlex.quote(str(self._status))}; sleep 600"
        width, height = self._size
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "sh", "-c", line,
            environment=environment,
        )  # fmt: skip

    def keys(self, *names: str) -> None:
        """Type keys, by tmux's names."""
        self._tmux("send-keys", *names)

    def screen(self) -> str:
        """What stands on the screen."""
        return self._tmux("capture-pane", "-p")

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """The screen, once ``text`` stands on it."""
        return self.wait_until(lambda: text in self.screen(), f"“{text}” on the screen", seconds)

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float = 60) -> str:
        """The screen, once ``holds`` is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return self.screen()
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds} s for {what}; the screen is\n{self.screen()}")

    def child(self) -> int:
        """The pid of the command that the window's shell runs."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        children = subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True, check=True).stdout
        return int(children.split()[0])

    def exit_code(self, seconds: float = 30) -> int:
        """The exit code of the command, once it has ended."""
        self.wait_until(lambda: self._status.exists() and bool(self._status.read_text()), "the end", seconds)
        return int(self._status.read_text())

    def close(self) -> None:
        """End the server and all that runs in it."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        variables = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        variables.pop("TMUX", None)
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=variables,
        )
        return done.stdout
