"""Which two samples to compare next: disjoint passes over all samples, or random pairs."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tuiprefs.rating.queries import settled_pairs
from tuiprefs.store.database import Store
from tuiprefs.store.samples import SampleRecord, count_samples, get_samples, list_samples

Strategy = Literal["disjoint", "random"]
Automatic = Literal["left", "right", "tie"]

# Rotations of the second half that are tried before pairs judged earlier are dropped from a pass.
_ROTATIONS = 64
_DRAWS = 20


@dataclass(frozen=True)
class Pair:
    """Two samples to compare, in the order in which they are shown."""

    left: SampleRecord
    right: SampleRecord
    automatic: Automatic | None = None
    """What auto-fail says of the pair; None where a rater has to be asked."""

    @property
    def key(self) -> frozenset[int]:
        """The two ids: a pair is the same pair whichever side each sample stands on."""
        return frozenset((self.left.id, self.right.id))


class PairSource(Protocol):
    """Where a rating session gets its pairs from."""

    def next_pair(self) -> Pair | None:
        """The next pair, each only once; None when there is none left."""
        ...

    @property
    def remaining(self) -> int:
        """Pairs left of what was planned."""
        ...

    def extra(self, pair: Pair) -> dict[str, Any] | None:
        """What to store beside the judgement of ``pair``, whose sides are those on the screen."""
        ...


@dataclass(frozen=True)
class PairFilters:
    """Which samples are compared."""

    source: str | None = None
    """Only samples from this source."""

    run: str | None = None
    """Only samples of this run."""

    model: str | None = None
    """Only samples of this model."""

    corpus: bool = False
    """Whether corpus texts take part; they always do where ``source`` asks for them."""

    def allows(self, sample: SampleRecord) -> bool:
        """Whether the sample takes part, given that run and model fit."""
        if self.source is not None:
            return sample.source == self.source
        return self.corpus or sample.source != "corpus"


class Pairer:
    """Hands out pairs that ``rater`` has not judged, of samples with one query, least compared first.

    disjoint: a pass shuffles the least compared samples, cuts them into halves and sets number i against
    number n/2+i, so that every sample is used once (the essay's way); further passes pair them anew. random:
    a pass is n/2 pairs, each of a least compared sample with any other. Samples that are stored meanwhile are
    taken up. The same seed and database give the same pairs. May be called from several threads.
    """

    def __init__(
        self,
        store: Store,
        rater: str,
        strategy: Strategy = "disjoint",
        seed: int = 0,
        filters: PairFilters | None = None,
    ) -> None:
        self.store = store
        self.rater = rater
        self.strategy = strategy
        self.seed = seed
        self.filters = filters or PairFilters()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._groups: defaultdict[str, list[int]] = defaultdict(list)
        self._seen_rows = 0
        self._settled = settled_pairs(store, rater)
        self._uses = Counter(id_ for pair in self._settled for id_ in pair)
        self._queue: deque[tuple[int, int]] = deque()
        self._take_up_new_samples()

    def next_pair(self) -> Pair | None:
        """The next pair, or None when this rater has judged every pair there is."""
        with self._lock:
            self._take_up_new_samples()
            if not self._queue:
                self._queue.extend(self._new_pass())
            if not self._queue:
                return None
            ids = self._queue.popleft()
            self._settled.add(frozenset(ids))
            self._uses.update(ids)
        left, right = get_samples(self.store, ids)
        return Pair(left, right)

    @property
    def remaining(self) -> int:
        """Pairs left in this pass."""
        return len(self._queue)

    def extra(self, pair: Pair) -> dict[str, Any] | None:
        """How the pair was chosen."""
        return {"pairing": self.strategy, "seed": self.seed}

    def _take_up_new_samples(self) -> None:
        run, model = self.filters.run, self.filters.model
        count = count_samples(self.store, run=run, model=model)
        if count <= self._seen_rows:
            return
        new = list_samples(self.store, run=run, model=model, offset=self._seen_rows)
        self._seen_rows += len(new)
        wanted = [sample for sample in new if self.filters.allows(sample)]
        for sample in wanted:
            self._groups[sample.query].append(sample.id)
        if wanted:
            # The pairs not handed out yet are planned again, together with the new samples.
            self._queue = deque(self._new_pass())

    def _new_pass(self) -> list[tuple[int, int]]:
        make = _disjoint_pass if self.strategy == "disjoint" else _random_pass
        passes: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for ids in self._groups.values():
            if len(ids) < 2:
                continue
            pairs = make(ids, self._uses, self._settled, self._random)
            if pairs:
                passes[min(self._uses[id_] for pair in pairs for id_ in pair)] += pairs
        if not passes:
            return []
        # Queries whose samples have been compared less often come first.
        chosen = passes[min(passes)]
        if len(self._groups) > 1:
            self._random.shuffle(chosen)
        return chosen


def _disjoint_pass(
    ids: Sequence[int], uses: Counter[int], settled: set[frozenset[int]], chance: random.Random
) -> list[tuple[int, int]]:
    """Number i of the shuffled least used samples against number n/2+i; an odd one waits."""
    least = min(uses[id_] for id_ in ids)
    pool = [id_ for id_ in ids if uses[id_] == least]
    chance.shuffle(pool)
    half = len(pool) // 2
    first, second = pool[:half], pool[half : 2 * half]
    best: list[tuple[int, int]] = []
    for shift in range(min(half, _ROTATIONS)):
        rotated = second[shift:] + second[:shift]
        pairs = [pair for pair in zip(first, rotated, strict=True) if frozenset(pair) not in settled]
        if len(pairs) > len(best):
            best = pairs
        if len(best) == half:
            break
    return best or _least_used_pair(ids, uses, settled, chance)


def _random_pass(
    ids: Sequence[int], uses: Counter[int], settled: set[frozenset[int]], chance: random.Random
) -> list[tuple[int, int]]:
    """n/2 different pairs: each of the least used samples against any other."""
    taken: set[frozenset[int]] = set()
    pairs: list[tuple[int, int]] = []
    for first in _by_use(ids, uses, chance)[: max(1, len(ids) // 2)]:
        for _ in range(_DRAWS):
            second = chance.choice(ids)
            key = frozenset((first, second))
            if second != first and key not in settled and key not in taken:
                taken.add(key)
                pairs.append((first, second))
                break
    return pairs or _least_used_pair(ids, uses, settled, chance)


def _least_used_pair(
    ids: Sequence[int], uses: Counter[int], settled: set[frozenset[int]], chance: random.Random
) -> list[tuple[int, int]]:
    """One pair not judged yet, found whenever there is any."""
    order = _by_use(ids, uses, chance)
    for place, first in enumerate(order):
        for second in order[place + 1 :]:
            if frozenset((first, second)) not in settled:
                return [(first, second)]
    return []


def _by_use(ids: Iterable[int], uses: Counter[int], chance: random.Random) -> list[int]:
    """The least used first, those used equally often in random order."""
    return sorted(ids, key=lambda id_: (uses[id_], chance.random()))
