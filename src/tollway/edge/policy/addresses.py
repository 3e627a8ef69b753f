"""Private and special addresses: every address that a name resolves to must pass the guard."""

from tollway.edge.guard import Guard
from tollway.edge.policy.rule import RequestContext, Stage
from tollway.edge.refusal import DENIED_ADDRESS, Refusal


class AddressRule:
    """Refuses a target when one of its addresses is denied: a name that mixes is up to something."""

    name = "address"
    stage = Stage.ADDRESSES

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def check(self, context: RequestContext) -> Refusal | None:
        for address in context.addresses:
            if self._guard.denies(address, context.port):
                return DENIED_ADDRESS
        return None
