"""The edge as a whole, told as stories: what was charged is what was on the wire, to the byte."""

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.kit.clock import FakeClock, FakeMonotonic
from tests.kit.edges import Client, EdgeSetup, echo, edge_setup, flood, pattern, running_edge, web
from tests.kit.eventually import A_SECOND_S, eventually
from tests.kit.fake_access import FakeAccess
from tests.tollway.edge.test_guard import own_addresses
from tollway.edge import access_client

MB = 1_000_000


def books_agree(here: EdgeSetup) -> None:
    """What was charged equals the wire; no lease was overdrawn, nothing was given away."""
    assert here.access.used() == here.on_the_wire
    assert here.access.overdrawn == 0
    assert here.access.shortfall == 0
    assert here.access.held() == 0


async def test_a_download_is_charged_to_the_byte(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/bytes/20000000"))
        status, _, body = await client.response()
        assert status == 200
        assert body == pattern(20_000_000)
        await client.close()
        await here.settled()
        books_agree(here)
        assert here.access.used() > 20 * MB


async def test_an_upload_is_charged_to_the_byte(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        await client.send(here.get("/", "Content-Length: 12000000", method="POST"))
        await client.send(bytes(12_000_000))
        assert (await client.response())[2] == b"12000000"
        await client.close()
        await here.settled()
        books_agree(here)


@pytest.mark.parametrize("protocol", ["connect", "socks5"])
async def test_a_tunnel_is_charged_to_the_byte_with_its_hello(tmp_path: Path, protocol: str) -> None:
    async with edge_setup(tmp_path) as here:
        client = await (here.tunnel() if protocol == "connect" else here.socks_tunnel())
        data = pattern(5 * MB)
        sending = asyncio.ensure_future(client.send(data))
        assert await client.exactly(len(data)) == data
        await sending
        await client.close()
        await here.settled()
        books_agree(here)
        (usage,) = here.access.usage.values()
        assert usage.protocol == protocol
        assert usage.terminate_cause == "User-Request"
        assert usage.target == f"127.0.0.1:{here.origin.port}"


async def test_many_requests_on_one_connection_are_one_flow(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.client()
        for size in (0, 1, 1_000, 70_000, 300_000):
            for kind in ("bytes", "chunked"):
                await client.send(here.get(f"/{kind}/{size}"))
                assert (await client.response())[2] == pattern(size)
        await client.close()
        await here.settled()
        books_agree(here)
        (usage,) = here.access.usage.values()
        assert usage.requests == 10
        assert here.origin.connections == 1


async def test_fifty_at_once_are_charged_to_the_byte(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:

        async def fetch(size: int) -> None:
            client = await here.client()
            await client.send(here.get(f"/bytes/{size}"))
            assert (await client.response())[2] == pattern(size)
            await client.close()

        await asyncio.gather(*(fetch(10_000 * n) for n in range(50)))
        await here.settled()
        books_agree(here)
        assert len(here.access.usage) == 50


async def test_a_download_that_the_client_breaks_off_is_charged_for_what_was_written(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await here.tunnel()
        await client.send(b"GET /bytes/50000000 HTTP/1.1\r\nHost: origin\r\n\r\n")
        await client.exactly(10 * MB)
        client.reset()
        # The forwarder listens on for the client that is gone, so it sees all that the edge writes.
        await here.settled()
        books_agree(here)


async def test_a_client_that_vanishes_ends_its_flow(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, web) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head())
        await client.head()
        await client.send(b"GET /bytes/500000000 HTTP/1.1\r\nHost: origin\r\n\r\n")
        await client.exactly(10 * MB)
        client.reset()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.terminate_cause == "Lost-Carrier"
        assert 10 * MB < usage.output_octets < 100 * MB
        assert here.access.overdrawn == 0


async def test_the_last_flow_ends_at_the_last_byte_and_the_next_is_refused(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add(holding=1_234_567)
    async with edge_setup(tmp_path, web, access) as here:
        client = await here.client()
        await client.send(here.get("/bytes/9000000"))
        await client.rest()
        await here.settled()
        books_agree(here)
        assert access.used() == 1_234_567
        (usage,) = access.usage.values()
        assert usage.terminate_cause == "Quota"

        again = await here.client()
        await again.send(here.get("/bytes/1"))
        status, headers, _ = await again.response()
        assert status == 402
        assert "PROXY_NO_ALLOWANCE" in headers["proxy-status"]
        refused, reply = await here.socks_ask("127.0.0.1", here.origin.port)
        assert reply == 2
        await again.close()
        await refused.close()
        assert access.used() == 1_234_567


@pytest.mark.parametrize("protocol", ["connect", "socks5"])
async def test_an_upload_ends_at_the_last_byte(tmp_path: Path, protocol: str) -> None:
    access = FakeAccess()
    access.add(holding=700_001)
    async with edge_setup(tmp_path, access=access) as here:
        client = await (here.tunnel() if protocol == "connect" else here.socks_tunnel())

        async def flood() -> None:
            try:
                while True:
                    await client.send(bytes(50_000))
            except ConnectionError:
                pass

        flooding = asyncio.ensure_future(flood())
        await client.rest()
        await here.settled()
        flooding.cancel()
        assert access.used() == 700_001
        assert access.overdrawn == access.shortfall == 0


async def test_a_hundred_tunnels_over_two_edges_never_overspend(tmp_path: Path) -> None:
    access = FakeAccess(floor=4_096)
    access.add(holding=19_999_999)
    async with (
        edge_setup(tmp_path, flood, access, lease_min_bytes=65_536) as here,
        running_edge(tmp_path, access, "edge-2", lease_min_bytes=65_536) as second,
    ):

        async def drain(port: int) -> int:
            client = await Client.connect(port)
            await client.send(here.connect_head())
            received = await client.rest()
            await client.close()
            return len(received) if received.startswith(b"HTTP/1.1 200 ") else 0

        ports = [here.edge.ports["http"], second.ports["http"]]
        received = await asyncio.gather(*(drain(ports[n % 2]) for n in range(100)))
        await here.settled()
        assert access.overdrawn == 0
        assert access.shortfall == 0
        left = access.resources["res_alice"].holding
        assert access.used() == 19_999_999 - left
        assert 0 <= left < 4_096
        assert sum(use.output_octets for use in access.usage.values()) == sum(received)
        assert {use.terminate_cause for use in access.usage.values()} == {"Quota"}


async def test_more_can_be_bought_in_mid_flow(tmp_path: Path) -> None:
    access = FakeAccess()
    alice = access.add(holding=400_000)
    async with edge_setup(tmp_path, echo, access) as here:
        client = await here.tunnel()
        await client.send(bytes(150_000))
        await client.exactly(150_000)
        alice.holding += 10 * MB
        for _ in range(20):
            await client.send(bytes(50_000))
            await client.exactly(50_000)
        await client.close()
        await here.settled()
        books_agree(here)


@pytest.mark.parametrize(
    ("kind", "ids", "cause"),
    [
        ("credential_revoked", {"credential_id": "crd_alice"}, "Admin-Reset"),
        ("resource_stopped", {"resource_id": "res_alice"}, "Admin-Reset"),
        ("resource_left", {"resource_id": "res_alice"}, "User-Request"),
        ("user_suspended", {"user_id": "usr_alice"}, "Admin-Reset"),
    ],
)
async def test_a_change_cuts_its_flows_within_a_second_and_no_others(
    tmp_path: Path, kind: str, ids: dict[str, str], cause: str
) -> None:
    access = FakeAccess()
    alice = access.add()
    access.add("bob", "b0b")
    async with edge_setup(tmp_path, access=access) as here:
        theirs = [await here.tunnel() for _ in range(5)] + [await here.socks_tunnel()]
        other, reply = await here.socks_ask("127.0.0.1", here.origin.port, "bob", "b0b")
        assert reply == 0
        alice.active = False
        began = time.monotonic()
        access.announce(kind, **ids)
        for client in theirs:
            assert await client.rest() == b""
        assert time.monotonic() - began < A_SECOND_S
        await other.send(b"still here")
        assert await other.exactly(10) == b"still here"

        refused = await here.client()
        await refused.send(here.connect_head())
        assert (await refused.head()).startswith(b"HTTP/1.1 403 ")
        await refused.close()
        await other.close()
        await here.settled()
        causes = {use.resource_id: use.terminate_cause for use in access.usage.values()}
        assert causes == {"res_alice": cause, "res_bob": "User-Request"}
        for client in theirs:
            await client.close()


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("flow_ended", "Admin-Reset"), ("flow_left", "User-Request")],
    ids=["operator", "customer"],
)
async def test_one_flow_is_ended_and_the_login_goes_on(tmp_path: Path, kind: str, cause: str) -> None:
    access = FakeAccess()
    access.add()
    async with edge_setup(tmp_path, echo, access) as here:
        first, second = await here.tunnel(), await here.tunnel()
        for client in (first, second):
            await client.send(b"hello")
            assert await client.exactly(5) == b"hello"
        await eventually(lambda: len(access.usage) == 2)
        ended = next(iter(access.usage))
        access.announce(kind, resource_id="res_alice", user_id="usr_alice", session_id=ended)
        reads = [asyncio.ensure_future(client.rest()) for client in (first, second)]
        done, waiting = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        assert (len(done), len(waiting)) == (1, 1)
        await (await here.tunnel()).close()  # the same login opens another
        for read in waiting:
            read.cancel()
        for client in (first, second):
            await client.close()
        await here.settled()
        causes = {id_: use.terminate_cause for id_, use in access.usage.items()}
        assert causes.pop(ended) == cause
        assert set(causes.values()) == {"User-Request"}


async def test_without_the_access_service_flows_go_on_from_their_lease_and_logins_wait_for_nobody(
    tmp_path: Path,
) -> None:
    access = FakeAccess()
    access.add()
    access.add("bob", "b0b")
    async with edge_setup(tmp_path, access=access) as here:
        client = await here.tunnel()
        access.unavailable = True
        await client.send(b"x" * 50_000)
        assert len(await client.exactly(50_000)) == 50_000
        refused, reply = await here.socks_ask("127.0.0.1", here.origin.port, "bob", "b0b")
        assert reply == 1
        await client.close()
        await asyncio.sleep(0.2)
        assert not any(use.stops for use in access.usage.values())
        access.unavailable = False
        await here.settled()
        books_agree_except(here, refused)


def books_agree_except(here: EdgeSetup, free: Client) -> None:
    """As `books_agree`, when the only free conversation was a refused SOCKS5 login of bob."""
    hello = 3 + 2 + (3 + 3 + 3) + 2 + (7 + 9) + 10
    assert here.access.used() == here.on_the_wire - hello
    assert here.access.overdrawn == here.access.shortfall == 0
    free.writer.close()


async def test_a_used_up_lease_waits_for_the_access_service_and_goes_on(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with edge_setup(tmp_path, web, access) as here:
        client = await here.client()
        await client.send(here.get("/bytes/1"))
        assert (await client.response())[0] == 200
        access.unavailable = True
        await client.send(here.get("/bytes/9000000"))
        await asyncio.sleep(0.3)
        access.unavailable = False
        assert (await client.response())[2] == pattern(9_000_000)
        await client.close()
        await here.settled()
        books_agree(here)


async def test_lost_answers_are_repeated_and_charge_nothing_twice(tmp_path: Path) -> None:
    access = FakeAccess(lose_answers=3)
    access.add()
    async with edge_setup(tmp_path, web, access) as here:
        client = await here.client()
        await client.send(here.get("/bytes/3000000"))
        await client.response()
        await client.close()
        await here.settled()
        books_agree(here)


async def test_a_stop_settles_everything_and_gives_the_leases_back(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with edge_setup(tmp_path, echo, access) as here:
        client = await here.tunnel()
        await client.send(b"hello")
        await client.exactly(5)
        await here.edge.stop()
        (usage,) = access.usage.values()
        assert usage.terminate_cause == "NAS-Reboot"
        assert access.used() == here.on_the_wire
        assert access.held() == 0
        await client.close()


@pytest.mark.parametrize(
    ("stopped", "cause"),
    [
        ("user_suspended", "Admin-Reset"),
        ("resource_stopped", "Admin-Reset"),
        ("resource_left", "User-Request"),
        ("", "Quota"),
    ],
)
async def test_flows_that_hear_of_a_stop_by_a_lease_end_for_that_reason(
    tmp_path: Path, stopped: str, cause: str
) -> None:
    """Busy flows ask for leases all the time, and may be refused before the change arrives."""
    access = FakeAccess(stopped=stopped)
    alice = access.add(holding=10**9)
    async with edge_setup(tmp_path, flood, access, lease_max_bytes=MB) as here:
        clients = [await here.tunnel() for _ in range(3)]
        readers = [asyncio.ensure_future(client.rest()) for client in clients]
        await asyncio.sleep(0.1)
        alice.active = False
        await asyncio.gather(*readers)
        await here.settled()
        assert {use.terminate_cause for use in access.usage.values()} == {cause}
        assert access.overdrawn == 0
        for client in clients:
            await client.close()


async def test_an_edge_that_was_stopped_for_too_long_moves_not_a_byte_more(tmp_path: Path) -> None:
    """SIGSTOP, a sleeping laptop: the service has given the leases back to the customer meanwhile."""
    access, clock = FakeAccess(valid_us=60_000_000), FakeMonotonic(runs=True)
    access.add()
    async with edge_setup(tmp_path, flood, access, monotonic=clock) as here:
        client = await here.tunnel()
        reading = asyncio.ensure_future(client.rest())
        (flow,) = here.edge._charging.live_flows()
        await eventually(lambda: flow.spend.bytes_out > MB)
        moved = flow.spend.bytes_in + flow.spend.bytes_out
        clock.advance(62)  # nothing ran in between, as for a process that stood still
        for lease in access.leases.values():
            lease.released = True
        await reading
        await here.settled()
        assert access.used() == moved
        assert {use.terminate_cause for use in access.usage.values()} == {"NAS-Error"}
        await client.close()


async def test_a_service_that_has_forgotten_the_node_is_told_of_it_without_any_use(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with edge_setup(tmp_path, echo, access) as here:
        access.unknown = True
        await eventually(lambda: len(access.nodes) == 2)
        client = await here.tunnel()
        access.announce("user_suspended", user_id="usr_alice")
        assert await client.rest() == b""
        await client.close()


@pytest.mark.parametrize("place", ["0.0.0.0", "127.0.0.1", "localhost"])
async def test_nobody_reaches_the_platform_through_the_proxy_whatever_is_allowed(
    tmp_path: Path, place: str
) -> None:
    """A gateway's admin port, say: found under any address or name of this machine."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(await asyncio.start_server(echo, place, 0))
        port = server.sockets[0].getsockname()[1]
        everything: Any = {"allow_ranges": ["0.0.0.0/0", "::/0"], "denied_services": [f"{place}:{port}"]}
        here = await stack.enter_async_context(edge_setup(tmp_path, echo, **everything))
        ways = ["127.0.0.1", "0.0.0.0", "localhost", "[::ffff:127.0.0.1]"]
        if place == "0.0.0.0":
            ways += ["127.9.9.9", *own_addresses()]
        for way in ways:
            client = await here.client()
            await client.send(here.connect_head(f"{way}:{port}"))
            head = await client.head()
            assert head.startswith(b"HTTP/1.1 403 "), (way, head)
            await client.close()
            refused, reply = await here.socks_ask(way.strip("[]"), port)
            assert reply == (1 if way.startswith("[") else 2), way  # SOCKS names carry no such literal
            await refused.close()
        plain = await here.client()
        await plain.send(here.get("/metrics", port=port))
        assert (await plain.response())[0] == 403
        await plain.close()
        allowed = await here.tunnel()
        await allowed.close()


@pytest.mark.parametrize(("quiet_s", "warnings"), [(8.0, 0), (0.1, 1)])
async def test_a_service_that_is_still_starting_is_no_reason_for_a_warning(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    quiet_s: float,
    warnings: int,
) -> None:
    monkeypatch.setattr(access_client, "QUIET_S", quiet_s)
    caplog.set_level(logging.INFO, "tollway.edge")
    access = FakeAccess(unavailable=True)
    access.add()
    async with running_edge(tmp_path, access) as edge:
        await asyncio.sleep(1.0)
        access.unavailable = False
        await eventually(lambda: edge.ready)
    levels = [record.levelno for record in caplog.records if "does not know this node" in record.message]
    assert len(levels) > 2
    assert levels.count(logging.WARNING) == warnings


async def test_a_jump_of_the_wall_clock_cuts_nothing(tmp_path: Path) -> None:
    access, clock = FakeAccess(), FakeClock(time.time_ns() // 1000)
    access.add()
    async with edge_setup(tmp_path, echo, access, clock=clock, idle_timeout_s=60) as here:
        tunnels = [await here.tunnel(), await here.socks_tunnel()]
        for hours in (2, -4):
            clock.advance(hours * 3600)
            await asyncio.sleep(0.7)  # longer than the edge takes to look at its deadlines
            for tunnel in tunnels:
                await tunnel.send(b"ok")
                assert await tunnel.exactly(2) == b"ok"
        for tunnel in tunnels:
            await tunnel.close()
        await here.settled()
        assert access.used() == here.on_the_wire


async def test_what_an_edge_counts_is_rendered_by_node_while_flows_go_on(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, echo) as here:

        def value(name: str, **labels: str) -> float | None:
            registry = CollectorRegistry()
            registry.register(here.edge._metrics)
            return registry.get_sample_value(f"tollway_edge_{name}", {"node": "edge-1", **labels})

        client = await here.tunnel()
        await client.send(b"0123456789")
        await client.exactly(10)
        assert value("flows_open", protocol="connect") == 1
        during = value("bytes_total", protocol="connect", direction="in")
        assert during is not None
        assert during > 10
        assert value("leases_held") == 1
        assert (value("lease_bytes") or 0) > 0
        assert value("leases_total", outcome="granted") == 1
        refused = await here.client()
        await refused.send(here.connect_head("10.0.0.1:443"))
        await refused.head()
        assert value("refusals_total", protocol="connect", code="PROXY_DENIED_ADDRESS") == 1
        assert value("policy_refusals_total", rule="address") == 1
        await refused.close()
        await client.close()
        await here.settled()
        assert value("flows_open", protocol="connect") == 0
        assert value("flows_total", protocol="connect", cause="User-Request") == 2
        moved = sum(value("bytes_total", protocol="connect", direction=way) or 0 for way in ("in", "out"))
        assert moved == here.on_the_wire
        assert (value("leases_held"), value("lease_bytes")) == (0, 0)
