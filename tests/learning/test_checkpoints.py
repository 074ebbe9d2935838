"""Checkpoints are whole or absent, numbered, pruned, and bring back every bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tuiprefs.learning import checkpoints
from tuiprefs.learning.checkpoints import Checkpoint, CheckpointFolder
from tuiprefs.project.errors import TuiprefsError


def a_checkpoint(step: int, value: float = 0.0) -> Checkpoint:
    return Checkpoint(step, {"x": torch.full((2, 3), value)}, {"note": "ü", "value": value})


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "checkpoints", keep=2)
    assert folder.latest() is None
    folder.save(a_checkpoint(7, 0.1))
    found = folder.latest()
    assert found is not None
    assert (found.step, found.state) == (7, {"note": "ü", "value": 0.1})
    assert torch.equal(found.tensors["x"], torch.full((2, 3), 0.1))


def test_only_the_newest_stay(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=2)
    for step in (5, 10, 1_000_000, 15):
        folder.save(a_checkpoint(step))
    assert folder.steps() == [15, 1_000_000]


def test_a_second_one_of_a_step_outranks_the_first(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=3)
    for value in (1.0, 2.0, 3.0):
        folder.save(a_checkpoint(4, value))
    found = folder.latest()
    assert found is not None
    assert found.state["value"] == 3.0
    assert folder.steps() == [4]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save(a_checkpoint(1, 1.0))

    def full_disk(path: Path) -> None:
        (path / "half").write_text("written")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        folder.save(a_checkpoint(2), full_disk)
    found = folder.latest()
    assert found is not None
    assert found.step == 1
    assert [path.name for path in tmp_path.iterdir()] == ["000001"]


def test_what_a_killed_writer_left_is_not_seen_and_goes(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=2)
    folder.save(a_checkpoint(1))
    (tmp_path / ".writing-000002").mkdir()
    (tmp_path / ".writing-000002" / "state.json").write_text("{")
    found = folder.latest()
    assert found is not None
    assert found.step == 1
    folder.save(a_checkpoint(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001", "000002"]


def test_a_damaged_one_is_one_sentence(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, keep=2)
    path = folder.save(a_checkpoint(3))
    (path / "tensors.safetensors").write_bytes(b"garbage")
    with pytest.raises(TuiprefsError, match=r"000003 is damaged.*delete that folder"):
        folder.latest()


def test_nothing_is_pickled(tmp_path: Path) -> None:
    path = CheckpointFolder(tmp_path, keep=1).save(a_checkpoint(1))
    assert sorted(file.name for file in path.iterdir()) == ["state.json", "tensors.safetensors"]


def test_tied_weights_are_one_tensor_and_stay_tied(new_lm: Callable[[int], Any]) -> None:
    source, target = new_lm(0), new_lm(1)
    tensors = checkpoints.module_tensors(source, "lm")
    assert sum(tensor.numel() for tensor in tensors.values()) == sum(p.numel() for p in source.parameters())
    checkpoints.restore_module(target, {name: tensor.clone() for name, tensor in tensors.items()}, "lm")
    assert target.lm_head.weight is target.transformer.wte.weight
    ids = torch.arange(3, 9)[None]
    assert torch.equal(source(input_ids=ids).logits, target(input_ids=ids).logits)


def test_an_optimiser_goes_on_bitwise(tmp_path: Path) -> None:
    def train(weight: torch.nn.Parameter, optimizer: torch.optim.Adam, steps: range) -> None:
        for step in steps:
            weight.grad = torch.sin(torch.arange(4.0) + step)
            optimizer.step()

    def make() -> tuple[torch.nn.Parameter, torch.optim.Adam]:
        weight = torch.nn.Parameter(torch.ones(4))
        return weight, torch.optim.Adam([weight], lr=0.1)

    straight, optimizer = make()
    train(straight, optimizer, range(10))
    broken, first = make()
    train(broken, first, range(4))
    folder = CheckpointFolder(tmp_path, keep=1)
    tensors = {"weight": broken.detach()} | checkpoints.optimizer_tensors(first, "optimizer")
    folder.save(Checkpoint(4, tensors, {}))
    saved = folder.latest()
    assert saved is not None
    resumed, second = make()
    resumed.data.copy_(saved.tensors["weight"])
    checkpoints.restore_optimizer(second, saved.tensors, "optimizer")
    train(resumed, second, range(4, 10))
    assert torch.equal(resumed, straight)


def test_every_random_generator_goes_on(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)

    def draw() -> tuple[Any, ...]:
        return (
            random.random(),
            random.gauss(0, 1),
            float(np.random.normal()),
            float(torch.rand(())),
            float(torch.rand((), generator=generator)),
        )

    draw()
    folder = CheckpointFolder(tmp_path, keep=1)
    state = {"random": checkpoints.random_state()}
    folder.save(Checkpoint(1, checkpoints.random_tensors(generator), state))
    expected = draw()
    draw()
    saved = folder.latest()
    assert saved is not None
    checkpoints.restore_random(saved, generator)
    assert draw() == expected
