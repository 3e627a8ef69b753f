"""So many connections at once, as the grant says, on this node.

Nodes do not ask each other, nor do the workers of one machine: over two of them twice as many are possible.
"""

from tollway.edge.policy.rule import RequestContext, Stage
from tollway.edge.refusal import TOO_MANY_FLOWS, Refusal


class ConcurrencyRule:
    """Refuses a flow beyond the grant's `max_flows` on this node (0: none was said)."""

    name = "max_flows"
    stage = Stage.BEGIN

    def check(self, context: RequestContext) -> Refusal | None:
        limit = context.grant.max_flows
        return TOO_MANY_FLOWS if limit and context.quota.live_flows >= limit else None
