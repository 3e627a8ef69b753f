"""Clients that say nothing of themselves are let in from a registered address, and from no other."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kit.edges import LOGIN, Client, EdgeSetup, edge_setup, pattern, web
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tollway.edge.source_address import SourceAddresses

CHROMIUM = shutil.which("chromium")
HERE = "127.0.0.1/32"


def access_for(*sources: str, **more: Any) -> FakeAccess:
    access = FakeAccess()
    access.add(sources=list(sources), **more)
    return access


async def curl(proxy: str, url: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    command = ["curl", "-sS", "-x", proxy, *more, url]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=30)


async def greet(here: EdgeSetup, methods: bytes = b"\x00") -> tuple[Client, bytes]:
    client = await Client.connect(here.edge.ports["socks5"])
    await client.send(bytes((5, len(methods))) + methods)
    return client, await client.exactly(2)


async def ask(here: EdgeSetup, *more: str) -> bytes:
    """The status line of an answer to a request without credentials."""
    client = await Client.connect(here.edge.ports["http"])
    await client.send(here.get("/bytes/3", *more, login=""))
    return (await client.head()).split(b"\r\n")[0]


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("tunnel", [(), ("--proxytunnel",)], ids=["", "tunnel"])
async def test_curl_needs_no_password_from_there(tmp_path: Path, scheme: str, tunnel: tuple[str, ...]):
    async with edge_setup(tmp_path, web, access_for(HERE)) as here:
        port = here.edge.ports["http" if scheme == "http" else "socks5"]
        url = f"http://127.0.0.1:{here.origin.port}/bytes/5000"
        done = await curl(f"{scheme}://127.0.0.1:{port}", url, *tunnel)
        assert (done.returncode, done.stdout) == (0, pattern(5_000)), done.stderr
        await here.settled()
        (presented,) = here.access.presented
        assert presented.source_address.address == "127.0.0.1"
        assert presented.client_address.startswith("127.0.0.1:")
        assert here.access.used() > 5_000


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
async def test_a_browser_uses_socks5_from_there(tmp_path: Path):
    async with edge_setup(tmp_path, web, access_for(HERE)) as here:
        command = [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            f"--user-data-dir={tmp_path / 'profile'}", "--proxy-bypass-list=<-loopback>",
            f"--proxy-server=socks5://127.0.0.1:{here.edge.ports['socks5']}", "--dump-dom",
            f"http://127.0.0.1:{here.origin.port}/headers",
        ]  # fmt: skip
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=90)
        assert b"GET /headers HTTP/1.1" in done.stdout, done.stderr[-2_000:]
        await eventually(here.access.used)
        assert {one.protocol for one in here.access.usage.values()} == {"socks5"}


async def test_from_elsewhere_a_password_is_asked_for_and_nothing_is_billed(tmp_path: Path):
    async with edge_setup(tmp_path, web, access_for("127.0.0.2/32", "::1/128")) as here:
        assert await ask(here) == b"HTTP/1.1 407 Proxy Authentication Required"
        client, answer = await greet(here)
        assert answer == b"\x05\xff"
        assert await client.rest() == b""
        assert not here.access.usage


async def test_the_address_of_each_client_counts_and_a_head_from_another_is_not_remembered(tmp_path: Path):
    """The same bytes from two addresses, one after the other on the same node."""
    async with edge_setup(tmp_path, web, access_for("127.0.0.2/32")) as here:
        head = here.connect_head(login="")

        async def connect_from(address: str) -> bytes:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", here.edge.ports["http"], local_addr=(address, 0)
            )
            writer.write(head)
            status = await asyncio.wait_for(reader.readline(), 10)
            writer.close()
            return status

        for _ in range(3):
            assert b" 200 " in await connect_from("127.0.0.2")
            assert b" 407 " in await connect_from("127.0.0.3")


async def test_who_sends_a_password_is_judged_by_it_alone(tmp_path: Path):
    async with edge_setup(tmp_path, web, access_for(HERE)) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.get("/bytes/3", login="Basic bm9ib2R5Ondyb25n"))
        assert (await client.head()).startswith(b"HTTP/1.1 407 ")
        client = await Client.connect(here.edge.ports["http"])
        twice = f"Proxy-Authorization: {LOGIN}"
        await client.send(here.get("/bytes/3", twice, login="Basic bm9ib2R5Ondyb25n"))
        assert (await client.head()).startswith(b"HTTP/1.1 407 ")
        client, answer = await greet(here, b"\x00\x02")
        assert answer == b"\x05\x02"  # a client that knows a password is asked for it
        await client.send(b"\x01\x05alice\x05wrong")
        assert await client.exactly(2) == b"\x01\x01"


async def test_a_connection_goes_from_address_to_password_and_back_as_its_requests_say(tmp_path: Path):
    access = access_for(HERE)
    access.add("bob", "hunter2")
    async with edge_setup(tmp_path, web, access) as here:
        client = await Client.connect(here.edge.ports["http"])
        bob = "Basic Ym9iOmh1bnRlcjI="
        for login in ("", bob, ""):
            await client.send(here.get("/bytes/100", login=login))
            assert (await client.response())[0] == 200
        await client.close()
        await here.settled()
        owners = [usage.resource_id for usage in access.usage.values()]
        assert sorted(owners) == ["res_alice", "res_alice", "res_bob"]


async def test_a_refusal_for_another_reason_is_told_in_the_protocols_words(tmp_path: Path):
    async with edge_setup(tmp_path, web, access_for(HERE, active=False)) as here:
        assert await ask(here) == b"HTTP/1.1 403 Forbidden"
        client, answer = await greet(here)
        assert answer == b"\x05\x00"
        await client.send(b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50")
        assert (await client.exactly(2)) == b"\x05\x02"  # not allowed


async def test_while_nobody_can_tell_a_password_is_asked_for(tmp_path: Path):
    """Who has one may be remembered, so 407 is of more use than 503."""
    async with edge_setup(tmp_path, web, access_for(HERE)) as here:
        here.access.unavailable = True
        assert await ask(here) == b"HTTP/1.1 407 Proxy Authentication Required"
        assert (await greet(here))[1] == b"\x05\xff"


async def test_a_new_address_is_let_in_at_once_though_it_was_refused_before(tmp_path: Path):
    async with edge_setup(tmp_path, web, access_for(), failed_login_cache_s=3_600) as here:
        assert (await ask(here)).startswith(b"HTTP/1.1 407 ")
        here.access.resources["res_alice"].sources.append(HERE)
        assert (await ask(here)).startswith(b"HTTP/1.1 407 ")  # remembered
        here.access.announce("source_address_added", resource_id="res_alice", credential_id="crd_alice")
        async with asyncio.timeout(1):
            while not (await ask(here)).startswith(b"HTTP/1.1 200 "):
                await asyncio.sleep(0.02)


async def test_a_revoked_address_ends_its_flows_and_asks_for_a_password(tmp_path: Path):
    async with edge_setup(tmp_path, access=access_for(HERE)) as here:
        client = await Client.connect(here.edge.ports["http"])
        await client.send(here.connect_head(login=""))
        await client.head()
        here.access.resources["res_alice"].sources.clear()
        here.access.announce("credential_revoked", resource_id="res_alice", credential_id="crd_alice")
        async with asyncio.timeout(1):
            assert await client.rest() == b""
        assert (await ask(here)).startswith(b"HTTP/1.1 407 ")
        await eventually(
            lambda: [one.terminate_cause for one in here.access.usage.values()] == ["Admin-Reset"]
        )


async def test_a_changed_grant_reaches_a_connection_without_a_password(tmp_path: Path):
    async with edge_setup(tmp_path, web, access_for(HERE)) as here:
        client = await Client.connect(here.edge.ports["http"])
        for _ in range(2):
            await client.send(here.get("/bytes/10", login=""))
            assert (await client.response())[0] == 200
            here.access.announce("policy_changed", resource_id="res_alice")
            await eventually(lambda: here.access.grants)
        assert here.edge.ready


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("::ffff:192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1:4711", "2001:db8::1"),
    ],
)
def test_the_address_is_the_one_of_the_connection(client: str, address: str):
    credential = SourceAddresses().credential(client)
    assert credential is not None
    assert credential.address == address


def test_a_balancers_own_address_lets_nobody_in():
    addresses = SourceAddresses(["192.0.2.0/24", "2001:db8::/32"])
    assert addresses.credential("192.0.2.7:1") is None
    assert addresses.credential("::ffff:192.0.2.7:1") is None
    assert addresses.credential("2001:db8::7:1") is None
    assert addresses.credential("198.51.100.7:1") is not None
