"""Looking names up: a resolver that does not answer one customer holds up nobody else."""

import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.kit.edges import until
from tollway.edge import refusal
from tollway.edge.exits.direct import Addresses, Resolver
from tollway.edge.refusal import Refusal

Answers = dict[str, Addresses | Refusal]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names under `slow.test` are answered when the event is set, others at once."""
    request_finished = threading.Event()

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        if host.endswith("slow.test"):
            request_finished.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield request_finished
    request_finished.set()


def lookup(names: Resolver, answers: Answers, host: str, customer: str) -> None:
    names.lookup(host, customer, partial(answers.__setitem__, host))


async def test_one_customer_s_names_that_nobody_answers_hold_up_nobody_else(stuck: threading.Event) -> None:
    names, answers = Resolver(60, 0.05, time.monotonic), Answers()
    for number in range(20):
        lookup(names, answers, f"{number}.slow.test", "usr_greedy")
    assert list(answers.values()) == [refusal.OVERLOADED] * 4
    lookup(names, answers, "example.test", "usr_other")
    await until(lambda: "example.test" in answers)
    assert answers["example.test"] == ("192.0.2.1",)

    # Given up in time, but the threads are still taken, so nothing more is begun for this customer.
    await until(lambda: len(answers) == 21)
    assert list(answers.values()).count(refusal.NAME_TIMEOUT) == 16
    lookup(names, answers, "more.slow.test", "usr_greedy")
    assert answers["more.slow.test"] is refusal.OVERLOADED

    stuck.set()
    again: Answers = {}

    def has_room() -> bool:
        lookup(names, again, "at-last.test", "usr_greedy")
        return again.pop("at-last.test", refusal.OVERLOADED) == ("192.0.2.1",)

    await until(has_room)
    names.stop()


async def test_a_name_is_asked_about_once_and_remembered(stuck: threading.Event) -> None:
    names = Resolver(60, 5, time.monotonic)
    found: list[Addresses | Refusal] = []
    for _ in range(3):
        names.lookup("one.slow.test", "usr_a", found.append)
    stuck.set()
    await until(lambda: len(found) == 3)
    assert names.cached("one.slow.test") == ("192.0.2.1",)
    assert names.cached("192.0.2.9") == ("192.0.2.9",)
    names.stop()
