"""A test of the whole way through a proxy: what was asked for, and what each step found."""

from dataclasses import dataclass
from typing import Literal

from tollway.kit.times import SECOND_US

StepResultName = Literal["resolve", "connect", "login", "target", "exit"]
ConnectionTestState = Literal["running", "passed", "failed", "unanswered"]
STEPS: tuple[StepResultName, ...] = ("resolve", "connect", "login", "target", "exit")
LASTS_US = 30 * SECOND_US
"""After this nothing is expected any more, and the credential of the test has ended."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step. Without a duration it was answered together with the next one."""

    name: str
    ok: bool
    duration_us: int | None
    detail: str
    code: str


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """One test. `session_id` and `signed_in_at_us` are the sign-in of who asked for it."""

    id: str
    user_id: str
    resource_id: str
    location: str
    node: str
    session_id: str
    signed_in_at_us: int
    created_at_us: int
    credential_id: str = ""
    steps: tuple[StepResult, ...] = ()
    finished: bool = False

    def is_over(self, now_us: int) -> bool:
        """Return whether nothing more is expected of it."""
        return self.finished or now_us >= self.created_at_us + LASTS_US

    def state(self, now_us: int) -> ConnectionTestState:
        """Say how it went, or that it goes on; `unanswered` is a node that has not finished in time."""
        if not self.is_over(now_us):
            return "running"
        if not self.finished:
            return "unanswered"
        return "passed" if len(self.steps) == len(STEPS) and all(one.ok for one in self.steps) else "failed"


HINTS = {
    "NODE_ANSWERED": "the node itself answered, so this is not the address that other sites see; an operator can name "
    "another target in edge.test_url",
    "NAME_UNKNOWN": "the proxy's own name cannot be resolved; the operator has to mend it",
    "NOT_REACHED": "the proxy accepts no connections; try again soon, or write to the operator",
    "TIMEOUT": "nothing was answered in time; try again, and write to the operator if it stays so",
    "NOT_UNDERSTOOD": "the answer was not one of a proxy; write to the operator",
    "NO_ADDRESS": "the test's target said no address; the operator has to look at edge.test_url",
    "BAD_STATUS": "the test's target answered with an error; the operator has to look at edge.test_url",
    "PROXY_AUTH_FAILED": "the login was refused; run the test again, and write to the operator if it stays so",
    "PROXY_NO_ALLOWANCE": "nothing is left of what this access draws on; buy more",
    "PROXY_INACTIVE": "this access is stopped or does not cover HTTP; activate it",
    "PROXY_TOO_MANY_FLOWS": "this access has all the connections that it may have at once; end one or raise its limit",
    "PROXY_OUTSIDE_SCHEDULE": "the schedule of this access allows no connections now; change its rules",
    "PROXY_NO_EXIT": "no exit serves this location now; choose another",
    "PROXY_DENIED_DOMAIN": "your own rules or the operator's deny the test's target; look at the rules of this access",
    "PROXY_DENIED_PORT": "your own rules or the operator's deny the test's port; look at the rules of this access",
    "PROXY_UNAVAILABLE": "the platform cannot check logins now; try again soon",
    "PROXY_OVERLOADED": "the proxy has no room for another connection; try again soon",
}
"""What to do about a step that failed, by its code."""
OTHER_HINT = (
    "the test's target cannot be reached from the exit; try again, and write to the operator if it stays so"
)


def hint(step: StepResult) -> str:
    """Say what to know or do about a step; mostly nothing when it went well."""
    return HINTS.get(step.code, "" if step.ok else OTHER_HINT)
