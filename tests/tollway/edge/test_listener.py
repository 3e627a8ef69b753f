"""Listeners: taken ports, shared ports, and clients that come when no file is left."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.kit import edge_process
from tests.kit.edges import FREE_PORTS, LOGIN, Client, Origin, edge_setup, running_edge, web
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tollway.edge.listener import Listener, ListenError
from tollway.edge.meter_file import MeterFileError
from tollway.edge.reactor import Reactor
from tollway.edge.settings import ListenerSettings


@pytest.fixture
async def reactor() -> AsyncIterator[Reactor]:
    reactor = Reactor()
    reactor.start()
    yield reactor
    await asyncio.sleep(0)
    reactor.stop()


async def test_every_client_is_greeted_with_its_address(reactor: Reactor) -> None:
    greeted: dict[str, socket.socket] = {}
    listener = Listener(reactor, lambda client, address: greeted.update({address: client}))
    listener.bind("127.0.0.1", 0, share_port=False)
    listener.listen()
    clients = [await Client.connect(listener.port) for _ in range(100)]
    for client in clients:
        await client.send(b"hello")  # one is accepted when it has spoken
    await eventually(lambda: len(greeted) == 100)
    for client in clients:
        host, port = client.writer.get_extra_info("sockname")
        assert f"{host}:{port}" in greeted
        await client.close()
    for sock in greeted.values():
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.close()
    listener.stop()


async def test_a_taken_port_is_one_clear_sentence(reactor: Reactor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port} .*choose another port"):
            Listener(reactor, lambda *_: None).bind("127.0.0.1", port, share_port=False)


async def test_workers_may_share_a_port(reactor: Reactor) -> None:
    greeted = [0, 0]

    def greeter(which: int) -> Listener:
        def greet(client: socket.socket, _: str) -> None:
            greeted[which] += 1
            client.close()

        return Listener(reactor, greet)

    first, second = greeter(0), greeter(1)
    first.bind("127.0.0.1", 0, share_port=True)
    second.bind("127.0.0.1", first.port, share_port=True)
    first.listen()
    second.listen()
    clients = [await Client.connect(first.port) for _ in range(64)]
    for client in clients:
        await client.send(b"hello")
    await eventually(lambda: sum(greeted) == 64)
    assert min(greeted) > 0
    for client in clients:
        await client.close()
    first.stop()
    second.stop()


async def test_an_edge_that_cannot_listen_leaves_nothing_open(tmp_path: Path) -> None:
    access = FakeAccess()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for _ in range(2):  # the meter file is free again after the first failure
            with pytest.raises(ListenError):
                async with running_edge(
                    tmp_path,
                    access,
                    listeners=FREE_PORTS | {"http": ListenerSettings(port=taken.getsockname()[1])},
                ):
                    pass


async def test_two_edges_of_one_name_do_not_start(tmp_path: Path) -> None:
    access = FakeAccess()
    async with running_edge(tmp_path, access):
        with pytest.raises(MeterFileError, match="give every edge its own node name"):
            async with running_edge(tmp_path, access):
                pass


async def test_ipv6_clients_are_served(tmp_path: Path) -> None:
    async with edge_setup(tmp_path, host="::1") as here:
        reader, writer = await asyncio.open_connection("::1", here.edge.ports["http"])
        client = Client(reader, writer)
        await client.send(here.connect_head())
        assert (await client.head()).startswith(b"HTTP/1.1 200 ")
        await client.close()
        await here.settled()
        (usage,) = here.access.usage.values()
        assert usage.stops


async def test_when_no_file_is_left_clients_wait_and_are_served_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with edge_setup(tmp_path) as here:
        client = await Client.connect(here.edge.ports["http"])
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        fillers = [socket.socket() for _ in range(3)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (fillers[-1].fileno() + 1, hard))
        try:
            await client.send(here.connect_head())
            await eventually(lambda: "cannot accept clients" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for filler in fillers:
                filler.close()
        assert (await client.head()).startswith(b"HTTP/1.1 200 ")
        await client.close()
        await here.settled()


async def test_a_worker_that_is_not_ready_takes_no_clients_from_its_siblings(reactor: Reactor) -> None:
    greeted = 0

    def greet(client: socket.socket, _: str) -> None:
        nonlocal greeted
        greeted += 1
        client.close()

    ready, starting = Listener(reactor, greet), Listener(reactor, lambda *_: pytest.fail("it is not ready"))
    ready.bind("127.0.0.1", 0, share_port=True)
    ready.listen()
    starting.bind("127.0.0.1", ready.port, share_port=True)
    clients = [await Client.connect(ready.port) for _ in range(64)]
    for client in clients:
        await client.send(b"hello")
    await eventually(lambda: greeted == 64)
    for client in clients:
        await client.close()
    ready.stop()
    starting.stop()


async def test_an_edge_listens_when_the_access_service_has_answered(tmp_path: Path) -> None:
    access = FakeAccess(unavailable=True)
    access.add()
    async with running_edge(tmp_path, access) as edge:
        for port in edge.ports.values():
            with pytest.raises(ConnectionRefusedError):
                await Client.connect(port)
        access.unavailable = False
        await eventually(lambda: edge.ready)
        for port in edge.ports.values():
            await (await Client.connect(port)).close()


@contextlib.contextmanager
def no_file_left() -> Iterator[None]:
    """This process has as many files as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers = [socket.socket() for _ in range(3)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (fillers[-1].fileno() + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(("protocol", "answer"), [("http", b"HTTP/1.1 503 "), ("socks5", b"\x05\xff")])
async def test_while_no_file_is_left_every_client_is_answered_and_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, protocol: str, answer: bytes
) -> None:
    async with edge_setup(tmp_path) as here:
        port = here.edge.ports[protocol]
        clients = [await Client.connect(port) for _ in range(20)]
        hello = here.connect_head() if protocol == "http" else b"\x05\x01\x02"
        with no_file_left():
            for client in clients:
                await client.send(hello)
            for client in clients:
                assert (await asyncio.wait_for(client.rest(), 20)).startswith(answer)
        # However often it was tried: one pause at a time, so not more than two in a second.
        assert caplog.text.count("cannot accept clients") <= 2
        for client in clients:
            await client.close()
        good = await here.tunnel()
        await good.close()
        await here.settled()


async def test_a_worker_that_is_killed_and_comes_back_costs_the_customers_of_another_nothing(
    tmp_path: Path,
) -> None:
    """Two workers share a port. While one is dead, and while it starts, every client is served by the other."""
    access = FakeAccess()
    access.add()
    target = f"GET http://127.0.0.1:{{}}/bytes/1 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {LOGIN}\r\n\r\n"
    async with edge_process.reachable(access) as where, Origin(web).serving() as origin:
        request = target.format(origin.port).encode()
        stays = await edge_process.start(where, tmp_path, "edge-1")

        async def fetch() -> int:
            client = await Client.connect(stays.http_port)
            await client.send(request)
            status, _, _ = await client.response()
            await client.close()
            return status

        killed = await edge_process.start(where, tmp_path, "edge-2", stays.http_port)
        assert killed.http_port == stays.http_port
        await killed.kill()
        assert {await fetch() for _ in range(30)} == {200}
        access.delay_s = 0.3  # it starts slowly
        starting = asyncio.ensure_future(edge_process.start(where, tmp_path, "edge-2", stays.http_port))
        fetched = 0
        while not starting.done():
            assert await fetch() == 200
            fetched += 1
        assert fetched > 5
        assert {await fetch() for _ in range(30)} == {200}
        for worker in (stays, await starting):
            assert await worker.end() == 0
