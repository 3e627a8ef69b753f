"""Limits at the gateway: what a client is told, and how shared buckets are waited for."""

from pathlib import Path

from tests.kit.gateway import ALICE, running_gateway
from tollway.fabric.limits import Key, LimitDecision, Outage
from tollway.fabric.limits.memory import MemoryLimit, MemoryLimits
from tollway.gateway.policy.limits import RateLimit
from tollway.gateway.settings import LimitSettings


def test_the_headers_say_where_a_client_stands():
    limit = RateLimit("login", LimitSettings(quota=10, window_s=300), MemoryLimits())
    grant = limit.take("alice", 0.0)
    assert limit.headers(grant) == (
        b'RateLimit-Policy: "login";q=10;w=300\r\nX-RateLimit-Limit: 10\r\n'
        b'RateLimit: "login";r=9;t=30\r\nX-RateLimit-Remaining: 9\r\nX-RateLimit-Reset: 30\r\n'
    )


class OutOfCredit(MemoryLimit):
    """A shared limit that always has to hear of the others first; after that it answers as told."""

    def __init__(self, quota: int, window_s: float) -> None:
        super().__init__(quota, window_s)
        self.was_heard = 0

    def take(self, key: Key, now: float) -> LimitDecision:
        return super().take(key, now) if self.was_heard else LimitDecision(False, 5, 1.0, 0.0)

    async def synced(self) -> None:
        self.was_heard += 1


class SharedLimits(MemoryLimits):
    def __init__(self) -> None:
        self.made: dict[str, OutOfCredit] = {}

    def limit(self, name: str, quota: int, window_s: float, outage: Outage = "local") -> MemoryLimit:
        self.made[name] = OutOfCredit(quota, window_s)
        return self.made[name]


async def test_a_burst_waits_until_the_other_gateways_were_heard(tmp_path: Path):
    shared = SharedLimits()
    async with running_gateway(tmp_path, shared_limits=shared) as setup:
        assert (await setup.ask("POST", "/api/orders", ALICE, body=b"waits too")).json["body"] == "waits too"
        assert shared.made["default"].was_heard == 1
