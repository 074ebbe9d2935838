"""Drawing samples from a causal language model, in batches and reproducibly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from tuiprefs.learning.decoding import Decoder, make_decoder
from tuiprefs.learning.hub import load_model, load_tokenizer
from tuiprefs.project.errors import UserError

__all__ = [
    "Sample",
    "SamplingOptions",
    "decode",
    "encode_query",
    "filter_logits",
    "load_model",
    "load_tokenizer",
    "sample",
    "sample_tokens",
]

COMPACT_BELOW = 0.8
"""Rows are packed together once no more than this share of them is still being written."""


class SamplingOptions(Protocol):
    """How samples are drawn; the `[sampling]` table of a project's settings is one."""

    @property
    def temperature(self) -> float:
        """Divides the logits; 0 takes the likeliest token each time."""
        ...

    @property
    def top_k(self) -> int:
        """Draw from the k likeliest tokens only; 0 is no limit."""
        ...

    @property
    def top_p(self) -> float:
        """Draw from the smallest set of tokens with this probability together."""
        ...

    @property
    def max_new_tokens(self) -> int:
        """Tokens written after the query, at most; fewer where the model has fewer positions."""
        ...

    @property
    def batch_size(self) -> int:
        """Samples written side by side."""
        ...


@dataclass(frozen=True)
class Sample:
    """One text drawn from a model."""

    text: str
    """Query and response, without the marks of beginning and end."""

    tokens: list[int]
    """Token ids of the whole text, without the marks of beginning and end."""

    finished: bool
    """Whether the model ended the text itself; otherwise it ran out of tokens."""


def encode_query(tokenizer: Any, query: str) -> list[int]:
    """Token ids that a sample begins with: the mark of beginning, where the tokenizer has one, and the query.

    Raises:
        UserError: there would be no token at all.
    """
    begin = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    ids = [*begin, *tokenizer(query, add_special_tokens=False)["input_ids"]] if query else begin
    if not ids:
        raise UserError("This model has no token for the beginning of a text: set a query that is not empty.")
    return ids


