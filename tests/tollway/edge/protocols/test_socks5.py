"""SOCKS5 clients and what they are told; every byte of the conversation is accounted for."""

import asyncio
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.edges import Client, EdgeSetup, echo, edge_setup
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess

LOGIN = b"\x01\x05alice\x06s3cret"


def request(port: int, host: bytes = b"127.0.0.1") -> bytes:
    return b"\x05\x01\x00\x03" + bytes((len(host),)) + host + port.to_bytes(2, "big")


async def test_a_patient_client_is_relayed(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client = await here.socks_tunnel()
        await client.send(b"hello")
        assert await client.exactly(5) == b"hello"
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_a_client_that_says_everything_at_once_is_understood(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.socks.port)
        await client.send(b"\x05\x02\x00\x02" + LOGIN + request(here.origin.port) + b"early bytes")
        assert await client.exactly(2 + 2 + 10) == b"\x05\x02\x01\x00\x05\x00\x00\x01" + bytes(6)
        assert await client.exactly(11) == b"early bytes"
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_a_client_that_says_one_byte_at_a_time_is_understood(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.socks.port)
        for byte in b"\x05\x01\x02" + LOGIN + request(here.origin.port):
            await client.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert (await client.exactly(14))[-9] == 0
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_the_origin_may_speak_first(tmp_path: Path) -> None:
    async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await writer.drain()
        await reader.read()

    async with edge_setup(tmp_path, banner) as here:
        client = await here.socks_tunnel()
        assert await client.exactly(11) == b"220 ready\r\n"
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_a_name_is_the_same_in_any_case(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        for name in (b"connection-test.internal", b"CONNECTION-Test.internal", b"Connection-test.INTERNAL."):
            client = await Client.connect(here.socks.port)
            await client.send(b"\x05\x01\x02" + LOGIN + request(80, name))
            assert await client.exactly(14) == b"\x05\x02\x01\x00\x05\x00\x00\x01" + bytes(6)
            await client.close()


async def test_wrong_credentials_fail_the_login_and_cost_nothing(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        for username, password in (
            ("alice", "wrong"),
            ("nobody", "s3cret"),
            ("user-alice-colour-red", "s3cret"),
        ):
            client = await Client.connect(here.socks.port)
            name, word = username.encode(), password.encode()
            await client.send(b"\x05\x01\x02\x01" + bytes((len(name),)) + name + bytes((len(word),)) + word)
            assert await client.rest() == b"\x05\x02\x01\x01"
            await client.close()
        assert here.access.usage == {}
        assert here.origin.connections == 0


async def test_a_client_without_passwords_is_turned_away(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.socks.port)
        await client.send(b"\x05\x01\x00")
        assert await client.rest() == b"\x05\xff"
        await client.close()


@pytest.mark.parametrize("holding", [0, 15, 30, 40])
async def test_a_good_login_without_enough_allowance_hears_it_in_the_reply(
    tmp_path: Path, holding: int
) -> None:
    access = FakeAccess()
    alice = access.add(holding=holding)
    async with edge_setup(tmp_path, access=access) as here:
        client, reply = await here.socks_ask("127.0.0.1", here.origin.port)
        assert reply == 2
        assert await client.rest() == b""
        await client.close()
        await eventually(lambda: not access.held() and all(use.stops for use in access.usage.values()))
        assert alice.holding >= 0
        assert access.overdrawn == access.shortfall == 0


async def test_one_connection_too_many_hears_it_in_the_reply_and_costs_nothing(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add(max_flows=1)
    async with edge_setup(tmp_path, access=access) as here:
        first = await here.socks_tunnel()
        client, reply = await here.socks_ask("127.0.0.1", here.origin.port)
        assert reply == 2
        await client.close()
        await first.close()
        await here.settled()
        assert len(access.usage) == 1


async def test_a_place_has_no_exit_here(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        client, reply = await here.socks_ask("127.0.0.1", here.origin.port, "user-alice-country-us")
        assert reply == 1
        await client.close()
        session = await here.socks_ask("127.0.0.1", here.origin.port, "user-alice-session-a1")
        assert session[1] == 0
        await session[0].close()


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", 7),
        (b"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00", 7),
        (b"\x05\x01\x00\x05\x7f\x00\x00\x01\x00\x50", 8),
        (b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x00", 1),
        (b"\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50", 2),
        (b"\x05\x01\x00\x01\xa9\xfe\xa9\xfe\x00\x50", 2),
        (b"\x05\x01\x00\x04" + bytes(10) + b"\xff\xff\x7f\x00\x00\x01\x00\x50", 2),
        (b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x19", 2),
        (b"\x05\x01\x00\x03\x0fnothing.invalid\x00\x50", 4),
    ],
    ids=["bind", "udp", "type", "port 0", "private", "metadata", "mapped", "mail", "no such name"],
)
async def test_a_request_that_is_refused_hears_why_and_is_charged(
    tmp_path: Path, message: bytes, reply: int
) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.socks.port)
        await client.send(b"\x05\x01\x02" + LOGIN)
        assert await client.exactly(4) == b"\x05\x02\x01\x00"
        await client.send(message)
        assert await client.rest() == bytes((5, reply, 0, 1)) + bytes(6)
        await client.close()
        await here.settled()
        assert here.access.used() == here.on_the_wire


async def test_a_target_that_refuses_is_told_apart_from_one_that_is_not_there(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        client, reply = await here.socks_ask("127.0.0.1", port)
        assert reply == 5
        await client.close()


async def test_a_slow_hello_is_hung_up_on(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, head_timeout_s=0.3) as here:
        client = await Client.connect(here.socks.port)
        await client.send(b"\x05\x01\x02")
        assert await client.rest() == b"\x05\x02"
        await client.close()


async def test_a_client_that_leaves_while_its_target_is_dialled_leaves_nothing_behind(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, connect_timeout_s=5) as here, _deaf() as port:
        client = await Client.connect(here.edge.ports["socks5"])
        await client.send(b"\x05\x01\x02" + LOGIN + request(port))
        await client.exactly(4)
        await asyncio.sleep(0.1)
        client.reset()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.terminate_cause == "Lost-Carrier"


async def test_a_target_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, connect_timeout_s=0.3) as here, _deaf() as port:
        client, reply = await here.socks_ask("127.0.0.1", port)
        assert reply == 4
        await client.close()


async def rubbish(here: EdgeSetup, data: bytes) -> None:
    client = await Client.connect(here.edge.ports["socks5"])
    try:
        await client.send(data)
        client.writer.write_eof()
    except ConnectionError:
        pass
    answer = await client.rest()
    refused_in_kind = answer.startswith((b"HTTP/1.1 400 ", b"\x00\x5b", b"\x15\x03"))
    assert refused_in_kind or answer[:2] in {b"", b"\x05\x02", b"\x05\xff"}
    await client.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.builds(lambda rest: b"\x05\x01\x02" + rest, st.binary(max_size=300))
    | st.builds(lambda rest: b"\x05\x01\x02\x01" + rest, st.binary(max_size=600))
    | st.builds(
        lambda rest: b"\x05\x01\x02" + LOGIN + rest,
        st.binary(max_size=300).filter(lambda r: r[:2] != b"\x05\x01"),
    )
)
def test_rubbish_costs_one_closed_connection(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    async def story() -> None:
        async with edge_setup(tmp_path_factory.mktemp("edge"), echo) as here:
            await rubbish(here, data)
            good = await here.socks_tunnel()
            await good.send(b"ok")
            assert await good.exactly(2) == b"ok"
            await good.close()
            await here.settled()
            assert here.origin.connections == 1

    asyncio.run(story())


async def test_64_kb_of_rubbish_costs_one_closed_connection(tmp_path: Path) -> None:
    async with edge_setup(tmp_path) as here:
        for start in (b"\x00", b"\x05\x01\x02\x01\xff" + b"a" * 255 + b"\xff" + b"b" * 255):
            await rubbish(here, start + bytes(65_536))
        good = await here.socks_tunnel()
        await good.close()


class _deaf:
    """A port whose backlog is full, so that connecting to it never ends."""

    async def __aenter__(self) -> int:
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(0)
        address = self._listening.getsockname()
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            self._fillers.append(filler)
        await asyncio.sleep(0.05)
        return int(address[1])

    async def __aexit__(self, *_: object) -> None:
        for each in (*self._fillers, self._listening):
            each.close()
