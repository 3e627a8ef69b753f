"""Domains that nobody may reach: a listed domain stands for itself and all below it."""

from collections.abc import Iterable

from tollway.edge.policy.rule import RequestContext, Stage
from tollway.edge.refusal import DENIED_DOMAIN, Refusal


class DomainRule:
    """Refuses names in a set of domains, by walking up the name's labels."""

    name = "domain"
    stage = Stage.TARGET

    def __init__(self, denied: Iterable[str]) -> None:
        self._denied = frozenset(domain.strip(".").lower() for domain in denied)

    def check(self, context: RequestContext) -> Refusal | None:
        return DENIED_DOMAIN if self._denied and is_listed(context.host, self._denied) else None


def is_listed(host: str, domains: frozenset[str]) -> bool:
    """Return whether a name or one above it is in a set of domains."""
    name = host.rstrip(".").lower()
    while name:
        if name in domains:
            return True
        name = name.partition(".")[2]
    return False
