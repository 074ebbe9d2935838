"""What decides how a tune sounds, and how much work one tune may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RenderSettings:
    """All but ``timeout_seconds`` is part of a cached tune's key."""

    tempo: int = 130
    """Quarter notes a minute where the tune sets no tempo of its own (the essay's)."""
    speed: float = 1.1
    """Playing speed; note times are divided by it, so that the pitch stays (the essay's)."""
    instrument: str = "fiddle"
    """Instrument of the bundled font, for all that names no General MIDI program."""
    sample_rate: int = 44_100
    """Of the audio, in Hz."""
    max_seconds: float = 60.0
    """Audio beyond this is not rendered."""
    timeout_seconds: float = 5.0
    """Wall-clock time that compiling one tune may take (a tune takes 2 ms)."""
    max_notes: int = 20_000
    """Notes beyond these are not read from the MIDI file."""
