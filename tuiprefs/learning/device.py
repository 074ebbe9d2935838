"""Which device computes, and on how many threads."""

import os

import torch

from tuiprefs.project.errors import UserError

DEVICES = ("auto", "cpu", "cuda")


def pick_device(name: str = "auto") -> str:
    """Name of the torch device to compute on: `cpu` or `cuda`.

    Args:
        name: `auto` (a GPU where there is one), `cpu` or `cuda`.

    Raises:
        UserError: the name is none of these, or a GPU is asked for and there is none.
    """
    if name not in DEVICES:
        raise UserError(f"There is no device {name!r}: choose one of {', '.join(DEVICES)}.")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("No GPU was found that this PyTorch can use: choose the device cpu or auto.")
    return "cuda" if available and name != "cpu" else "cpu"


def limit_threads(count: int = 0) -> int:
    """Set the number of threads that arithmetic uses, and return it.

    Args:
        count: threads; 0 is two, or one on a machine with a single core. Models of this size gain
            nothing from more, and the app beside them needs its share.
    """
    threads = count if count > 0 else min(2, os.cpu_count() or 1)
    torch.set_num_threads(threads)
    return threads
