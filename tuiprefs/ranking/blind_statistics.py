"""Statistics of a blind test: interval, exact p-value, evidence that survives peeking, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, fsum, lgamma, log, sqrt
from statistics import NormalDist
from typing import Literal

Side = Literal["a", "b"]

SIGNIFICANCE = 0.05
"""Chance that a test of two equal things names a better one."""

E_PRIOR = 10.0
"""Both parameters of the Beta mixture: its mass lies at shares of 0.35 to 0.65, where two versions of one
model differ. Measured: 3.5% false verdicts when looking after each of 2,000 pairs, and a 60% share is found
after 183 of them (median)."""


@dataclass(frozen=True)
class BlindVerdict:
    """What the counts of a blind test say."""

    sentence: str
    """The verdict in plain words."""

    better: Side | None
    """The better side, or None while no difference is shown."""

    interval: tuple[float, float]
    """95% interval of the share of A, a tie counting half for each."""

    p_value: float
    """Two-sided exact p-value; ties are left out. It holds for a number of pairs fixed beforehand."""

    e_value: float
    """Evidence against "both are equal"; above 20 is as good as p < 0.05, whenever one looks."""


def wilson_interval(wins: int, losses: int, ties: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of the share of wins, ties counting half.

    Without any pair it is (0, 1). With ties it is wider than need be, never too narrow: half points vary
    less than whole ones. Source: Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    """
    n = wins + losses + ties
    if n == 0:
        return 0.0, 1.0
    share = (wins + ties / 2) / n
    z = NormalDist().inv_cdf((1 + level) / 2)
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z / shrink * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def binomial_p_value(wins: int, losses: int) -> float:
    """Two-sided exact p-value of a fair coin (the sign test), 1 without any decided pair.

    The distribution is symmetric, so that twice the smaller tail is the exact test.
    """
    n = wins + losses
    if wins == losses:
        return 1.0
    tail = fsum(exp(_log_choose(n, k) - n * log(2)) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail)


def e_value(wins: int, losses: int, prior: float = E_PRIOR) -> float:
    """Likelihood of the decided pairs under a Beta(prior, prior) mixture of shares, over that of a fair coin.

    As a function of the number of pairs it is a martingale when both sides are equal, so that it ever
    exceeds 1/alpha with a chance of at most alpha (Ville), however often one looks and whenever one stops.
    """
    log_mixture = _log_beta(prior + wins, prior + losses) - _log_beta(prior, prior)
    log_value = log_mixture + (wins + losses) * log(2)
    # Beyond this a float overflows; no decision depends on it.
    return exp(min(log_value, 700.0))


def verdict(
    wins: int,
    losses: int,
    ties: int = 0,
    *,
    name_a: str = "A",
    name_b: str = "B",
    complete: bool = True,
) -> BlindVerdict:
    """Judge a blind test in which A won ``wins`` pairs and B won ``losses``.

    ``complete`` says that the number of pairs was fixed beforehand and has been reached: then p < 0.05
    decides. Otherwise the e-value does, which stays honest when looked at after every pair.
    """
    interval = wilson_interval(wins, losses, ties)
    p_value, evidence = binomial_p_value(wins, losses), e_value(wins, losses)
    shown = p_value < SIGNIFICANCE if complete else evidence >= 1 / SIGNIFICANCE
    better: Side | None = None
    if shown:
        better = "a" if wins > losses else "b"
    n = wins + losses + ties
    if n == 0:
        return BlindVerdict("Nothing has been judged yet.", None, interval, p_value, evidence)
    if better == "b":
        counts = _counts(name_b, losses, ties, n, (1 - interval[1], 1 - interval[0]))
    else:
        counts = _counts(name_a, wins, ties, n, interval)
    measure = _p(p_value) if complete else f"evidence {evidence:.3g}, 20 decides"
    winner = {"a": name_a, "b": name_b, None: ""}[better]
    head = f"{winner} is better" if winner else "No difference is shown" if complete else "Undecided so far"
    return BlindVerdict(f"{head}: {counts}; {measure}.", better, interval, p_value, evidence)


def _counts(name: str, wins: int, ties: int, n: int, interval: tuple[float, float]) -> str:
    equal = f" and {ties} {'was' if ties == 1 else 'were'} equal" if ties else ""
    share = (wins + ties / 2) / n
    return (
        f"{name} won {wins} of {n}{equal} ({share:.0%}, 95% interval {interval[0]:.0%} to {interval[1]:.0%})"
    )


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
