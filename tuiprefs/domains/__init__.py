"""What a sample is: one small protocol, and the domains that fulfil it."""

from tuiprefs.domains.abc import AbcDomain
from tuiprefs.domains.protocol import Cleaned, Domain
from tuiprefs.domains.text import TextDomain
from tuiprefs.project.errors import UserError

DOMAINS: dict[str, Domain] = {domain.name: domain for domain in (AbcDomain(), TextDomain())}

__all__ = ["DOMAINS", "Cleaned", "Domain", "get"]


def get(name: str) -> Domain:
    """Find a domain by its name.

    Raises:
        UserError: there is no domain of that name.
    """
    if name not in DOMAINS:
        raise UserError(f"There is no domain {name!r}: choose one of {', '.join(DOMAINS)}.")
    return DOMAINS[name]
