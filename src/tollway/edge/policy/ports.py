"""Ports of targets that nobody may reach, such as 25: a proxy that sends mail is a spammer's."""

from collections.abc import Iterable

from tollway.edge.policy.attempt import Attempt, Moment
from tollway.edge.refusal import DENIED_PORT, Refusal


class PortRule:
    """Refuses targets on the listed ports."""

    moment = Moment.TARGET

    def __init__(self, denied: Iterable[int]) -> None:
        self._denied = frozenset(denied)

    def judge(self, attempt: Attempt) -> Refusal | None:
        return DENIED_PORT if attempt.port in self._denied else None
