"""The whole loop with a simulated rater, through the commands that a user has.

Makes a project, writes samples, has a program rate pairs, trains a reward model and a policy, and tests the
policy blind against the model that it began from. Prints the figures as JSON; exits with 1 where a step
fails.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RATER = f"{shlex.quote(sys.executable)} -m tuiprefs.rating.simulated"


def main() -> None:
    arguments = parse()
    folder = arguments.project or Path(tempfile.mkdtemp(prefix="tuiprefs-loop-")) / "project"
    figures: dict[str, Any] = {"project": str(folder)}
    began = time.monotonic()

    def step(name: str, *command: str) -> Any:
        print(f"== tuiprefs {shlex.join(command)}", file=sys.stderr, flush=True)
        start = time.monotonic()
        result = tuiprefs(*command)
        figures[f"seconds/{name}"] = round(time.monotonic() - start, 1)
        return result

    step("init", "init", str(folder), "--json")
    here = ("-C", str(folder))
    seed = str(arguments.seed)
    step("sample", *here, "sample", "--count", str(arguments.samples), "--seed", seed, "--json")
    rater = f"{RATER} --seed {seed}"
    rate = ("rate", "--command", rater, "--count", str(arguments.comparisons), "--json")
    rated = step("rate", *here, *rate)
    reward = step(
        "reward", *here, "train", "reward", "--seed", seed, "--json", *settings(arguments.reward_set)
    )
    policy_command = ["train", "policy", "--updates", str(arguments.updates), "--seed", seed, "--json"]
    policy = step("policy", *here, *policy_command, *settings(arguments.policy_set))
    blind = (
        "blind",
        policy["model"],
        "starter",
        "--count",
        str(arguments.blind),
        "--command",
        rater,
        "--json",
    )
    verdict = step("blind", *here, *blind)
    figures |= {"rated": rated, "reward": reward, "policy": policy, "blind": verdict}
    figures["seconds/total"] = round(time.monotonic() - began, 1)
    print(json.dumps(figures, indent=2))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, help="folder of the new project (default: a temporary one)")
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--comparisons", type=int, default=250)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--blind", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reward-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--policy-set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def settings(pairs: list[str]) -> list[str]:
    return [word for pair in pairs for word in ("--set", pair)]


def tuiprefs(*command: str) -> Any:
    """Run one command of the product; its narration goes where ours goes, its data comes back."""
    line = [sys.executable, "-c", "from tuiprefs.cli import main; main()", *command]
    done = subprocess.run(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
    if done.returncode:
        sys.exit(f"`tuiprefs {shlex.join(command)}` ended with {done.returncode}")
    return json.loads(done.stdout) if done.stdout.strip() else None


if __name__ == "__main__":
    main()
