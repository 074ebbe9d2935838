"""500 texts that no model should write: each gets a verdict, and nothing is left behind."""

from __future__ import annotations

import os
import random
import string
from pathlib import Path

import psutil
import pytest

from tests.rating.helpers import make_tune
from tuiprefs.domains import get
from tuiprefs.music.render import Renderer
from tuiprefs.music.render_settings import RenderSettings
from tuiprefs.project.assets import asset
from tuiprefs.project.settings import AutofailSettings
from tuiprefs.rating.autofail import RULES, AutoFail, judge_unchecked
from tuiprefs.rating.blacklist import load_blacklist
from tuiprefs.store.database import Store
from tuiprefs.store.samples import NewSample, add_samples, list_samples

HEAD = "X:1\nL:1/8\nM:4/4\nK:C\n"
# Known to crash or hang one version of abc2midi or another, or to read files.
PATHOLOGICAL = [
    "",
    "\n\n\n",
    "\x00\x01\x02",
    "X:1",
    HEAD,
    HEAD + "Z99999999|",
    HEAD + "P:A999999999\nABcd|",
    "X:1\nP:" + "(" * 500 + "A" + ")" * 500 + "\nK:C\nP:A\nABcd|\n",
    HEAD + "A&" * 500 + "B|",
    HEAD + "[" * 2000,
    HEAD + "(9" * 2000 + "abc",
    HEAD + "a" * 50_000,
    HEAD + "|:" * 3000 + "A|",
    HEAD + "A999999999999/1|" * 20,
    HEAD + "A1/0|B0/0|" * 20,
    "X:1\nL:0/0\nM:0/0\nQ:0/0=0\nK:\nABcd|",
    "X:1\nM:4/4\nQ:1/4=99999999\nK:C\n" + "ABcd|" * 20,
    HEAD + "%%abc-include /etc/passwd\n" + "ABcd|" * 20,
    HEAD + "%%MIDI program 99999\n%%MIDI chordprog -1\n" + "ABcd|" * 20,
    "V:1\n" * 300 + HEAD + "ABcd|" * 20,
    "X:1\nm:~n3 = n/o/n/m/n/\n" * 200 + "K:C\n" + "~A3 " * 50,
    "♯♭𝄞" * 300,
    "%" * 10_000,
    'w:"' * 3000,
]


def garbage(chance: random.Random) -> str:
    kind = chance.randrange(5)
    if kind == 0:
        return "".join(chance.choice(string.printable) for _ in range(chance.randrange(300)))
    if kind == 1:
        return HEAD + "".join(
            chance.choice("ABCDEFGabcdefgz^_=,'/23468|:[](){}<>-\"!~ \n") for _ in range(250)
        )
    if kind == 2:
        return "".join(
            chr(chance.choice((chance.randrange(32, 0xD7FF), chance.randrange(256)))) for _ in range(90)
        )
    letters = list(make_tune(chance.randrange(10**9)))
    for _ in range(chance.randrange(1, 40)):
        letters[chance.randrange(len(letters))] = chance.choice(string.printable)
    return "".join(letters[: chance.randrange(len(letters)) + 1] if kind == 3 else letters)


@pytest.mark.e2e
def test_garbage_gets_verdicts(store: Store, tmp_path: Path) -> None:
    chance = random.Random(7)
    texts = dict.fromkeys(PATHOLOGICAL)
    while len(texts) < 500:
        texts[garbage(chance)] = None
    added = add_samples(store, [NewSample(text, "import") for text in texts])
    assert added.new == 500
    renderer = Renderer(tmp_path / "cache", RenderSettings(timeout_seconds=2))
    autofail = AutoFail(get("abc"), AutofailSettings(), renderer, load_blacklist(asset("blacklist.txt")))
    counts = judge_unchecked(store, autofail)
    assert sum(counts.values()) == 500
    assert set(counts) <= {*RULES, "ok"}
    assert {"not-abc", "too-many-errors", "too-short"} <= set(counts)
    assert len(list_samples(store, verdict="unchecked")) == 0
    assert all(sample.rule for sample in list_samples(store, verdict="broken"))
    assert psutil.Process(os.getpid()).children(recursive=True) == []
