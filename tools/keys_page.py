"""Writes docs/keys.md from the app's registry of actions."""

from __future__ import annotations

from pathlib import Path

from tuiprefs.project.atomic import write_text
from tuiprefs.tui.actions import keys_page

if __name__ == "__main__":
    write_text(Path(__file__).resolve().parents[1] / "docs" / "keys.md", keys_page())
