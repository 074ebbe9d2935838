"""Settings of training runs and of the alarms that watch them; free of torch, so that forms can show them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LearningSection(BaseModel):
    """One table of ``tuiprefs.toml`` about learning; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LanguageModelSettings(LearningSection):
    """Training a language model on the corpus; the defaults made the starter model."""

    width: int = Field(192, ge=8, description="Size of the hidden state of a new model.")
    layers: int = Field(5, ge=1, description="Transformer blocks of a new model.")
    heads: int = Field(
        6, ge=1, description="Attention heads of each block of a new model; must divide width."
    )
    context: int = Field(
        256, ge=16, description="Longest sequence in tokens; longer texts are cut in pieces (essay)."
    )
    updates: int = Field(
        4800, ge=1, description="Gradient steps; the learning rate falls to its end over them."
    )
    batch_tokens: int = Field(2048, ge=16, description="Tokens of one gradient step, padding included.")
    optimizer: Literal["muon", "adamw"] = Field(
        "muon",
        description="muon: Muon for matrices of the blocks and AdamW for the rest; adamw: AdamW for all.",
    )
    muon_learning_rate: float = Field(
        0.006, gt=0, le=1, description="Muon's peak step for matrices of the blocks, on AdamW's scale."
    )
    adam_learning_rate: float = Field(0.004, gt=0, le=1, description="AdamW's peak step for everything else.")
    onward_factor: float = Field(
        0.05, gt=0, le=1, description="Both rates are multiplied by this when training goes on from a model."
    )
    momentum: float = Field(0.95, ge=0, lt=1, description="Muon's momentum (Jordan et al., 2024).")
    weight_decay: float = Field(
        0.1,
        ge=0,
        description="Decoupled decay of matrices, times the rate; a tenth of it for everything else.",
    )
    warmup_updates: int = Field(60, ge=0, description="Updates during which the learning rates rise from 0.")
    final_fraction: float = Field(
        0.02, ge=0, le=1, description="Part of the peak rates at the last update, at the end of a cosine."
    )
    max_gradient_norm: float = Field(1.0, gt=0, description="Longer gradients are scaled down to this norm.")
    vary: bool = Field(
        True,
        description="Train on variations of the texts that are worth as much, such as tunes in other keys.",
    )
    heldout_every: int = Field(200, ge=1, description="Updates from one held-out measurement to the next.")
    checkpoint_every: int = Field(200, ge=1, description="Updates from one checkpoint to the next.")
    keep_checkpoints: int = Field(2, ge=1, description="Checkpoints kept; older ones are deleted.")
    torch_threads: int = Field(
        0, ge=0, description="Threads for arithmetic; 0 is two, or one on a machine with a single core."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> LanguageModelSettings:
        if self.width % self.heads:
            raise ValueError(
                f"width {self.width} cannot be divided among {self.heads} heads: make it a multiple"
            )
        return self


class RewardSettings(LearningSection):
    """Training a reward model on comparisons."""

    pooling: Literal["mean", "last"] = Field(
        "mean",
        description="What of the sample the score is read from: the mean of all tokens' hidden states, "
        "or the last token's (OpenAI 2019).",
    )
    length_prior: float = Field(
        0.25,
        ge=0,
        description="Share of the usual length at which a mean is drawn half-way to 0, so that a policy "
        "gains nothing by ever shorter texts (only with pooling mean).",
    )
    epochs: int = Field(3, ge=1, le=1000, description="Passes over the comparisons, at most.")
    batch_size: int = Field(8, ge=1, description="Comparisons in one gradient step.")
    learning_rate: float = Field(3e-4, gt=0, le=1, description="Peak learning rate of the body.")
    head_learning_rate: float = Field(3e-3, gt=0, le=1, description="Peak learning rate of the new head.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decoupled weight decay.")
    warmup_fraction: float = Field(
        0.1, ge=0, le=1, description="Part of all steps during which the learning rate rises from 0."
    )
    max_gradient_norm: float = Field(1.0, gt=0, description="Longer gradients are scaled down to this norm.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Probability of dropout in the body while training.")
    centring: float = Field(
        0.01, ge=0, description="Weight of the squared sum of a comparison's scores, which holds them near 0."
    )
    tie_weight: float = Field(
        1.0, ge=0, le=1, description="Weight of comparisons that ended equal (target one half each)."
    )
    autofail_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of comparisons decided by auto-fail; 0 leaves them out."
    )
    heldout_fraction: float = Field(
        0.2, ge=0, lt=1, description="Part of the comparisons kept back to measure accuracy."
    )
    normalize_before: bool = Field(
        False,
        description="Before training, set gain and bias so that reference samples score 0 ± 1 (OpenAI: "
        "yes; here it measures worse).",
    )
    normalize_after: bool = Field(True, description="The same after training (OpenAI).")
    normalize_samples: int = Field(
        256, ge=2, description="Samples of the reference model that gain and bias are set from (OpenAI)."
    )
    keep_best: bool = Field(
        True, description="End with the weights of the epoch with the lowest held-out loss, not the last."
    )
    patience: int = Field(
        2,
        ge=1,
        description="Stop after this many epochs without a lower held-out loss (only with keep_best).",
    )
    max_tokens: int = Field(512, ge=2, description="Longer samples are cut to this many tokens.")
    checkpoint_every: int = Field(1, ge=1, description="Epochs from one checkpoint to the next.")
    keep_checkpoints: int = Field(2, ge=1, description="Checkpoints kept; older ones are deleted.")
    torch_threads: int = Field(
        0, ge=0, description="Threads for arithmetic; 0 is two, or one on a machine with a single core."
    )


