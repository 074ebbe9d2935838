"""Teach a music-writing language model one person's taste, from a terminal."""

__version__ = "0.1.0"
