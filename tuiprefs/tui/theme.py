"""The app's colours: a calm dark theme, a light one, and one of the terminal's own 16 colours."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="tuiprefs-dark",
    primary="#82aaca",
    secondary="#93bfa7",
    accent="#e2b36d",
    warning="#e2b36d",
    error="#d8788a",
    success="#98c379",
    foreground="#d7dde4",
    background="#11151a",
    surface="#161b21",
    panel="#1d242c",
    dark=True,
    variables={
        "foreground-muted": "#7d8894",
        "border": "#303a45",
        "border-blurred": "#303a45",
        "block-cursor-background": "#2c3d4e",
        "block-cursor-foreground": "#e8edf2",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#222c36",
        "input-selection-background": "#82aaca 30%",
        "scrollbar": "#2a333d",
        "scrollbar-background": "#161b21",
        "scrollbar-background-hover": "#161b21",
        "scrollbar-corner-color": "#161b21",
    },
)

LIGHT = Theme(
    name="tuiprefs-light",
    primary="#2f6690",
    secondary="#3a7d5c",
    accent="#a3610b",
    warning="#a3610b",
    error="#b3304a",
    success="#3d7a1f",
    foreground="#23292f",
    background="#f6f4ef",
    surface="#efece5",
    panel="#e6e2d8",
    dark=False,
    variables={
        "foreground-muted": "#6f757b",
        "border": "#c9c4b8",
        "border-blurred": "#c9c4b8",
        "block-cursor-background": "#cfdce6",
        "block-cursor-foreground": "#1b2024",
        "block-cursor-text-style": "bold",
    },
)

SIXTEEN = Theme(
    name="tuiprefs-16",
    ansi=True,
    primary="ansi_bright_blue",
    secondary="ansi_cyan",
    accent="ansi_yellow",
    warning="ansi_yellow",
    error="ansi_bright_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "foreground-muted": "ansi_bright_black",
        "border": "ansi_bright_black",
        "border-blurred": "ansi_bright_black",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "block-cursor-blurred-background": "ansi_bright_black",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_bright_blue",
        "input-selection-foreground": "ansi_black",
        "scrollbar": "ansi_bright_black",
        "scrollbar-background": "ansi_default",
    },
)

THEMES = (DARK, LIGHT, SIXTEEN)


def theme_for(color_system: str | None) -> str:
    """The theme to begin with on a terminal with this many colours, as Rich names them."""
    return SIXTEEN.name if color_system == "standard" else DARK.name
