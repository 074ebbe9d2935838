"""Checkpoints of a run: numbered folders of safetensors and JSON, whole or absent, and nothing pickled."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tuiprefs.project.errors import TuiprefsError

_TENSORS = "tensors.safetensors"
_STATE = "state.json"
_WRITING = ".writing-"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved at ``step``: tensors by name, and everything else as JSON values.

    ``folder`` is where it was read from; it may hold more, such as a whole model.
    """

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]
    folder: Path | None = None


class CheckpointFolder:
    """The checkpoints of one run, of which the newest ``keep`` stay."""

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        self.keep = keep

    def save(self, checkpoint: Checkpoint, write_more: Callable[[Path], None] | None = None) -> Path:
        """Write a checkpoint beside the others, then show it under its number by one rename.

        ``write_more`` may put further files into its folder. A second checkpoint of the same step becomes
        ``000010.1`` and outranks the first, so that at every moment there is a whole one to go back to.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for abandoned in self.path.glob(f"{_WRITING}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        temporary = self.path / f"{_WRITING}{checkpoint.step:06d}"
        temporary.mkdir()
        try:
            tensors = {name: _own(tensor) for name, tensor in checkpoint.tensors.items()}
            save_file(tensors, temporary / _TENSORS)
            (temporary / _STATE).write_text(json.dumps(checkpoint.state), encoding="utf-8")
            if write_more is not None:
                write_more(temporary)
            for part in (*temporary.rglob("*"), temporary):
                _flush(part)
            target = self._free_name(checkpoint.step)
            temporary.rename(target)
            _flush(self.path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        self._prune()
        return target

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint, or None where there is none.

        Raises:
            TuiprefsError: its files are damaged.
        """
        folders = self._folders()
        return self._read(folders[-1]) if folders else None

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in order."""
        return sorted({_rank(folder)[0] for folder in self._folders()})

    def _read(self, folder: Path) -> Checkpoint:
        try:
            state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
            tensors = load_file(folder / _TENSORS)
        except Exception as error:
            raise TuiprefsError(
                f"The checkpoint {folder} is damaged ({error}): "
                "delete that folder to resume from the one before."
            ) from error
        return Checkpoint(_rank(folder)[0], tensors, state, folder)

    def _folders(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        return sorted((p for p in self.path.iterdir() if p.name[0].isdigit() and p.is_dir()), key=_rank)

    def _free_name(self, step: int) -> Path:
        revisions = [_rank(folder)[1] for folder in self._folders() if _rank(folder)[0] == step]
        if not revisions:
            return self.path / f"{step:06d}"
        return self.path / f"{step:06d}.{max(revisions) + 1}"

    def _prune(self) -> None:
        for folder in self._folders()[: -self.keep]:
            shutil.rmtree(folder, ignore_errors=True)


def module_tensors(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Every parameter and buffer of ``module`` that is saved, once, under ``prefix`` and its first name.

    Tied weights (an output layer that is the embedding) are one tensor with several names.
    """
    seen: set[int] = set()
    tensors: dict[str, Tensor] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[f"{prefix}.{name}"] = tensor.detach()
    return tensors


@torch.no_grad()
def restore_module(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Put back in place what ``module_tensors`` gave."""
    for name, tensor in module_tensors(module, prefix).items():
        tensor.copy_(tensors[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """The optimiser's moments and counters, under ``prefix.<parameter's index>.<name>``."""
    state = optimizer.state_dict()["state"]
    return {
        f"{prefix}.{index}.{name}": tensor for index, held in state.items() for name, tensor in held.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Put back what ``optimizer_tensors`` gave; learning rates are the caller's, who computes them anew."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(f"{prefix}."):
            index, key = name.removeprefix(f"{prefix}.").split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def random_tensors(generator: torch.Generator) -> dict[str, Tensor]:
    """The states of torch's global generators and of the run's own."""
    tensors = {"random.torch": torch.get_rng_state(), "random.run": generator.get_state()}
    if torch.cuda.is_available():
        for device, state in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"random.cuda.{device}"] = state
    return tensors


def random_state() -> dict[str, Any]:
    """The states of Python's and NumPy's global generators, as JSON values."""
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(internal), gauss],
        "numpy": [str(name), np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
    }


def restore_random(checkpoint: Checkpoint, generator: torch.Generator) -> None:
    """Put back every random state; ``checkpoint.state["random"]`` is what ``random_state`` gave."""
    torch.set_rng_state(checkpoint.tensors["random.torch"])
    generator.set_state(checkpoint.tensors["random.run"])
    if torch.cuda.is_available():
        for device in range(torch.cuda.device_count()):
            if f"random.cuda.{device}" in checkpoint.tensors:
                torch.cuda.set_rng_state(checkpoint.tensors[f"random.cuda.{device}"], device)
    version, internal, gauss = checkpoint.state["random"]["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = checkpoint.state["random"]["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))


def _own(tensor: Tensor) -> Tensor:
    """A copy in memory of its own, for safetensors refuses views of other memory."""
    return tensor.detach().cpu().contiguous().clone()


def _rank(folder: Path) -> tuple[int, int]:
    step, _, revision = folder.name.partition(".")
    return int(step), int(revision or 0)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
