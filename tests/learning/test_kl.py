"""The KL controller against the original's arithmetic, and the bounds that it lacks."""

import pytest

from tuiprefs.learning.kl import KLController


@pytest.mark.parametrize(("kl", "expected"), [(9.0, 0.151536), (0.0, 0.148464), (6.0, 0.15), (6.6, 0.150768)])
def test_golden_values(kl: float, expected: float) -> None:
    controller = KLController(0.15, target=6.0, horizon=10000)
    controller.update(kl, episodes=512)
    assert controller.coefficient == pytest.approx(expected, abs=1e-9)


def test_without_a_target_nothing_moves() -> None:
    controller = KLController(0.15)
    controller.update(1e9, episodes=512)
    assert controller.coefficient == 0.15


def test_the_coefficient_stays_within_its_bounds() -> None:
    controller = KLController(0.15, target=6.0, horizon=100, minimum=0.1, maximum=0.2)
    for _ in range(50):
        controller.update(60.0, episodes=64)
    assert controller.coefficient == 0.2
    for _ in range(50):
        controller.update(0.0, episodes=64)
    assert controller.coefficient == 0.1


def test_an_outlier_moves_it_no_more_than_a_fifth_above_target_does() -> None:
    far, near = KLController(1.0, 6.0, 1000), KLController(1.0, 6.0, 1000)
    far.update(1e6, 100)
    near.update(7.2, 100)
    assert far.coefficient == pytest.approx(near.coefficient)
