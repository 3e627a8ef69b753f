"""So many connections at once, as the grant says, on this node.

Nodes do not ask each other, nor do the workers of one machine: over two of them twice as many are possible.
"""

from tollway.edge.policy.attempt import Attempt, Moment
from tollway.edge.refusal import TOO_MANY_FLOWS, Refusal


class ConcurrencyRule:
    """Refuses a flow beyond the grant's `max_flows` on this node (0: no limit)."""

    moment = Moment.BEGIN

    def judge(self, attempt: Attempt) -> Refusal | None:
        limit = attempt.grant.max_flows
        return TOO_MANY_FLOWS if limit and attempt.allowance.live >= limit else None
