"""The rules against a plain model of them, and a test of that test: seeded bugs, each of which it must find."""

import inspect
import sys
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.kit.ledger_machine import Rules, machine_on
from tests.kit.typing import ALL_HEALTH_CHECKS
from tollway.kit.errors import Problem
from tollway.services.ledger.model.draft import Draft
from tollway.services.ledger.model.maintenance import LotExpiry
from tollway.services.ledger.model.metering import Reservation, UseReport
from tollway.services.ledger.model.posting import PostingReversal
from tollway.services.ledger.model.values import Account, Lot
from tollway.services.ledger.model.working_set import WorkingSet

USUAL = settings(
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=ALL_HEALTH_CHECKS,
    database=None,
)

BUGS = {
    "more is captured than was held": (Draft, "if amount > hold.remaining:", "if amount > hold.amount:"),
    "an expired hold is captured": (Draft, "if hold.has_expired(self.now_us):", "if False:"),
    "a spent hold's units count as free": (
        Account,
        "- self.debits_posted - self.debits_pending",
        "- self.debits_posted",
    ),
    "a refusal is forgotten": (WorkingSet, "if name is not None:", "if False:"),
    "what expires last is used first": (
        Lot,
        "self.expires_at_us, self.txn_id",
        "-self.expires_at_us, self.txn_id",
    ),
    "costs are cut piece by piece": (
        Lot,
        "split_pro_rata(self.cost, units, self.quantity, self.quantity - self.remaining)",
        "self.cost * units // self.quantity",
    ),
    "use is charged as reported": (
        UseReport,
        "max(0, report.cumulative - usage.posted)",
        "report.cumulative",
    ),
    "an overtaken report is charged": (UseReport, "report.sequence <= usage.last_sequence or", ""),
    "a transaction is reversed twice": (PostingReversal, "if original.reversed_by:", "if False:"),
    "held units expire": (LotExpiry, "min(lot.remaining, owner.available)", "lot.remaining"),
    "a grant forgets what is left": (Reservation, "left // self.divisor), left)", "left // self.divisor))"),
}


def sabotage(monkeypatch: pytest.MonkeyPatch, victim: type, right: str, wrong: str) -> None:
    """Put a bug into a class for the length of a test."""
    source = inspect.getsource(victim)
    assert source.count(right) == 1, f"the bug needs {right!r} exactly once in {victim.__name__}"
    names: dict[str, Any] = dict(vars(sys.modules[victim.__module__]))
    exec(source.replace(right, wrong), names)
    for name, attribute in vars(names[victim.__name__]).items():
        if inspect.isfunction(attribute) or isinstance(attribute, property):
            monkeypatch.setattr(victim, name, attribute)


def test_the_rules_do_what_the_model_says() -> None:
    run_state_machine_as_test(machine_on(Rules), settings=settings(USUAL, max_examples=100))


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, *BUGS[bug])
    seeking = settings(USUAL, max_examples=1000, phases=[Phase.generate], derandomize=True)
    with pytest.raises((AssertionError, ExceptionGroup, Problem)):
        run_state_machine_as_test(machine_on(Rules), settings=seeking)
