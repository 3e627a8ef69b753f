"""Nothing left, nothing carried."""

from tollway.edge.policy.rule import RequestContext, Stage
from tollway.edge.refusal import NO_ALLOWANCE, Refusal


class QuotaRule:
    """Refuses a flow while the customer's holding is known to be used up."""

    name = "quota"
    stage = Stage.BEGIN

    def check(self, context: RequestContext) -> Refusal | None:
        quota = context.quota
        return NO_ALLOWANCE if quota.exhausted and not quota.available else None
