"""Loading a causal language model and its tokenizer from a folder or from the Hugging Face hub."""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from tuiprefs.project.errors import UserError

PAD_TOKEN = "<|pad|>"


def load_model(path_or_id: str | Path, device: str = "cpu") -> tuple[Any, Any]:
    """Load any causal language model in single precision, ready for evaluation.

    The tokenizer has a padding token that differs from its end-of-text token; where the model's own has none
    (as GPT-2's), one is added.

    Args:
        path_or_id: a folder with `config.json`, or the name of a model on the Hugging Face hub.
        device: torch device.

    Returns:
        The model and its tokenizer.

    Raises:
        UserError: there is no such model, or its files cannot be used.
    """
    name = _checked_name(path_or_id)
    transformers_logging.disable_progress_bar()
    tokenizer = load_tokenizer(name)
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    except Exception as error:  # the formats' libraries raise what they like
        raise UserError(_unusable(name, error)) from error
    ensure_padding(model, tokenizer)
    return model.to(device).eval(), tokenizer


def load_tokenizer(path_or_id: str | Path) -> Any:
    """Load the tokenizer of a model folder or of a model on the hub.

    Raises:
        UserError: there is no such model, or it has no tokenizer that can be used.
    """
    name = _checked_name(path_or_id)
    try:
        return AutoTokenizer.from_pretrained(name)
    except Exception as error:
        raise UserError(_unusable(name, error)) from error


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a plain Hugging Face model folder, tokenizer included, that everybody may read."""
    transformers_logging.disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # safetensors makes files that only their owner may read; a project may be shared by a group.
    for path in folder.glob("*.safetensors"):
        path.chmod((folder / "config.json").stat().st_mode)


def ensure_padding(model: Any, tokenizer: Any) -> None:
    """Give a tokenizer without a padding token of its own one, and the model a row for it.

    The row copies that of the last ordinary token, which in a BPE vocabulary is the rarest: the new token is
    as improbable as that one, so the model's other probabilities stay as they were.
    """
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        tokenizer.add_special_tokens({"pad_token": PAD_TOKEN})
        embeddings = model.get_input_embeddings().weight
        if tokenizer.pad_token_id >= embeddings.shape[0]:
            special = set(tokenizer.all_special_ids)
            rarest = max(i for i in range(embeddings.shape[0]) if i not in special)
            model.resize_token_embeddings(tokenizer.pad_token_id + 1, mean_resizing=False)
            with torch.no_grad():
                for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
                    layer.weight[tokenizer.pad_token_id] = layer.weight[rarest]
                    if getattr(layer, "bias", None) is not None:
                        layer.bias[tokenizer.pad_token_id] = layer.bias[rarest]
    model.config.pad_token_id = tokenizer.pad_token_id
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.pad_token_id = tokenizer.pad_token_id


def _checked_name(path_or_id: str | Path) -> str:
    name = os.fspath(path_or_id)
    folder = Path(name)
    looks_local = isinstance(path_or_id, Path) or name.startswith((".", "/", "~")) or name.count("/") > 1
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(f"The folder {name} is no model: it has no config.json.")
    elif looks_local:
        raise UserError(f"There is no model folder {name}.")
    return name


def _unusable(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    reason = reason if len(reason) <= 200 else reason[:200].rsplit(" ", 1)[0] + "…"
    if Path(name).is_dir():
        return f"The model in {name} cannot be loaded: {reason}"
    return (
        f"The model {name} is neither a folder here nor a model that could be fetched from the "
        f"Hugging Face hub: {reason}"
    )
