"""The one registry of actions: it makes the keys, the key bar, the help, the palette and docs/keys.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Scope = Literal["app", "rate", "train", "samples"]

SCOPE_TITLES: dict[Scope, str] = {
    "rate": "Rate",
    "train": "Train",
    "samples": "Samples",
    "app": "Everywhere",
}

KEY_NAMES = {
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "ctrl+p": "ctrl+p",
    "pagedown": "page down",
    "pageup": "page up",
}


@dataclass(frozen=True)
class Action:
    """One thing the app can do."""

    scope: Scope
    """The tab it belongs to; ``app`` is everywhere."""
    method: str
    """The ``action_…`` method, with its argument in brackets where it has one."""
    keys: tuple[str, ...]
    """Textual's names of the keys; the first is shown."""
    label: str
    """The words in the key bar; empty keeps it out of there."""
    help: str
    """What it does, in a sentence."""
    group: str = ""
    """Neighbours of one group share a label in the key bar, such as ← → replay."""
    priority: bool = False
    """Goes before the focused widget's own keys: a table must not eat an arrow."""

    @property
    def id(self) -> str:
        """A name that stays the same when the key is changed, e.g. ``rate.undo``."""
        name, _, argument = self.method.partition("(")
        suffix = "." + argument.strip("')") if argument else ""
        return f"{self.scope}.{name}{suffix}"

    @property
    def title(self) -> str:
        """The action's name in the command palette."""
        return (
            f"{SCOPE_TITLES[self.scope]}: {self.help.rstrip('.')}"
            if self.scope != "app"
            else self.help.rstrip(".")
        )

    @property
    def key_names(self) -> str:
        """Its keys as a person writes them."""
        return ", ".join(key_name(key) for key in self.keys)


def key_name(key: str) -> str:
    """The way a key is shown: ``question_mark`` is ``?``."""
    if key.startswith("f") and key[1:].isdigit():
        return key.upper()
    return KEY_NAMES.get(key, key)


ACTIONS: tuple[Action, ...] = (
    Action("rate", "choose('left')", ("1",), "Left", "The left one is better.", priority=True),
    Action("rate", "choose('right')", ("2",), "Right", "The right one is better.", priority=True),
    Action("rate", "choose('tie')", ("3",), "Equal", "Both are equally good.", priority=True),
    Action(
        "rate", "replay('left')", ("left",), "Replay", "Play the left one from its beginning.", "replay", True
    ),
    Action(
        "rate",
        "replay('right')",
        ("right",),
        "Replay",
        "Play the right one from its beginning.",
        "replay",
        True,
    ),
    Action(
        "rate", "toggle_sound", ("space",), "Stop/play", "Stop the sound, or play both again.", priority=True
    ),
    Action(
        "rate",
        "choose('skip')",
        ("s", "enter"),
        "Skip",
        "Pass over this pair without a verdict.",
        priority=True,
    ),
    Action(
        "rate",
        "resume",
        ("enter",),
        "Go on",
        "Go on rating after a session or a blind test has ended.",
        priority=True,
    ),
    Action(
        "rate", "undo", ("u",), "Undo", "Take the last verdict back and judge that pair again.", priority=True
    ),
    Action(
        "rate",
        "auto_rate",
        ("r",),
        "Auto-rate rest",
        "Let the auto-fail rules decide the rest, and stop.",
        priority=True,
    ),
    Action(
        "rate", "leave", ("x",), "Leave", "Leave this session, or a blind test before its end.", priority=True
    ),
    Action("rate", "scroll_text(-1)", ("up",), "", "Scroll both texts up.", priority=True),
    Action("rate", "scroll_text(1)", ("down",), "", "Scroll both texts down.", priority=True),
    Action("train", "new_run('policy')", ("n",), "Policy run", "Start a policy run: improve a model by PPO."),
    Action("train", "new_run('reward')", ("w",), "Reward run", "Start a reward-model run on the ratings."),
    Action("train", "new_run('sample')", ("m",), "Sample", "Write more samples with a model."),
    Action("train", "new_run('lm')", ("t",), "LM run", "Train a language model on the corpus."),
    Action("train", "blind_test", ("b",), "Blind test", "Compare two models blind, by ear."),
    Action("train", "pause", ("p",), "Pause", "Pause the run after its present update."),
    Action("train", "resume", ("r",), "Resume", "Let a paused, stopped or dead run go on."),
    Action("train", "checkpoint", ("c",), "Checkpoint", "Write a checkpoint of the run now."),
    Action("train", "stop", ("s",), "Stop", "Stop the run, politely first."),
    Action("train", "log", ("l",), "Log", "Show the end of the run's log, or its curves again."),
    Action("samples", "cycle('source')", ("f",), "Source", "Show the samples of the next source only."),
    Action("samples", "cycle('run')", ("n",), "Run", "Show the samples of the next run only."),
    Action("samples", "cycle('verdict')", ("v",), "Verdict", "Show the samples of the next verdict only."),
    Action("samples", "search", ("slash",), "Find", "Show the samples that hold a text."),
    Action("samples", "clear", ("c",), "All", "Drop every filter."),
    Action("samples", "toggle_sound", ("space",), "Play", "Play the sample, or stop.", priority=True),
    Action("samples", "open_files", ("o",), "Files", "Show the sample's files, and open its sound."),
    Action("app", "show_tab('rate')", ("f2",), "", "Go to the Rate tab."),
    Action("app", "show_tab('train')", ("f3",), "", "Go to the Train tab."),
    Action("app", "show_tab('samples')", ("f4",), "", "Go to the Samples tab."),
    Action("app", "next_tab(-1)", ("left_square_bracket",), "", "Go to the tab before."),
    Action("app", "next_tab(1)", ("right_square_bracket",), "", "Go to the tab after."),
    Action("app", "change_theme", (), "", "Choose other colours."),
    Action("app", "command_palette", ("ctrl+p",), "", "Open the command palette."),
    Action("app", "help", ("question_mark", "f1"), "Help", "Show all keys."),
    Action("app", "quit", ("q", "ctrl+q"), "Quit", "Close the app; runs go on."),
)


def actions_of(scope: Scope) -> list[Action]:
    """The actions of one tab, in the order in which they are shown."""
    return [action for action in ACTIONS if action.scope == scope]


def bindings(scope: Scope) -> list[Binding]:
    """Textual's key bindings of one tab."""
    return [
        Binding(
            ",".join(action.keys),
            action.method,
            action.label or action.help,
            show=bool(action.label),
            priority=action.priority,
            id=action.id,
        )
        for action in actions_of(scope)
        if action.keys
    ]


def find(action_id: str) -> Action:
    """The action with this id; KeyError if there is none."""
    return _BY_ID[action_id]


_BY_ID = {action.id: action for action in ACTIONS}


def keys_page() -> str:
    """The page docs/keys.md: every key, by tab."""
    lines = [
        "# Keys",
        "",
        "Everything works without a mouse. This page is made from the app's own registry of actions.",
    ]
    for scope, title in SCOPE_TITLES.items():
        lines += ["", f"## {title}", "", "| key | what it does |", "|---|---|"]
        for action in actions_of(scope):
            keys = " ".join(f"`{key_name(key)}`" for key in action.keys) or "(command palette)"
            lines.append(f"| {keys} | {action.help} |")
    return "\n".join(lines) + "\n"
