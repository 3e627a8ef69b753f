"""Rules that ask what the customer wants blocked, and when the access may be used."""

from tollway.edge.policy.domains import is_listed
from tollway.edge.policy.rule import RequestContext, Stage
from tollway.edge.refusal import DENIED_DOMAIN, DENIED_PORT, OUTSIDE_SCHEDULE, Refusal


class CustomerPortRule:
    """Refuses the ports that the customer blocked."""

    name = "customer_port"
    stage = Stage.CUSTOMER

    def check(self, context: RequestContext) -> Refusal | None:
        rules = context.customer
        return DENIED_PORT if rules is not None and context.port in rules.blocked_ports else None


class CustomerDomainRule:
    """Refuses the domains that the customer blocked, with all below them."""

    name = "customer_domain"
    stage = Stage.CUSTOMER

    def check(self, context: RequestContext) -> Refusal | None:
        rules = context.customer
        if rules is None or not rules.blocked_domains:
            return None
        return DENIED_DOMAIN if is_listed(context.host, rules.blocked_domains) else None


class ScheduleRule:
    """Refuses flows and requests outside of the customer's hours; the node ends flows that go on."""

    name = "schedule"
    stage = Stage.CUSTOMER

    def check(self, context: RequestContext) -> Refusal | None:
        rules = context.customer
        if rules is None or rules.hours is None or rules.hours.contains(context.now_us()):
            return None
        return OUTSIDE_SCHEDULE
