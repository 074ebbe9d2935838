"""From comparisons in the store to what a reward model trains on and is tested on."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuiprefs.project.errors import UserError
from tuiprefs.project.learning_settings import RewardSettings
from tuiprefs.store.comparisons import ComparisonRecord

FEWEST_COMPARISONS = 8


@dataclass(frozen=True)
class Preference:
    """One comparison as a training example.

    Attributes:
        sample_ids: the samples compared.
        targets: for each the share of the judgement that it won: 1 and 0, or equal shares for a tie.
        weight: what the example counts in the loss.
        automatic: auto-fail decided it, not a rater.
    """

    sample_ids: tuple[int, ...]
    targets: tuple[float, ...]
    weight: float = 1.0
    automatic: bool = False

    @property
    def tie(self) -> bool:
        """No sample was better."""
        return max(self.targets) < 1


@dataclass(frozen=True)
class Split:
    """Examples to train on and examples kept back; ``shared`` of the latter hold a sample of the former."""

    train: list[Preference]
    heldout: list[Preference]
    shared: int


def preferences_from(comparisons: Iterable[ComparisonRecord], settings: RewardSettings) -> list[Preference]:
    """The comparisons that say something about taste, weighted by the settings; skips say nothing.

    Raises:
        UserError: too few are left to train on.
    """
    found = []
    for comparison in comparisons:
        if comparison.outcome == "skip" or comparison.undone:
            continue
        automatic = comparison.origin == "autofail"
        tie = comparison.outcome == "tie"
        weight = (settings.autofail_weight if automatic else 1.0) * (settings.tie_weight if tie else 1.0)
        if weight > 0:
            targets = _targets(len(comparison.sample_ids), None if tie else comparison.best)
            found.append(Preference(comparison.sample_ids, targets, weight, automatic))
    if len(found) < FEWEST_COMPARISONS:
        raise UserError(
            f"A reward model needs {FEWEST_COMPARISONS} comparisons or more, and there are {len(found)} that "
            "it can use: rate more pairs in the Rate tab or with `tuiprefs rate`."
        )
    return found


def split_preferences(preferences: Sequence[Preference], fraction: float, seed: int) -> Split:
    """Keep back ``fraction`` of the examples so that, where it can be done, none shares a sample with the
    rest.

    Examples that share samples hang together; whole such groups are kept back while they fit. Where that
    yields less than half of what is wanted, single examples are drawn instead, and ``shared`` says how many
    of them leak.
    """
    wanted = round(len(preferences) * fraction)
    draw = random.Random(seed)
    groups = _groups(preferences)
    draw.shuffle(groups)
    chosen: list[int] = []
    for group in groups:
        if len(chosen) + len(group) <= wanted:
            chosen.extend(group)
    if len(chosen) * 2 < wanted:
        chosen = draw.sample(range(len(preferences)), wanted)
    kept_back = set(chosen)
    train = [one for index, one in enumerate(preferences) if index not in kept_back]
    heldout = [one for index, one in enumerate(preferences) if index in kept_back]
    trained = {id_ for one in train for id_ in one.sample_ids}
    return Split(train, heldout, sum(any(id_ in trained for id_ in one.sample_ids) for one in heldout))


def _targets(size: int, best: int | None) -> tuple[float, ...]:
    if best is None:
        return (1.0 / size,) * size
    return tuple(1.0 if index == best else 0.0 for index in range(size))


def _groups(preferences: Sequence[Preference]) -> list[list[int]]:
    """Indices of the examples, in lists that share no sample with each other (union-find over samples)."""
    parent: dict[int, int] = {}

    def root(id_: int) -> int:
        parent.setdefault(id_, id_)
        while parent[id_] != id_:
            parent[id_] = parent[parent[id_]]
            id_ = parent[id_]
        return id_

    for one in preferences:
        for id_ in one.sample_ids[1:]:
            parent[root(id_)] = root(one.sample_ids[0])
    groups: dict[int, list[int]] = {}
    for index, one in enumerate(preferences):
        groups.setdefault(root(one.sample_ids[0]), []).append(index)
    return list(groups.values())
