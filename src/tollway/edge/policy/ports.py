"""Ports of targets that nobody may reach, such as 25: a proxy that sends mail is a spammer's."""

from collections.abc import Iterable

from tollway.edge.policy.rule import RequestContext, Stage
from tollway.edge.refusal import DENIED_PORT, Refusal


class PortRule:
    """Refuses targets on the listed ports."""

    name = "port"
    stage = Stage.TARGET

    def __init__(self, denied: Iterable[int]) -> None:
        self._denied = frozenset(denied)

    def check(self, context: RequestContext) -> Refusal | None:
        return DENIED_PORT if context.port in self._denied else None
