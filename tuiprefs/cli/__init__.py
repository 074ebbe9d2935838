"""The command line: one module per group of commands."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one command; a failure that a user can understand is one sentence on stderr."""
    from tuiprefs.cli.app import app
    from tuiprefs.project.errors import TuiprefsError

    try:
        app()
    except TuiprefsError as error:
        print(f"tuiprefs: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
