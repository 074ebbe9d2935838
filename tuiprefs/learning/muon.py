"""The Muon optimiser in single precision, for the weight matrices of a transformer's blocks."""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.nn import Parameter

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration (Jordan et al., "Muon", 2024): fast, with singular values that end
between about 0.7 and 1.2 rather than at 1."""


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Replace the singular values of a matrix by values near 1, keeping its singular vectors.

    Args:
        matrix: shape (rows, columns), of rank above zero.
        steps: Newton-Schulz iterations.

    Returns:
        A tensor of the same shape. Computed in the matrix's own precision: the usual bfloat16 is some 20
        times slower on processors without bfloat16 arithmetic.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised.

    Each update has a root mean square of about 0.2, as AdamW's has (Liu et al., "Muon is scalable for LLM
    training", 2025), so learning rates and weight decay carry over from AdamW.
    """

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        """Take matrices only.

        Args:
            params: matrices, or groups of them; `parts` of a group is the number of matrices that lie side by
                side in each (3 for GPT-2's fused query, key and value), which are orthogonalised one by one.
            lr: learning rate per update, on AdamW's scale.
            momentum: decay of the running gradient (Nesterov style).
            weight_decay: decoupled decay per update, times the learning rate.
        """
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": 1})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update the parameters once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        gradient = parameter.grad
        assert gradient is not None
        buffer = state["momentum_buffer"]
        buffer.lerp_(gradient, 1 - group["momentum"])
        direction = gradient.lerp(buffer, group["momentum"])
        parts = direction.chunk(group["parts"], dim=1)
        update = torch.cat([orthogonalise(part) for part in parts], dim=1)
        scale = 0.2 * max(parts[0].shape) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * scale)
