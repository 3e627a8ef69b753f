"""Policy: small named rules in one ordered list. The first that objects decides.

A rule judges at one of three moments: when a flow begins (what is left, how many there are), when it names
a target (which port, which domain), and when the target's addresses are known. A new rule is a file with a
class here, and a line in `house_rules`.
"""

from tollway.edge.guard import Guard
from tollway.edge.policy.addresses import AddressRule
from tollway.edge.policy.allowance import AllowanceRule
from tollway.edge.policy.attempt import Attempt, Moment, Rule
from tollway.edge.policy.concurrency import ConcurrencyRule
from tollway.edge.policy.domains import DomainRule
from tollway.edge.policy.ports import PortRule
from tollway.edge.refusal import Refusal
from tollway.edge.settings import EdgeSettings

__all__ = ["Attempt", "Moment", "Policy", "Rule", "house_rules", "objection"]


def house_rules(settings: EdgeSettings, guard: Guard) -> list[Rule]:
    """Return the whole policy, in the order in which it is asked."""
    return [
        AllowanceRule(),
        ConcurrencyRule(),
        PortRule(settings.denied_ports),
        DomainRule(settings.denied_domains),
        AddressRule(guard),
    ]


class Policy:
    """The ordered list, sorted by moment once."""

    def __init__(self, rules: list[Rule]) -> None:
        self.begin, self.target, self.addresses = (
            [rule for rule in rules if rule.moment is moment] for moment in Moment
        )


def objection(rules: list[Rule], attempt: Attempt) -> Refusal | None:
    """Return what the first of these rules that objects has to say, or None."""
    for rule in rules:
        refusal = rule.judge(attempt)
        if refusal is not None:
            return refusal
    return None
