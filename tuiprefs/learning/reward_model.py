"""The reward model: a language model's body with one number read from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from tuiprefs.learning.hub import load_tokenizer
from tuiprefs.learning.tensors import gain_and_bias, last_index, pool_last, pool_mean, position_ids
from tuiprefs.project.atomic import write_json
from tuiprefs.project.errors import UserError

Pooling = Literal["mean", "last"]
# Tokens, padding included, that one forward pass without gradients takes.
SCORING_TOKENS = 8192
_HEAD = "head.safetensors"
_REWARD = "reward.json"


class RewardModel(nn.Module):
    """Scores token sequences: ``gain * head(hidden state) + bias``, of the last token or as a mean.

    The head begins as N(0, 1/sqrt(D + 1)) as in Ziegler et al. (2019), gain and bias as 1 and 0;
    ``normalize`` sets them, and training moves them.

    Attributes:
        prior_tokens: tokens of score 0 that a mean counts besides the real ones. A policy soon finds that a
            mean over few tokens is easily high; with a prior, a short text must earn its score.
    """

    def __init__(
        self, body: nn.Module, hidden_size: int, pooling: Pooling, prior_tokens: float = 0.0
    ) -> None:
        super().__init__()
        self.body = body
        self.pooling: Pooling = pooling
        self.prior_tokens = prior_tokens
        self.head = nn.Linear(hidden_size, 1)
        nn.init.normal_(self.head.weight, std=1 / math.sqrt(hidden_size + 1))
        nn.init.zeros_(self.head.bias)
        self.gain = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Scores, (B,), of ``token_ids``, (B, T); ``mask``, (B, T), is true where a token is real.

        Neither the side nor the length of the padding changes a score. What is padded on the right needs no
        mask in the body, for no token looks ahead, and the attention without one is faster.
        """
        # A real token as padding: with the padding token the model classes ask for an attention mask.
        filler = token_ids.gather(1, last_index(mask).unsqueeze(1))
        inputs: dict[str, Tensor] = {"input_ids": torch.where(mask, token_ids, filler)}
        if not bool(mask[:, 0].all()):
            inputs |= {"attention_mask": mask.long(), "position_ids": position_ids(mask)}
        hidden = self.body(**inputs).last_hidden_state
        values: Tensor = self.gain * self.head(hidden).squeeze(-1) + self.bias
        return (
            pool_last(values, mask) if self.pooling == "last" else pool_mean(values, mask, self.prior_tokens)
        )

    def scores(self, sequences: Sequence[Sequence[int]], chunk_tokens: int = SCORING_TOKENS) -> Tensor:
        """Scores, (len(sequences),), of token lists of any lengths, in their order.

        Sequences of like length are scored together, ``chunk_tokens`` at once at most, to waste little on
        padding.
        """
        order: list[int] = []
        parts: list[Tensor] = []
        device = self.head.weight.device
        for rows in _chunks([len(sequence) for sequence in sequences], chunk_tokens):
            ids, mask = pad_right([sequences[row] for row in rows])
            parts.append(self(ids.to(device), mask.to(device)))
            order.extend(rows)
        if not parts:
            return torch.zeros(0, device=device)
        back = torch.empty(len(order), dtype=torch.long, device=device)
        back[torch.tensor(order, device=device)] = torch.arange(len(order), device=device)
        return torch.cat(parts)[back]

    @torch.no_grad()
    def normalize(self, sequences: Sequence[Sequence[int]]) -> tuple[float, float]:
        """Set gain and bias so that ``sequences`` score with mean 0 and deviation 1; returns the two.

        What a prior draws short texts to is then the mean of the ``sequences``.
        """
        self.gain.fill_(1.0)
        self.bias.fill_(0.0)
        scores = self.scores(sequences)
        lengths = torch.tensor([len(sequence) for sequence in sequences], device=scores.device)
        prior = 0.0 if self.pooling == "last" else self.prior_tokens
        gain, bias = gain_and_bias(scores, lengths / (lengths + prior))
        self.gain.fill_(gain)
        self.bias.fill_(bias)
        return gain, bias


