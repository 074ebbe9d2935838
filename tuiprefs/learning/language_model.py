"""A causal language model to train: its making, its loss, its optimisers and its schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from tuiprefs.learning.language_model_data import encode, pad_batch
from tuiprefs.learning.muon import Muon
from tuiprefs.project.learning_settings import LanguageModelSettings

HELDOUT_ROWS = 16
"""Texts that one forward pass takes when the held-out loss is measured."""


def new_model(settings: LanguageModelSettings, tokenizer: Any, seed: int) -> GPT2LMHeadModel:
    """A GPT-2 with random weights that follow from the seed.

    Without dropout: the texts are varied instead, and PPO needs the same probabilities twice.
    """
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=settings.context,
        n_embd=settings.width,
        n_layer=settings.layers,
        n_head=settings.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        # The default, "gelu_new", is the same function in elementary steps, which take half as long again.
        activation_function="gelu_pytorch_tanh",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT2LMHeadModel(config)


def context_length(model: Any, settings: LanguageModelSettings) -> int:
    """Longest sequence in tokens that the model can take and the settings allow."""
    positions = getattr(model.config, "max_position_embeddings", None)
    return settings.context if positions is None else min(int(positions), settings.context)


def sequence_loss(model: Any, token_ids: Tensor, lengths: Tensor) -> tuple[Tensor, int]:
    """Summed negative log-likelihood of every token but each text's first, and the number of those tokens.

    Args:
        model: a causal language model.
        token_ids: shape (B, T), padded on the right, with anything: no token looks ahead.
        lengths: shape (B,), tokens that are no padding.

    Returns:
        The sum in nats, a scalar tensor, and the count.
    """
    logits = model(input_ids=token_ids, use_cache=False).logits[:, :-1]
    real = torch.arange(1, token_ids.shape[1], device=token_ids.device) < lengths[:, None]
    targets = token_ids[:, 1:].masked_fill(~real, -100)
    loss = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-100, reduction="sum"
    )
    return loss, int(real.sum())


@torch.no_grad()
def heldout_metrics(
    model: Any, tokenizer: Any, texts: Sequence[str], context: int, device: str = "cpu"
) -> dict[str, float]:
    """Loss in nats per token, and bits per character, the end of each text counted as one character."""
    was_training = model.training
    model.eval()
    sequences = sorted(encode(tokenizer, texts, context), key=len)
    total, tokens = 0.0, 0
    for start in range(0, len(sequences), HELDOUT_ROWS):
        ids, lengths = pad_batch(sequences[start : start + HELDOUT_ROWS], tokenizer.eos_token_id or 0)
        loss, count = sequence_loss(model, ids.to(device), lengths.to(device))
        total, tokens = total + float(loss), tokens + count
    model.train(was_training)
    characters = sum(len(text) + 1 for text in texts)
    return {
        "lm/heldout_loss": total / max(tokens, 1),
        "lm/heldout_bits_per_character": total / max(characters, 1) / math.log(2),
    }


def make_optimizers(
    model: Any, settings: LanguageModelSettings, factor: float = 1.0
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks and AdamW for embeddings, biases and gains; or AdamW for all.

    Args:
        model: the model whose parameters they update.
        settings: rates and decay.
        factor: multiplies the learning rates.
    """
    matrices, fused, rest = _parameter_kinds(model)
    decay, betas = settings.weight_decay, (0.9, 0.95)
    adam_rate = settings.adam_learning_rate * factor
    if settings.optimizer == "adamw":
        groups = [
            {"params": matrices + fused, "weight_decay": decay},
            {"params": rest, "weight_decay": decay / 10},
        ]
        return [torch.optim.AdamW(groups, lr=adam_rate, betas=betas)]
    muon_groups: list[dict[str, Any]] = [{"params": matrices}, {"params": fused, "parts": 3}]
    muon = Muon(
        [group for group in muon_groups if group["params"]],
        lr=settings.muon_learning_rate * factor,
        momentum=settings.momentum,
        weight_decay=decay,
    )
    return [muon, torch.optim.AdamW(rest, lr=adam_rate, betas=betas, weight_decay=decay / 10)]


def _parameter_kinds(model: Any) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Matrices of the blocks, those that hold query, key and value side by side, and everything else."""
    layers = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    layers += [model.get_output_embeddings()] if model.get_output_embeddings() is not None else []
    embeddings = {id(parameter) for layer in layers for parameter in layer.parameters()}
    matrices: list[nn.Parameter] = []
    fused: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.ndim != 2 or id(parameter) in embeddings:
            rest.append(parameter)
        else:
            # GPT-2's name for them; other architectures have three matrices or interleave the heads.
            (fused if name.endswith("attn.c_attn.weight") else matrices).append(parameter)
    return matrices, fused, rest


def schedule(update: int, settings: LanguageModelSettings) -> float:
    """Part of the peak learning rate at an update (the first is 0): a linear rise, then a cosine down."""
    if update < settings.warmup_updates:
        return (update + 1) / settings.warmup_updates
    done = (update - settings.warmup_updates) / max(settings.updates - settings.warmup_updates, 1)
    floor = settings.final_fraction
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
