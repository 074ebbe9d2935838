"""Pairing, auto-fail, the rating session with undo, and raters that are programs."""