def decode(tokenizer: Any, ids: list[int]) -> str:
    """Text of token ids, without special tokens and with every space as it was."""
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def filter_logits(logits: Tensor, temperature: float, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Probabilities to draw from, shape (rows, vocabulary), of logits of the same shape.

    The temperature comes first, then top-k, then top-p (Holtzman et al., 2020: the fewest likeliest tokens
    whose probability reaches top_p), as in `transformers`.
    """
    logits = logits / temperature
    if 0 < top_k < logits.shape[-1]:
        lowest = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < lowest, -torch.inf)
    probabilities = logits.softmax(dim=-1)
    if top_p < 1.0:
        ordered, order = probabilities.sort(dim=-1, descending=True)
        before = ordered.cumsum(dim=-1) - ordered
        # The likeliest token has nothing before it, so one is always left.
        ordered = ordered.masked_fill((before >= top_p) & (before > 0), 0.0)
        probabilities = torch.zeros_like(probabilities).scatter(1, order, ordered)
        probabilities = probabilities / probabilities.sum(dim=-1, keepdim=True)
    return probabilities


def _draw(logits: Tensor, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> Tensor:
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = filter_logits(logits, temperature, top_k, top_p)
    # The smallest of exponential variables with these rates is a draw from the distribution; unlike
    # torch.multinomial it does not check its input, which takes longer than drawing.
    noise = torch.empty_like(probabilities).exponential_(generator=generator).clamp_min_(1e-30)
    return (probabilities / noise).argmax(dim=-1)


@torch.no_grad()
def sample_tokens(
    model: Any,
    query_ids: Tensor,
    response_length: int,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator,
    eos_id: int | None,
    pad_id: int | None,
    stop_at_eos: bool = True,
) -> Tensor:
    """Write a response after each query.

    Args:
        model: a causal language model.
        query_ids: shape (rows, query tokens), all of one length, without padding.
        response_length: tokens to write after each query.
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: draw from the k likeliest tokens only; 0 is no limit.
        top_p: draw from the smallest set of tokens with this probability together.
        generator: source of randomness, on the model's device.
        eos_id: the end-of-text token.
        pad_id: fills a response after its end-of-text token; is never drawn.
        stop_at_eos: False writes all tokens, end-of-text being one like others.

    Returns:
        Token ids of shape (rows, response_length).
    """
    was_training = model.training
    model.eval()
    try:
        return _write(
            make_decoder(model, len(query_ids), query_ids.shape[1] + response_length),
            query_ids,
            response_length,
            lambda logits: _draw(logits, temperature, top_k, top_p, generator),
            end=eos_id if stop_at_eos else None,
            pad_id=pad_id,
        )
    finally:
        model.train(was_training)


def _write(
    decoder: Decoder,
    query_ids: Tensor,
    response_length: int,
    draw: Callable[[Tensor], Tensor],
    end: int | None,
    pad_id: int | None,
) -> Tensor:
    rows = torch.arange(len(query_ids), device=query_ids.device)
    if pad_id is None and end is not None:
        raise ValueError("stopping at end-of-text needs a padding token")
    response = query_ids.new_full((len(query_ids), response_length), pad_id or 0)
    writing = torch.ones_like(rows, dtype=torch.bool)
    logits = decoder.feed(query_ids)
    for place in range(response_length):
        if pad_id is not None and pad_id < logits.shape[-1]:
            logits[:, pad_id] = -torch.inf
        drawn = draw(logits)
        response[rows[writing], place] = drawn[writing]
        if end is not None:
            writing &= drawn != end
        left = int(writing.sum())
        if left == 0 or place + 1 == response_length:
            break
        if left <= COMPACT_BELOW * len(rows):
            kept = writing.nonzero()[:, 0]
            decoder.keep(kept)
            rows, drawn, writing = rows[kept], drawn[kept], writing[kept]
        logits = decoder.feed(drawn[:, None])
    return response


def sample(
    model: Any,
    tokenizer: Any,
    query: str,
    count: int,
    settings: SamplingOptions,
    *,
    seed: int = 0,
    on_batch: Callable[[list[Sample]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Sample]:
    """Draw texts that begin with the query.

    The same seed, settings and model give the same texts on the same device.

    Args:
        model: a causal language model, from `load_model`.
        tokenizer: its tokenizer.
        query: the text that every sample begins with; may be empty where the tokenizer marks the beginning.
        count: number of samples.
        settings: temperature, filters, length and batch size.
        seed: seed of the random numbers.
        on_batch: receives the samples of each batch as soon as it is complete.
        should_stop: asked before each batch; when true, the samples so far are returned.

    Raises:
        UserError: the query leaves the model no room to write.
    """
    ids = encode_query(tokenizer, query)
    room = _room(model, len(ids))
    device = next(model.parameters()).device
    generator = torch.Generator(device=device).manual_seed(seed)
    samples: list[Sample] = []
    for size in _batch_sizes(count, settings.batch_size):
        if should_stop is not None and should_stop():
            break
        responses = sample_tokens(
            model,
            torch.tensor([ids] * size, device=device),
            min(settings.max_new_tokens, room),
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            generator=generator,
            eos_id=tokenizer.eos_token_id,
            pad_id=tokenizer.pad_token_id,
        )
        batch = [_finish(tokenizer, ids, response) for response in responses.tolist()]
        samples += batch
        if on_batch is not None:
            on_batch(batch)
    return samples


def _finish(tokenizer: Any, query_ids: list[int], response: list[int]) -> Sample:
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    finished = end is not None and end in response
    written = response[: response.index(end)] if finished else [token for token in response if token != pad]
    start = 1 if query_ids[0] == tokenizer.bos_token_id else 0
    tokens = query_ids[start:] + written
    return Sample(decode(tokenizer, tokens), tokens, finished)


def _room(model: Any, query_length: int) -> int:
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is None:
        return 1 << 30
    if query_length >= positions:
        raise UserError(
            f"The query takes {query_length} tokens and the model has {positions} positions: "
            "shorten the query."
        )
    return int(positions) - query_length


def _batch_sizes(count: int, batch_size: int) -> Iterator[int]:
    for start in range(0, count, batch_size):
        yield min(batch_size, count - start)
