"""Batches for training a language model: encoded texts, sorted by length and padded on the right."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Vary = Callable[[str, random.Random], str]
"""Returns a text or a variation of it that is worth as much, such as a tune in another key."""


def encode(tokenizer: Any, texts: Sequence[str], context: int) -> list[list[int]]:
    """Encode texts with their two ends, cut into windows of at most `context` tokens."""
    begin = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    encoded = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    windows: list[list[int]] = []
    for ids in encoded:
        whole = [*begin, *ids, *end]
        windows += [whole[at : at + context] for at in range(0, max(len(whole) - 1, 1), context)]
    return [window for window in windows if len(window) > 1]


def pad_batch(sequences: Sequence[Sequence[int]], fill_id: int) -> tuple[Tensor, Tensor]:
    """Stack sequences of unequal length.

    Returns:
        Token ids and lengths, of shapes (B, T) and (B,). The rows are filled up with `fill_id` on the right,
        where a causal model needs no attention mask. (An id other than that of padding spares a warning of
        `transformers`.)
    """
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    ids = torch.full((len(sequences), int(lengths.max())), fill_id, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
    return ids, lengths


def bucket(sequences: list[list[int]], batch_tokens: int, generator: random.Random) -> list[list[list[int]]]:
    """Divide sequences into batches of similar lengths, each of at most `batch_tokens` padded tokens."""
    ordered = sorted(sequences, key=lambda sequence: len(sequence) + 20 * generator.random())
    batches: list[list[list[int]]] = []
    longest = 0
    for sequence in ordered:
        longest = max(longest, len(sequence))
        if not batches or (len(batches[-1]) + 1) * longest > batch_tokens:
            batches.append([])
            longest = len(sequence)
        batches[-1].append(sequence)
    generator.shuffle(batches)
    return batches


def training_batches(
    texts: Sequence[str],
    tokenizer: Any,
    *,
    context: int,
    batch_tokens: int,
    vary: Vary | None,
    seed: int,
    epoch: int = 0,
    skip: int = 0,
) -> Iterator[tuple[int, int, list[list[int]]]]:
    """Batches without end, each with its epoch and its number within the epoch.

    An epoch's batches follow from seed and epoch alone, so that training can go on anywhere: start at `epoch`
    and leave out its first `skip` batches.
    """
    while True:
        generator = random.Random(f"{seed}-{epoch}")
        varied = [vary(text, generator) for text in texts] if vary else texts
        batches = bucket(encode(tokenizer, varied, context), batch_tokens, generator)
        for number in range(skip, len(batches)):
            yield epoch, number, batches[number]
        epoch, skip = epoch + 1, 0
