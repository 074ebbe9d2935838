"""A blind test between the samples of two models, as a source of pairs for a rating session."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tuiprefs.project.errors import UserError
from tuiprefs.ranking.blind_statistics import BlindVerdict, verdict
from tuiprefs.rating.autofail import AutoFail, with_verdicts
from tuiprefs.rating.pairing import Pair
from tuiprefs.rating.queries import get_sitting
from tuiprefs.rating.session import RatingSession
from tuiprefs.store.comparisons import ComparisonRecord, Origin, list_comparisons
from tuiprefs.store.database import Store
from tuiprefs.store.raters import ensure_rater, start_session
from tuiprefs.store.samples import SampleRecord, get_samples

Broken = Literal["exclude", "lose"]


@dataclass(frozen=True)
class BlindPlan:
    """What decides a blind test; kept with its sitting, so that it can be resumed."""

    model_a: str
    model_b: str
    ids_a: list[int]
    """Fresh samples of A as they were drawn; a text drawn twice stands twice."""

    ids_b: list[int]
    broken: Broken = "exclude"
    """exclude: broken samples are passed over; lose: they lose their pair, and two of them are a tie."""

    count: int | None = None
    """Pairs to judge at most, automatic ones included; None for all there are."""


@dataclass(frozen=True)
class BlindResult:
    """How a blind test stands."""

    model_a: str
    model_b: str
    wins_a: int
    wins_b: int
    ties: int
    skips: int
    """Pairs that the rater passed over; they count for nothing."""

    remaining: int
    """Pairs still to judge."""

    broken_a: int
    """Samples of A that auto-fail rejected, of all that were drawn."""

    broken_b: int
    statistics: BlindVerdict

    @property
    def n(self) -> int:
        """Pairs judged: wins and ties."""
        return self.wins_a + self.wins_b + self.ties

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the share of A, ties counting half."""
        return self.statistics.interval

    @property
    def sentence(self) -> str:
        """The verdict in plain words."""
        return self.statistics.sentence


class BlindTest:
    """Pairs of one sample of A and one of B, and how the models stand. A source for ``RatingSession``.

    Which model stands left is left to the session's chance; the rater sees neither names nor order. A text
    that both models wrote is no pair, and no pair comes twice.
    """

    def __init__(
        self,
        store: Store,
        autofail: AutoFail,
        plan: BlindPlan,
        rater: str,
        *,
        sitting: int | None = None,
        origin: Origin = "human",
    ) -> None:
        """Begin the test; ``sitting`` is the stored one that it goes on with.

        Raises:
            UserError: the models have no pair to compare.
        """
        self.store = store
        self.autofail = autofail
        self.plan = plan
        self.rater = rater
        self.origin: Origin = origin
        self._lock = threading.Lock()
        samples = self._samples()
        self._broken = tuple(
            sum(samples[id_].verdict == "broken" for id_ in ids) for ids in (plan.ids_a, plan.ids_b)
        )
        self._planned = self._pairs(samples)
        if not self._planned:
            raise UserError(
                f"There is no pair to compare between {plan.model_a} and {plan.model_b}: "
                "too few of their samples are sound and different; draw more."
            )
        self._side_a = {frozenset(pair): pair[0] for pair in self._planned}
        if sitting is None:
            ensure_rater(store, rater, "human" if origin == "human" else "command")
            sitting = start_session(store, rater, "blind", asdict(plan))
        self.sitting = sitting
        answered = {frozenset(record.sample_ids) for record in self._records()}
        self._queue = [pair for pair in reversed(self._planned) if frozenset(pair) not in answered]

    def session(self, sides: random.Random | None = None) -> RatingSession:
        """The rating session of this test."""
        return RatingSession(
            self.store,
            self.autofail,
            self,
            self.rater,
            "blind",
            origin=self.origin,
            sitting=self.sitting,
            sides=sides,
        )

    def next_pair(self) -> Pair | None:
        """The next pair, A left; None after the last."""
        with self._lock:
            if not self._queue:
                return None
            ids = self._queue.pop()
        left, right = get_samples(self.store, ids)
        return Pair(left, right)

    @property
    def remaining(self) -> int:
        """Pairs not handed out yet."""
        return len(self._queue)

    def extra(self, pair: Pair) -> dict[str, Any] | None:
        """Which side A stood on: 0 is left."""
        return {"blind": True, "a": 0 if pair.left.id == self._side_a[pair.key] else 1}

    def result(self) -> BlindResult:
        """How the test stands, from what is stored."""
        records = self._records()
        counts = Counter(_outcome(record) for record in records)
        remaining = len(self._planned) - len(records)
        wins_a, wins_b, ties = counts["a"], counts["b"], counts["tie"]
        return BlindResult(
            self.plan.model_a,
            self.plan.model_b,
            wins_a,
            wins_b,
            ties,
            skips=counts["skip"],
            remaining=remaining,
            broken_a=self._broken[0],
            broken_b=self._broken[1],
            statistics=verdict(
                wins_a,
                wins_b,
                ties,
                name_a=self.plan.model_a,
                name_b=self.plan.model_b,
                complete=remaining <= 0,
            ),
        )

    def _records(self) -> list[ComparisonRecord]:
        return list_comparisons(self.store, session=self.sitting)

    def _samples(self) -> dict[int, SampleRecord]:
        """All samples of both models, with verdicts."""
        ids = dict.fromkeys(self.plan.ids_a + self.plan.ids_b)
        with ThreadPoolExecutor(max_workers=2) as pool:
            samples = with_verdicts(self.store, self.autofail, get_samples(self.store, ids), pool)
        return {sample.id: sample for sample in samples}

    def _pairs(self, samples: dict[int, SampleRecord]) -> list[tuple[int, int]]:
        """Sample i of A with sample i of B, each pair once."""
        ids_a, ids_b = self.plan.ids_a, self.plan.ids_b
        if self.plan.broken == "exclude":
            ids_a = [id_ for id_ in ids_a if samples[id_].verdict == "ok"]
            ids_b = [id_ for id_ in ids_b if samples[id_].verdict == "ok"]
        # The longer list's rest has no partner.
        different = {frozenset(pair): pair for pair in zip(ids_a, ids_b, strict=False) if pair[0] != pair[1]}
        return list(different.values())[: self.plan.count]


def samples_to_draw(count: int, broken: Broken) -> int:
    """How many samples of a model to draw for ``count`` pairs.

    Where broken ones drop out it is a quarter more and four, which a sound model hardly ever needs.
    """
    return count if broken == "lose" else count + count // 4 + 4


def resume_blind_test(
    store: Store, autofail: AutoFail, sitting: int, *, origin: Origin = "human"
) -> BlindTest:
    """Go on with the blind test stored as ``sitting``, with its rater.

    Raises:
        UserError: there is no such blind test.
    """
    try:
        stored = get_sitting(store, sitting)
    except KeyError:
        raise UserError(f"There is no blind test {sitting} in {store.path}.") from None
    if stored.kind != "blind":
        raise UserError(f"Sitting {sitting} in {store.path} is no blind test.")
    plan = BlindPlan(**stored.settings)
    return BlindTest(store, autofail, plan, stored.rater, sitting=sitting, origin=origin)


def _outcome(record: ComparisonRecord) -> Literal["a", "b", "tie", "skip"]:
    if record.outcome != "choice":
        return record.outcome
    return "a" if record.best == (record.extra or {})["a"] else "b"
