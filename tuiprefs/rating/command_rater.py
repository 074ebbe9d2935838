"""A rater that is a program: one JSON line to it for each pair, one JSON line back."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from tuiprefs.project.errors import TuiprefsError, UserError
from tuiprefs.rating.session import ANSWERS, Answer, RatingSession

LONGEST_LINE = 65_536
"""Longest answer in bytes; a program that writes more without a line end is not answering."""

_READ = 65_536
_FAREWELL_SECONDS = 2.0
_LONGEST_QUOTE = 200


class RaterError(TuiprefsError):
    """The rater program died, hung or answered nonsense. What was rated before stays."""


@dataclass(frozen=True)
class RateReport:
    """What a rater program has done."""

    asked: int
    """Pairs that it answered, skips included."""

    left: int
    """Pairs in which it preferred the left sample."""

    right: int
    ties: int
    skipped: int
    automatic: int
    """Pairs that auto-fail decided meanwhile."""

    seconds: float
    """Time from the first question to the last answer."""


class CommandRater:
    """A running rater program.

    It gets ``{"left": TEXT, "right": TEXT, "pair": ID}`` and answers ``{"choice": CHOICE}``, CHOICE being one
    of left, right, tie and skip, each on one line; other keys in an answer are passed over.
    """

    def __init__(self, command: str, timeout_seconds: float = 30.0) -> None:
        """Start ``command`` once, without a shell, in a process group of its own.

        ``timeout_seconds`` is the longest wait for one answer, start-up included.

        Raises:
            UserError: the command cannot be parsed or started.
        """
        self.command = command
        self.timeout_seconds = timeout_seconds
        self._answers = bytearray()
        self._complaints = bytearray()
        self._healthy = True
        self._process = _started(command)
        self._selector = selectors.DefaultSelector()
        self._stdin, self._stdout, self._stderr = _pipes(self._process)
        for stream in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(stream.fileno(), False)
        self._selector.register(self._stdout, selectors.EVENT_READ, self._answers)
        self._selector.register(self._stderr, selectors.EVENT_READ, self._complaints)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, left: str, right: str, pair: int | str) -> Answer:
        """The program's answer about one pair.

        Raises:
            RaterError: it died, did not answer in time, or answered nonsense.
        """
        try:
            self._read(0)
            if self._answers:
                unasked = _quotable(bytes(self._answers)) or "an empty line"
                raise RaterError(
                    f"{self} wrote more than one line for each pair: {unasked}{self._last_complaint()}."
                )
            # ASCII only: no locale of the program can spoil it.
            question = json.dumps({"left": left, "right": right, "pair": pair}).encode("ascii") + b"\n"
            return self._parsed(self._exchange(question, pair), pair)
        except RaterError:
            self._healthy = False
            raise

    def close(self) -> None:
        """End the program: politely first, then its whole process group."""
        if self._stdout.closed:
            return
        with contextlib.suppress(OSError):
            self._stdin.close()
        deadline = time.monotonic() + (_FAREWELL_SECONDS if self._healthy else 0)
        # Its pipes are emptied meanwhile: a program that is writing cannot end.
        while self._process.poll() is None and time.monotonic() < deadline:
            self._read(0.05)
        self._signal_group(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_FAREWELL_SECONDS)
        # What the program itself started may still be there.
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        self._stdout.close()
        self._stderr.close()

    def __str__(self) -> str:
        return f"The rater command “{self.command}”"

    def _exchange(self, question: bytes, pair: int | str) -> bytes:
        """Write the question and wait for one line."""
        deadline = time.monotonic() + self.timeout_seconds
        unsent = memoryview(question)
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        try:
            while b"\n" not in self._answers:
                if len(self._answers) > LONGEST_LINE:
                    raise self._nonsense(pair)
                seconds_left = deadline - time.monotonic()
                if seconds_left <= 0:
                    raise RaterError(
                        f"{self} did not answer pair {pair} within {self.timeout_seconds:g} s"
                        f"{self._last_complaint()}."
                    )
                if self._read(seconds_left):
                    unsent = self._send(unsent)
                if self._stdout not in self._selector.get_map():
                    if self._answers:
                        break
                    raise self._died(pair)
        finally:
            self._stop_watching(self._stdin)
        line, _, rest = bytes(self._answers).partition(b"\n")
        self._answers[:] = rest
        return line

    def _read(self, seconds: float) -> bool:
        """Read what there is, waiting up to ``seconds``; returns whether the program's input takes more."""
        writable = False
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._stdin:
                writable = True
                continue
            try:
                data = os.read(key.fd, _READ)
            except BlockingIOError:
                continue
            if data:
                key.data.extend(data)
            else:
                self._selector.unregister(key.fileobj)
        del self._complaints[:-_READ]
        return writable

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            unsent = unsent[os.write(self._stdin.fileno(), unsent) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            # It no longer reads; whether it still answers, its output tells.
            unsent = unsent[:0]
        if not unsent:
            self._stop_watching(self._stdin)
        return unsent

    def _stop_watching(self, stream: IO[bytes]) -> None:
        if stream in self._selector.get_map():
            self._selector.unregister(stream)

    def _parsed(self, line: bytes, pair: int | str) -> Answer:
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        choice = answer.get("choice") if isinstance(answer, dict) else None
        for known in ANSWERS:
            if choice == known:
                return known
        raise self._nonsense(pair, line)

    def _nonsense(self, pair: int | str, line: bytes | None = None) -> RaterError:
        said = _quotable(bytes(self._answers) if line is None else line) or "an empty line"
        return RaterError(
            f"{self} answered pair {pair} with {said}, "
            f'not with one line like {{"choice": "left"}}{self._last_complaint()}.'
        )

    def _died(self, pair: int | str) -> RaterError:
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while time.monotonic() < deadline and (
            self._stderr in self._selector.get_map() or self._process.poll() is None
        ):
            self._read(0.05)
        code = self._process.poll()
        how = (
            "closed its output"
            if code is None
            else f"was killed by signal {-code}"
            if code < 0
            else f"ended with exit code {code}"
        )
        return RaterError(f"{self} {how} before answering pair {pair}{self._last_complaint()}.")

    def _last_complaint(self) -> str:
        """The last line on its standard error, for the end of a sentence."""
        lines = [line for line in bytes(self._complaints).splitlines() if line.strip()]
        return f": {_quotable(lines[-1]).rstrip('.')}" if lines else ""

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, number)


