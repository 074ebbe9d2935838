"""A compiler that needs no abc2midi, and sound and broken tunes."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field

from tuiprefs.music.render_settings import RenderSettings
from tuiprefs.store.database import Store
from tuiprefs.store.samples import NewSample, add_samples


@dataclass(frozen=True)
class FakeCompiled:
    outcome: str = "ok"
    errors: tuple[str, ...] = ()
    sounding_seconds: float = 20.0
    settings: RenderSettings = field(default_factory=lambda: RenderSettings(speed=1.0))


class FakeCompiler:
    """Answers by what stands in the tune, and notes what it was asked."""

    def __init__(self) -> None:
        self.results: dict[str, FakeCompiled] = {}
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def check(self, abc: str) -> FakeCompiled:
        with self._lock:
            self.asked.append(abc)
        return next((result for mark, result in self.results.items() if mark in abc), FakeCompiled())


def make_tune(seed: int, bars: int = 12) -> str:
    """A tune of random eighth notes that no rule rejects."""
    chance = random.Random(seed)
    music = "|".join("".join(chance.choice("CDEFGABcdefg") for _ in range(8)) for _ in range(bars))
    return f"X:1\nL:1/8\nM:4/4\nK:C\n{music}|]\n"


def broken_tune(seed: int) -> str:
    """A tune that fails by repetition."""
    return f"X:{seed}\nL:1/8\nM:4/4\nK:C\n{'CDEF' * 40}|]\n"


def fill(store: Store, count: int, *, start: int = 0, broken: int = 0, source: str = "model") -> list[int]:
    """Store ``count`` sound tunes and then ``broken`` broken ones; returns their ids."""
    texts = [make_tune(start + number) for number in range(count)]
    texts += [broken_tune(start + number) for number in range(broken)]
    return add_samples(store, [NewSample(text, source, model="m") for text in texts]).ids
