"""The two kinds of failure that reach a user as one sentence."""

from __future__ import annotations


class TuiprefsError(Exception):
    """Something failed for a reason that one sentence explains; commands exit with 1."""

    exit_code = 1


class UserError(TuiprefsError):
    """What was given cannot be used: the sentence says what is wrong, where, and how to mend it."""

    exit_code = 2