def rate_by_command(
    session: RatingSession,
    rater: CommandRater,
    count: int,
    on_answer: Callable[[int], None] | None = None,
) -> RateReport:
    """Let ``rater`` answer ``count`` pairs of ``session``, or all there are; each answer is stored at once.

    ``on_answer`` gets the number answered so far, skips included.

    Raises:
        RaterError: the program failed; what it answered before is stored.
    """
    answers: Counter[Answer] = Counter()
    start = time.monotonic()
    while answers.total() < count and (pair := session.next()) is not None:
        asked = time.monotonic()
        answer = rater.ask(pair.left.text, pair.right.text, answers.total() + 1)
        session.choose(pair, answer, time.monotonic() - asked)
        answers[answer] += 1
        if on_answer is not None:
            on_answer(answers.total())
    return RateReport(
        asked=answers.total(),
        left=answers["left"],
        right=answers["right"],
        ties=answers["tie"],
        skipped=answers["skip"],
        automatic=session.progress.automatic,
        seconds=time.monotonic() - start,
    )


def _started(command: str) -> subprocess.Popen[bytes]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"The rater command “{command}” cannot be read: {error}.") from None
    if not words:
        raise UserError("The rater command is empty: name a program and its arguments.")
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(f"The rater command “{words[0]}” cannot be started: {error.strerror}.") from None
    except ValueError as error:
        raise UserError(f"The rater command “{command}” cannot be started: {error}.") from None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise RuntimeError("a process started with three pipes has three pipes")
    return stdin, stdout, stderr


def _quotable(line: bytes) -> str:
    """One printable line of at most ``_LONGEST_QUOTE`` characters."""
    text = line[: 4 * _LONGEST_QUOTE].decode("utf-8", "replace")
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"
