"""One step of decoding after another: key-value caches for the loop that writes samples."""

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GPT2LMHeadModel
from transformers.activations import ACT2FN


class Decoder(Protocol):
    """Feeds tokens to a model and remembers what it needs of them."""

    def feed(self, ids: Tensor) -> Tensor:
        """Append tokens, shape (rows, new tokens), and return the logits after the last, (rows, words)."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Forget all rows but those of the given indices, shape (kept rows,)."""
        ...


def make_decoder(model: Any, rows: int, length: int) -> Decoder:
    """The fastest decoder for a model.

    Args:
        model: a causal language model.
        rows: sequences in the batch.
        length: tokens that each sequence will have at most.
    """
    return GPT2Decoder(model, rows, length) if _is_plain_gpt2(model) else CachedDecoder(model)


def _is_plain_gpt2(model: Any) -> bool:
    if type(model) is not GPT2LMHeadModel:
        return False
    config = model.config
    unusual = config.scale_attn_by_inverse_layer_idx or config.add_cross_attention
    return bool(config.scale_attn_weights) and not unusual


class CachedDecoder:
    """Decodes any Hugging Face model through its own cache."""

    def __init__(self, model: Any) -> None:
        """Start with nothing read."""
        self._model = model
        self._cache: Any = None

    def feed(self, ids: Tensor) -> Tensor:
        """Append tokens and return the logits after the last."""
        output = self._model(input_ids=ids, past_key_values=self._cache, use_cache=True)
        self._cache = output.past_key_values
        logits: Tensor = output.logits[:, -1]
        return logits.float()

    def keep(self, rows: Tensor) -> None:
        """Forget all rows but the given."""
        self._cache.batch_select_indices(rows)


class GPT2Decoder:
    """Decodes a GPT-2 with a cache of fixed size, without the model classes' overhead.

    The same arithmetic as `GPT2LMHeadModel` without dropout; the weights are the model's own tensors, so the
    decoder sees every update of them.
    """

    def __init__(self, model: GPT2LMHeadModel, rows: int, length: int) -> None:
        """Make room for `rows` sequences of `length` tokens."""
        self._transformer: Any = model.transformer
        self._head: Any = model.lm_head
        config = model.config
        self._heads = config.n_head
        self._epsilon = config.layer_norm_epsilon
        self._activation = ACT2FN[config.activation_function]
        self._filled = 0
        weight = self._transformer.wte.weight
        shape = (rows, config.n_head, length, config.n_embd // config.n_head)
        self._keys = [weight.new_empty(shape) for _ in self._transformer.h]
        self._values = [weight.new_empty(shape) for _ in self._transformer.h]

    def feed(self, ids: Tensor) -> Tensor:
        """Append tokens and return the logits after the last.

        More than one token at a time only as the first call.
        """
        start, end = self._filled, self._filled + ids.shape[1]
        if start and ids.shape[1] > 1:
            raise ValueError("after the query, tokens are decoded one by one")
        body = self._transformer
        positions = torch.arange(start, end, device=ids.device)
        hidden = body.wte.weight[ids] + body.wpe.weight[positions]
        for block, keys, values in zip(body.h, self._keys, self._values, strict=True):
            attended = self._attend(self._norm(hidden, block.ln_1), block.attn, keys, values)
            hidden = hidden + attended
            inner = self._activation(self._linear(self._norm(hidden, block.ln_2), block.mlp.c_fc))
            hidden = hidden + self._linear(inner, block.mlp.c_proj)
        self._filled = end
        logits: Tensor = functional.linear(self._norm(hidden[:, -1], body.ln_f), self._head.weight)
        return logits.float()

    def keep(self, rows: Tensor) -> None:
        """Forget all rows but the given."""
        self._keys = [cache.index_select(0, rows) for cache in self._keys]
        self._values = [cache.index_select(0, rows) for cache in self._values]

    def _attend(self, hidden: Tensor, attention: Any, keys: Tensor, values: Tensor) -> Tensor:
        rows, new, width = hidden.shape
        start, end = self._filled, self._filled + new
        projected = self._linear(hidden, attention.c_attn).view(rows, new, 3, self._heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        keys[:, :, start:end], values[:, :, start:end] = key, value
        mixed = functional.scaled_dot_product_attention(
            query, keys[:, :, :end], values[:, :, :end], is_causal=new > 1
        )
        return self._linear(mixed.transpose(1, 2).reshape(rows, new, width), attention.c_proj)

    def _norm(self, hidden: Tensor, norm: Any) -> Tensor:
        return functional.layer_norm(hidden, hidden.shape[-1:], norm.weight, norm.bias, self._epsilon)

    @staticmethod
    def _linear(hidden: Tensor, layer: Any) -> Tensor:
        # GPT-2 keeps its weights as (inputs, outputs).
        flat = torch.addmm(layer.bias, hidden.reshape(-1, hidden.shape[-1]), layer.weight)
        return flat.view(*hidden.shape[:-1], -1)
