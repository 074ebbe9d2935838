"""The policy: a causal language model with a value head on its trunk."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

# As a logit: no probability at any temperature, and still a number to calculate with.
_NEVER = -1e9


class PolicyModel(nn.Module):
    """A Hugging Face causal language model, and a head that foresees the return from the same hidden states.

    The value head begins as zeros (Ziegler et al. 2019), so that the first advantages are the rewards to
    come.
    """

    def __init__(self, lm: Any, pad_id: int | None = None) -> None:
        """``pad_id`` is a token that is never drawn, and so has no probability here either."""
        super().__init__()
        self.lm = lm
        self.pad_id = pad_id
        self.value_head = nn.Linear(int(lm.config.hidden_size), 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    def forward(self, token_ids: Tensor, query_length: int) -> tuple[Tensor, Tensor]:
        """Logits, (B, T, V), and values, (B, T), from which each of the T tokens after the query was drawn.

        ``token_ids``, (B, query_length + T), are padded on the right only. No token looks ahead, so that
        padding changes nothing before it and no attention mask is needed.
        """
        hidden, logits = _states_and_logits(self.lm, token_ids, query_length, self.pad_id)
        return logits, self.value_head(hidden.float()).squeeze(-1)


def response_logits(lm: Any, token_ids: Tensor, query_length: int, pad_id: int | None = None) -> Tensor:
    """Logits, (B, T, V), of a language model without a value head, as ``PolicyModel.forward`` gives them."""
    return _states_and_logits(lm, token_ids, query_length, pad_id)[1]


def frozen(lm: Any) -> Any:
    """``lm`` as a reference: in evaluation mode, without gradients."""
    lm.eval()
    return lm.requires_grad_(False)


def _states_and_logits(
    lm: Any, token_ids: Tensor, query_length: int, pad_id: int | None
) -> tuple[Tensor, Tensor]:
    # The last token is only ever a target, so the model need not read it.
    response_length = token_ids.shape[1] - query_length
    output = lm(
        input_ids=token_ids[:, :-1],
        output_hidden_states=True,
        logits_to_keep=response_length,
        use_cache=False,
    )
    hidden: Tensor = output.hidden_states[-1][:, query_length - 1 :]
    logits: Tensor = output.logits
    if pad_id is not None:
        logits[..., pad_id] = _NEVER
    return hidden, logits
