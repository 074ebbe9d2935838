"""ABC to MIDI to PCM, the render cache and the player."""