class TextScorer:
    """A reward model together with the tokenizer that its texts go through."""

    def __init__(self, model: RewardModel, tokenizer: Any, max_tokens: int) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens

    def encode(self, text: str) -> list[int]:
        """Token ids of a text between its two ends, where the tokenizer marks them; cut to ``max_tokens``."""
        ids = [int(i) for i in self.tokenizer.encode(text, add_special_tokens=False)]
        begin = self.tokenizer.bos_token_id
        end = self.tokenizer.eos_token_id
        ids = ([begin] if begin is not None else []) + ids + ([end] if end is not None else [])
        if not ids:
            ids = [0]
        return ids[: self.max_tokens]

    @torch.no_grad()
    def score(self, texts: Sequence[str]) -> list[float]:
        """The score of each text."""
        self.model.eval()
        return [float(score) for score in self.model.scores([self.encode(text) for text in texts])]


def new_reward_model(
    path: str, pooling: Pooling, dropout: float, max_tokens: int, device: str = "cpu"
) -> TextScorer:
    """A reward model whose body is a copy of the language model at ``path`` (a folder or hub id).

    Raises:
        UserError: there is no such model, or it has no tokenizer.
    """
    body, tokenizer = _load_body(path, dropout)
    model = RewardModel(body, int(body.config.hidden_size), pooling).to(device)
    return TextScorer(model, tokenizer, _limit(body.config, max_tokens))


def save_reward_model(scorer: TextScorer, path: Path, facts: dict[str, Any]) -> None:
    """Write body, tokenizer, head and ``reward.json``, which holds ``facts``, into the folder ``path``."""
    path.mkdir(parents=True, exist_ok=True)
    model = scorer.model
    model.body.save_pretrained(path)  # type: ignore[operator]  # a Hugging Face model
    scorer.tokenizer.save_pretrained(path)
    head = {"weight": model.head.weight, "bias": model.head.bias, "gain": model.gain, "shift": model.bias}
    save_file({name: tensor.detach().cpu().clone() for name, tensor in head.items()}, path / _HEAD)
    shape = {"pooling": model.pooling, "prior_tokens": model.prior_tokens, "max_tokens": scorer.max_tokens}
    write_json(path / _REWARD, {**shape, **facts})


def load_reward_model(path: Path, device: str = "cpu") -> TextScorer:
    """Read what ``save_reward_model`` wrote.

    Raises:
        UserError: the folder holds no reward model.
    """
    try:
        facts = json.loads((path / _REWARD).read_text(encoding="utf-8"))
        head = load_file(path / _HEAD)
    except FileNotFoundError:
        raise UserError(
            f"{path} holds no reward model ({_REWARD} is missing): train one with `tuiprefs train reward`."
        ) from None
    body, tokenizer = _load_body(str(path), dropout=0.0)
    model = RewardModel(body, int(body.config.hidden_size), facts["pooling"], facts["prior_tokens"])
    with torch.no_grad():
        model.head.weight.copy_(head["weight"])
        model.head.bias.copy_(head["bias"])
        model.gain.copy_(head["gain"])
        model.bias.copy_(head["shift"])
    return TextScorer(model.to(device).eval(), tokenizer, int(facts["max_tokens"]))


def pad_right(sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids, (B, T), and mask, (B, T), of token lists, padded on the right to the longest with 0."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    ids = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
    return ids, torch.arange(ids.shape[1])[None, :] < lengths[:, None]


def _chunks(lengths: Sequence[int], chunk_tokens: int) -> Iterator[list[int]]:
    """Rows, sorted by length, in lists whose padded size stays within ``chunk_tokens`` (one row at least)."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if rows and (len(rows) + 1) * lengths[row] > chunk_tokens:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _load_body(path: str, dropout: float) -> tuple[Any, Any]:
    tokenizer = load_tokenizer(path)
    try:
        config = AutoConfig.from_pretrained(path)
        for name, value in config.to_dict().items():
            if ("dropout" in name or name.endswith("pdrop")) and isinstance(value, int | float):
                setattr(config, name, dropout)
        body = AutoModel.from_pretrained(path, config=config, dtype=torch.float32)
        return body, tokenizer
    except (OSError, ValueError) as error:
        raise UserError(f"The model {path} cannot be loaded: {str(error).splitlines()[0]}") from error


def _limit(config: Any, max_tokens: int) -> int:
    positions = getattr(config, "max_position_embeddings", None)
    return min(max_tokens, positions) if positions else max_tokens
