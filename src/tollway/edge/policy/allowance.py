"""Nothing left, nothing carried."""

from tollway.edge.policy.attempt import Attempt, Moment
from tollway.edge.refusal import NO_ALLOWANCE, Refusal


class AllowanceRule:
    """Refuses a flow while the customer's holding is known to be used up."""

    moment = Moment.BEGIN

    def judge(self, attempt: Attempt) -> Refusal | None:
        allowance = attempt.allowance
        return NO_ALLOWANCE if allowance.dry and not allowance.available else None
