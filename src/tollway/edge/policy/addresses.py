"""Private and special addresses: every address that a name resolves to must pass the guard."""

from tollway.edge.guard import Guard
from tollway.edge.policy.attempt import Attempt, Moment
from tollway.edge.refusal import DENIED_ADDRESS, Refusal


class AddressRule:
    """Refuses a target when one of its addresses is denied: a name that mixes is up to something."""

    moment = Moment.ADDRESSES

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def judge(self, attempt: Attempt) -> Refusal | None:
        for address in attempt.addresses:
            if self._guard.denies(address, attempt.port):
                return DENIED_ADDRESS
        return None