class PolicySettings(LearningSection):
    """Improving a policy against a reward model by PPO."""

    query: str | None = Field(
        None, description="The text that every response continues; unset, the project's."
    )
    response_length: int = Field(
        252, ge=2, description="Tokens of the longest response (essay: 256 with the query)."
    )
    updates: int = Field(60, ge=1, description="Policy updates; each writes batch_size fresh samples.")
    batch_size: int = Field(32, ge=2, description="Episodes (samples) of one update (OpenAI: 64 or 512).")
    minibatches: int = Field(
        2, ge=1, description="Gradient steps that one pass over a batch is cut into (OpenAI: 1)."
    )
    epochs: int = Field(2, ge=1, le=100, description="Passes over each batch (OpenAI: 4).")
    micro_batch_size: int = Field(
        16,
        ge=1,
        description="Episodes held in memory at once; changes memory and speed, not the result.",
    )
    learning_rate: float = Field(
        3e-4, gt=0, le=1, description="Adam's step at the first update; large models want 1e-5 (OpenAI)."
    )
    learning_rate_decay: bool = Field(True, description="Fall linearly to 0 at the last update (OpenAI).")
    adam_epsilon: float = Field(
        1e-5, gt=0, description="Adam's epsilon, applied as TensorFlow does (OpenAI)."
    )
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="Adam's decay of the mean gradient.")
    adam_beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay of the mean squared gradient.")
    max_gradient_norm: float = Field(1.0, gt=0, description="Longer gradients are scaled down to this norm.")
    temperature: float = Field(
        0.8,
        gt=0,
        le=5,
        description="Divides the logits in rollout, reference and update alike; best as samples are drawn "
        "(OpenAI: 0.7).",
    )
    kl_coefficient: float = Field(
        0.05, ge=0, description="Penalty per nat away from the reference, at the start."
    )
    kl_target: float | None = Field(
        12.0,
        gt=0,
        description="Nats per sample to which the coefficient is steered; unset, the coefficient is fixed.",
    )
    kl_horizon: float = Field(
        150.0, gt=0, description="Episodes over which the coefficient follows (OpenAI: 10000 at batch 512)."
    )
    kl_coefficient_min: float = Field(1e-4, ge=0, description="The controller goes no lower.")
    kl_coefficient_max: float = Field(10.0, gt=0, description="The controller goes no higher.")
    gamma: float = Field(1.0, gt=0, le=1, description="Discount per token (OpenAI).")
    lam: float = Field(0.95, ge=0, le=1, description="Decay of generalised advantage estimation (OpenAI).")
    cliprange: float = Field(0.2, gt=0, description="Probability ratios are clipped to 1 ± this (OpenAI).")
    value_cliprange: float = Field(0.2, gt=0, description="Values move at most this far an update (OpenAI).")
    value_coefficient: float = Field(0.1, ge=0, description="Weight of the value loss (OpenAI).")
    whiten_rewards: bool = Field(
        False, description="Scale rewards to deviation 1 over a batch (OpenAI: yes; found harmful since)."
    )
    whiten_advantages: bool = Field(True, description="Scale advantages to mean 0, deviation 1 (OpenAI).")
    max_approx_kl: float | None = Field(
        None,
        gt=0,
        description="Stop the passes over a batch once the policy has moved this far; unset, never.",
    )
    unfinished_score: float | None = Field(
        -2.0,
        description="Score of a response that reaches response_length unended, in place of the reward "
        "model's; unset, the reward model's own.",
    )
    broken_score: float | None = Field(
        -2.0,
        description="Score of a response that auto-fail calls broken, in place of the reward model's; "
        "unset, the reward model's own.",
    )
    streamed_samples: int = Field(4, ge=0, description="Samples of each update written to samples.jsonl.")
    checkpoint_every: int = Field(10, ge=1, description="Updates from one checkpoint to the next.")
    keep_checkpoints: int = Field(2, ge=1, description="Checkpoints kept; older ones are deleted.")
    torch_threads: int = Field(
        0, ge=0, description="Threads for arithmetic; 0 is two, or one on a machine with a single core."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> PolicySettings:
        if self.batch_size % self.minibatches:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be cut into {self.minibatches} equal minibatches: "
                "make it a multiple"
            )
        if self.kl_coefficient_min > self.kl_coefficient_max:
            raise ValueError("kl_coefficient_min must not exceed kl_coefficient_max")
        return self


class SampleSettings(LearningSection):
    """A run that writes samples into the store."""

    count: int = Field(100, ge=1, description="Samples to write.")
    temperature: float = Field(0.8, gt=0, le=5, description="Divides the logits.")
    top_k: int = Field(0, ge=0, description="Draw from the k likeliest tokens only; 0 is no limit.")
    top_p: float = Field(
        0.95, gt=0, le=1, description="Draw from the smallest set of tokens with this probability together."
    )
    max_new_tokens: int = Field(252, ge=1, description="Tokens written after the query.")
    batch_size: int = Field(64, ge=1, description="Samples written side by side.")
    query: str | None = Field(None, description="The text that every sample continues; unset, the project's.")
    torch_threads: int = Field(
        0, ge=0, description="Threads for arithmetic; 0 is two, or one on a machine with a single core."
    )


class AlarmSettings(LearningSection):
    """When a run that goes wrong says so."""

    kl_limit: float = Field(
        3.0, gt=0, description="Multiple of kl_target (or of 10 nats without one) at which kl-high is raised."
    )
    entropy_fraction: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Fraction of the first five updates' mean entropy below which entropy-low is raised.",
    )
    heartbeat_seconds: float = Field(
        120.0,
        gt=0,
        description="Silence of a running child, in seconds, after which heartbeat-lost is raised.",
    )
