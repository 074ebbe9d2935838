"""Rater programs that behave well or badly: ``python raters.py NAME [ARGUMENT...]``."""

import json
import os
import signal
import subprocess
import sys
import time


def answer(choice, **more):
    print(json.dumps({"choice": choice, **more}), flush=True)


def questions():
    for line in sys.stdin:
        yield json.loads(line)


def fair():
    """Answers left, right, tie, skip in turn and notes what it was asked."""
    with open(sys.argv[2], "a") as notes:
        for number, question in enumerate(questions()):
            notes.write(json.dumps(question) + "\n")
            notes.flush()
            answer(("left", "right", "tie", "skip")[number % 4], reason="because")


def dies():
    """Answers twice, complains, and ends."""
    for number, _ in enumerate(questions()):
        if number == 2:
            print("loading\nout of luck\n", file=sys.stderr)
            sys.exit(3)
        answer("left")


def dies_by_signal():
    for _ in questions():
        os.kill(os.getpid(), signal.SIGKILL)


def hangs():
    """Answers once and then no more; neither a closed input nor a polite signal ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number, _ in enumerate(questions()):
        if number == 1:
            break
        answer("left")
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[2]])
    while True:
        time.sleep(1)


def says():
    """Answers each question with its argument."""
    for _ in questions():
        sys.stdout.buffer.write(sys.argv[2].encode().decode("unicode_escape").encode("latin-1"))
        sys.stdout.flush()


def novel():
    """Never stops talking and never ends a line."""
    while True:
        sys.stdout.write("It was a dark and stormy night; " * 100)


def shouts():
    """Answers well, and complains at length."""
    for _ in questions():
        sys.stderr.write("noise\n" * 40_000)
        sys.stderr.flush()
        answer("right")


def deaf():
    """Does not read what it is told."""
    time.sleep(600)


def last_words():
    """Answers without a line end and ends."""
    sys.stdin.readline()
    sys.stdout.write('{"choice": "tie"}')


globals()[sys.argv[1]]()
