"""Domains that nobody may reach: a listed domain stands for itself and all below it."""

from collections.abc import Iterable

from tollway.edge.policy.rule import RequestContext, Stage
from tollway.edge.refusal import DENIED_DOMAIN, Refusal


class DomainRule:
    """Refuses names in a set of domains, by walking up the name's labels."""

    stage = Stage.TARGET

    def __init__(self, denied: Iterable[str]) -> None:
        self._denied = frozenset(domain.strip(".").lower() for domain in denied)

    def check(self, context: RequestContext) -> Refusal | None:
        if not self._denied:
            return None
        name = context.host.rstrip(".").lower()
        while name:
            if name in self._denied:
                return DENIED_DOMAIN
            name = name.partition(".")[2]
        return None
