"""Every setting of a project, typed, with its unit and the source of its default."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tuiprefs.project.learning_settings import (
    AlarmSettings,
    LanguageModelSettings,
    PolicySettings,
    RewardSettings,
)


class Section(BaseModel):
    """One table of ``tuiprefs.toml``; an unknown key in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectSettings(Section):
    """What the project is about."""

    domain: Literal["abc", "text"] = Field("abc", description="What a sample is: ABC music or plain text.")
    model: str = Field(
        "starter",
        min_length=1,
        description="The language model to begin from: starter, a run's name, a folder, or a hub id.",
    )
    query: str | None = Field(
        None, description="The text that every sample continues; unset, the domain's own (the essay's X:)."
    )


class SamplingSettings(Section):
    """How samples are drawn from a model."""

    temperature: float = Field(
        0.8, gt=0, le=5, description="Divides the logits; measured best for the starter model."
    )
    top_k: int = Field(0, ge=0, description="Draw from the k likeliest tokens only; 0 is no limit (essay).")
    top_p: float = Field(
        0.95, gt=0, le=1, description="Draw from the smallest set of tokens with this probability together."
    )
    max_new_tokens: int = Field(252, ge=1, description="Tokens written after the query (essay: 256 in all).")
    batch_size: int = Field(64, ge=1, description="Samples written side by side.")


class AudioSettings(Section):
    """How a tune sounds."""

    instrument: Literal["fiddle", "flute", "accordion", "harp", "guitar", "piano"] = Field(
        "fiddle", description="Instrument of the bundled font."
    )
    tempo: int = Field(130, ge=20, le=400, description="Quarter notes a minute where Q: is absent (essay).")
    speed: float = Field(1.1, ge=0.25, le=4, description="Playing speed; the pitch stays (essay).")
    clip_seconds: float = Field(10, gt=0, description="Seconds of each tune when rating (essay).")
    blind_seconds: float = Field(20, gt=0, description="Seconds of each tune in a blind test (essay).")
    max_seconds: float = Field(60, gt=0, description="Longest audio rendered of a tune, in seconds.")
    timeout_seconds: float = Field(5, gt=0, description="Longest time that compiling one tune may take.")
    device: str = Field(
        "auto", description="auto, sounddevice, miniaudio, silent, or file:PATH to write what is played."
    )
    cache_mb: int = Field(500, ge=10, description="Size to which the render cache is pruned, in MB.")


class AutofailSettings(Section):
    """When a sample counts as broken without being heard."""

    max_errors: float = Field(
        0,
        ge=0,
        description="Compiler errors allowed per 100 characters (real tunes pass at 3, clean models at 0).",
    )
    minimum_seconds: float = Field(
        5.57, ge=0, description="Shortest sounding time in seconds (the essay's 100 kB of WAV, worked out)."
    )
    minimum_characters: int = Field(42, ge=0, description="Shortest text (essay).")
    repetition: bool = Field(True, description="Fail texts that compress too well or repeat one run.")
    zlib_coefficient: float = Field(
        2.98, ge=0, description="Fail below coefficient * n**exponent zlib bytes (fit: 0.5% of real tunes)."
    )
    zlib_exponent: float = Field(0.58, ge=0, le=1, description="The exponent of that floor.")
    longest_run: int = Field(
        43, ge=1, description="Longest periodic run in characters, period 40 or less (0.5% of real tunes)."
    )
    blacklist: bool = Field(True, description="Fail texts holding a blacklisted substring (essay).")


class RatingSettings(Section):
    """The rating session."""

    rater: str = Field("me", min_length=1, description="Whose ratings these are.")
    autoplay: bool = Field(True, description="Play left, then right, when a pair appears.")
    prefetch: int = Field(2, ge=1, le=20, description="Pairs rendered before they are asked for.")
    pairing: Literal["disjoint", "random"] = Field(
        "disjoint", description="disjoint: every sample once a pass (essay); random: any pair not yet judged."
    )
    answer_seconds: float = Field(30, gt=0, description="Longest wait for a rater program's answer.")


class Settings(Section):
    """All of ``tuiprefs.toml``."""

    project: ProjectSettings = ProjectSettings()
    sampling: SamplingSettings = SamplingSettings()
    audio: AudioSettings = AudioSettings()
    autofail: AutofailSettings = AutofailSettings()
    rating: RatingSettings = RatingSettings()
    language_model: LanguageModelSettings = LanguageModelSettings()
    reward: RewardSettings = RewardSettings()
    policy: PolicySettings = PolicySettings()
    alarms: AlarmSettings = AlarmSettings()
