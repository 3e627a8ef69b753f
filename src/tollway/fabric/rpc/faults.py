"""Failures on request: how tests see what a service does when a neighbour does not answer.

    channel.faults.add("ledger.Post")                  the next call fails before it is sent
    channel.faults.add("ledger.Post", lost=True)       it is carried out, but the answer is lost
    channel.faults.add("ledger", times=3)              any method of that service API, three times

Every channel has a `faults`, local or remote, and it costs one test of an empty list.
"""

from dataclasses import dataclass

from tollway.kit.errors import Problem, Unavailable


@dataclass
class Fault:
    """One planned failure: where, how often, before the call is sent or after it was carried out."""

    where: str
    problem: Problem
    times: int
    lost: bool


class Faults:
    """The planned failures of one channel."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []

    def add(self, where: str, problem: Problem | None = None, *, times: int = 1, lost: bool = False) -> None:
        """Plan `problem` (Unavailable unless given) for `where`: a service API, or `service API.Method`."""
        self.planned.append(Fault(where, problem or Unavailable(f"{where} does not answer"), times, lost))

    def clear(self) -> None:
        """Forget every planned failure."""
        self.planned.clear()

    def strike(self, api: str, method: str, *, lost: bool) -> None:
        """Raise the next failure planned for this call, if there is one."""
        for fault in self.planned:
            if fault.lost is lost and fault.where in {api, f"{api}.{method}"}:
                fault.times -= 1
                if fault.times <= 0:
                    self.planned.remove(fault)
                raise fault.problem
