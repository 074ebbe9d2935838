"""The weight of the KL penalty: held fixed, or steered so that the policy stays a set distance away."""

from __future__ import annotations

from dataclasses import dataclass

# The steering error is clipped to this, so that one odd batch cannot throw the coefficient (Ziegler et al.
# 2019).
ERROR_LIMIT = 0.2


@dataclass
class KLController:
    """The coefficient of the KL penalty and how it follows the KL that is measured.

    Attributes:
        coefficient: reward lost per nat.
        target: nats per sample that the policy is steered to; ``None`` leaves the coefficient alone.
        horizon: episodes over which the coefficient changes by a factor of about e for an error of 1.
        minimum, maximum: bounds of the coefficient, for the original has none and runs away.
    """

    coefficient: float
    target: float | None = None
    horizon: float = 10000.0
    minimum: float = 0.0
    maximum: float = float("inf")

    def update(self, kl: float, episodes: int) -> None:
        """Follow the ``kl`` (nats per sample) that a batch of ``episodes`` showed.

        ``e = clip(kl / target - 1, ±0.2)``; ``coefficient *= 1 + e * episodes / horizon`` (Ziegler et al.
        2019).
        """
        if self.target is None:
            return
        error = min(max(kl / self.target - 1, -ERROR_LIMIT), ERROR_LIMIT)
        steered = self.coefficient * (1 + error * episodes / self.horizon)
        self.coefficient = min(max(steered, self.minimum), self.maximum)
