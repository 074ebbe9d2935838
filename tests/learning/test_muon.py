import numpy as np
import pytest
import torch

from tuiprefs.learning.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(8, 8), (6, 20), (20, 6)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    rank = min(shape)
    left, _ = np.linalg.qr(generator.normal(size=(shape[0], rank)))
    right, _ = np.linalg.qr(generator.normal(size=(shape[1], rank)))
    values = np.linspace(0.2, 3.0, rank)
    matrix = torch.tensor(left @ np.diag(values) @ right.T, dtype=torch.float32)
    result = orthogonalise(matrix).numpy().astype(np.float64)
    diagonal = left.T @ result @ right
    assert np.all((np.diag(diagonal) > 0.6) & (np.diag(diagonal) < 1.25))
    assert np.abs(diagonal - np.diag(np.diag(diagonal))).max() < 1e-4


def test_one_step_by_hand() -> None:
    # One number: every quintic step maps x to 3.4445 x - 4.7750 x^3 + 2.0315 x^5, starting from 1.
    x = 1.0
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    weight = torch.nn.Parameter(torch.tensor([[2.0]]))
    optimizer = Muon([weight], lr=0.1, momentum=0.9, weight_decay=0.5)
    weight.grad = torch.tensor([[3.0]])
    optimizer.step()
    assert weight.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5) - 0.1 * 0.2 * x, abs=1e-5)


def test_momentum_is_nesterovs() -> None:
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    optimizer = Muon([weight], lr=0.1, momentum=0.5)
    first, second = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    weight.grad = first
    optimizer.step()
    after_first = weight.detach().clone()
    weight.grad = second
    optimizer.step()
    # buffer: .5 first, then .25 first + .5 second; direction: half of the gradient and half of the buffer.
    expected = orthogonalise(0.5 * second + 0.5 * (0.25 * first + 0.5 * second))
    torch.testing.assert_close(weight - after_first, -0.1 * 0.2 * 2**0.5 * expected)


def test_parts_are_orthogonalised_one_by_one() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(4, 12)
    fused = torch.nn.Parameter(torch.zeros(4, 12))
    single = [torch.nn.Parameter(torch.zeros(4, 4)) for _ in range(3)]
    fused.grad = gradient.clone()
    for parameter, part in zip(single, gradient.chunk(3, dim=1), strict=True):
        parameter.grad = part.clone()
    Muon([{"params": [fused], "parts": 3}], lr=0.1).step()
    Muon(single, lr=0.1).step()
    torch.testing.assert_close(fused.detach(), torch.cat([p.detach() for p in single], dim=1))


def test_parameters_without_gradient_stay() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    Muon([weight], lr=0.1, weight_decay=1.0).step()
    assert torch.equal(weight, torch.ones(2, 2))
