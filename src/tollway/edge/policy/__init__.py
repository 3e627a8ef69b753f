"""Policy: small named rules in one ordered list. The first that objects decides.

A rule judges at one of three moments: when a flow begins (what is left, how many there are), when it names
a target (which port, which domain), and when the target's addresses are known. A new rule is a file with a
class here, and a line in `default_rules`.
"""

from tollway.edge.guard import Guard
from tollway.edge.metrics import EdgeMetrics
from tollway.edge.policy.addresses import AddressRule
from tollway.edge.policy.concurrency import ConcurrencyRule
from tollway.edge.policy.customer import CustomerDomainRule, CustomerPortRule, ScheduleRule
from tollway.edge.policy.domains import DomainRule
from tollway.edge.policy.ports import PortRule
from tollway.edge.policy.quota import QuotaRule
from tollway.edge.policy.rule import RequestContext, Rule, Stage
from tollway.edge.refusal import Refusal
from tollway.edge.settings import EdgeSettings

__all__ = ["Policy", "RequestContext", "Rule", "Stage", "default_rules"]


def default_rules(settings: EdgeSettings, guard: Guard) -> list[Rule]:
    """Return the whole policy, in the order in which it is asked."""
    return [
        QuotaRule(),
        ConcurrencyRule(),
        PortRule(settings.denied_ports),
        DomainRule(settings.denied_domains),
        CustomerPortRule(),
        CustomerDomainRule(),
        ScheduleRule(),
        AddressRule(guard),
    ]


class Policy:
    """The ordered list, sorted by moment once."""

    def __init__(self, rules: list[Rule], metrics: EdgeMetrics) -> None:
        self._metrics = metrics
        self._rules = [[rule for rule in rules if rule.stage is stage] for stage in Stage]

    def first_refusal(self, stage: Stage, context: RequestContext) -> Refusal | None:
        """Return what the first rule of a stage that objects has to say, or None; count it under the rule's name."""
        for rule in self._rules[stage]:
            refusal = rule.check(context)
            if refusal is not None:
                self._metrics.policy_refusals[rule.name] += 1
                return refusal
        return None
