"""The HTTP proxy within TLS: real clients use it; it counts and ends as the bare one does; certificates change."""

import asyncio
import contextlib
import os
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.kit.clock import FakeMonotonic
from tests.kit.edges import (
    LOGIN,
    Client,
    EdgeSetup,
    Origin,
    Talk,
    echo,
    edge_setup,
    flood,
    pattern,
    running_edge,
    web,
)
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tests.kit.tls import TlsClient, trusting, write_certificate
from tollway.edge.listener import ListenError


@dataclass
class Here:
    """An edge with a certificate."""

    edges: EdgeSetup
    certificate: Path

    @property
    def port(self) -> int:
        return self.edges.edge.ports["https"]

    async def client(self, context: ssl.SSLContext | None = None) -> TlsClient:
        return await TlsClient.connect(self.port, context or trusting(self.certificate))

    async def tunnel(self) -> TlsClient:
        client = await self.client()
        await client.send(self.edges.connect_head())
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        return client

    async def curl(self, url: str, *more: str) -> subprocess.CompletedProcess[bytes]:
        proxy = f"https://alice:s3cret@localhost:{self.port}"
        command = ["curl", "-sS", "-x", proxy, "--proxy-cacert", str(self.certificate), *more, url]
        return await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=30)

    async def gone(self) -> str:
        """Wait until nothing is left of the one flow that there was; return why it ended."""
        await self.edges.settled()
        (usage,) = self.edges.access.usage.values()
        return usage.terminate_cause


@contextlib.asynccontextmanager
async def here(folder: Path, talk: Talk = echo, **changes: Any) -> AsyncIterator[Here]:
    certificate = write_certificate(folder)
    tls = {"tls_cert": str(certificate), "tls_key": str(folder / "key.pem")}
    async with edge_setup(folder, talk, **tls, **changes) as setup:
        yield Here(setup, certificate)


# ── real clients ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tunnel", [(), ("--proxytunnel",)], ids=["plain request", "tunnel"])
async def test_curl_fetches_over_tls_to_the_proxy(tmp_path: Path, tunnel: tuple[str, ...]):
    async with here(tmp_path, web) as it:
        done = await it.curl(f"http://127.0.0.1:{it.edges.origin.port}/bytes/300000", *tunnel)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == pattern(300_000)


async def test_curl_uploads_over_tls_to_the_proxy(tmp_path: Path):
    async with here(tmp_path, web) as it:
        (tmp_path / "body").write_bytes(pattern(3_000_000))
        url = f"http://127.0.0.1:{it.edges.origin.port}/count"
        for more in ((), ("-H", "Transfer-Encoding: chunked")):
            done = await it.curl(url, "--data-binary", f"@{tmp_path / 'body'}", *more)
            assert done.stdout == b"3000000", done.stderr


async def test_curl_does_not_send_its_password_to_a_proxy_that_it_does_not_trust(tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    async with here(tmp_path, web) as it:
        it.certificate = write_certificate(other)
        done = await it.curl(f"http://127.0.0.1:{it.edges.origin.port}/bytes/1")
        assert done.returncode == 60
        assert not it.edges.access.presented


async def test_urllib3_keeps_one_connection_over_tls_to_the_proxy(tmp_path: Path):
    async with here(tmp_path, web) as it:

        def fetch() -> list[int]:
            with urllib3.ProxyManager(
                f"https://localhost:{it.port}",
                proxy_headers=urllib3.make_headers(proxy_basic_auth="alice:s3cret"),
                proxy_ssl_context=trusting(it.certificate),
            ) as manager:
                url = f"http://127.0.0.1:{it.edges.origin.port}/chunked/50000"
                return [len(manager.request("GET", url, timeout=20).data) for _ in range(3)]

        assert await asyncio.to_thread(fetch) == [50_000] * 3
        assert it.edges.origin.connections == 1
        await it.gone()
        assert next(iter(it.edges.access.usage.values())).requests == 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_agrees_on_http_1_1(tmp_path: Path, version: ssl.TLSVersion):
    async with here(tmp_path, web) as it:
        context = trusting(it.certificate)
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.minimum_version = context.maximum_version = version
        client = await it.client(context)
        assert client.tls.selected_alpn_protocol() == "http/1.1"
        await client.send(it.edges.get("/bytes/5", "Connection: close"))
        assert (await client.rest()).endswith(pattern(5))
        assert client.ended == "close_notify"


# ── what is counted ─────────────────────────────────────────────────────────────────────────────────


async def test_the_bytes_within_tls_are_billed_and_nothing_else(tmp_path: Path):
    async with here(tmp_path) as it:
        client = await it.tunnel()
        answer = len(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await client.send(pattern(100_000))
        assert await client.exactly(100_000) == pattern(100_000)
        await client.end(fin=True)
        assert await client.rest() == b""
        assert await it.gone() == "User-Request"
        assert it.edges.access.used() == len(it.edges.connect_head()) + answer + 200_000


async def test_a_refused_login_costs_nothing(tmp_path: Path):
    async with here(tmp_path) as it:
        client = await it.client()
        await client.send(it.edges.connect_head(login=""))
        assert (await client.rest()).startswith(b"HTTP/1.1 407 ")
        assert client.ended == "close_notify"
        assert not it.edges.access.usage


# ── how bytes come ──────────────────────────────────────────────────────────────────────────────────


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_read(tmp_path: Path):
    async with here(tmp_path, web) as it:
        streams = await asyncio.open_connection("127.0.0.1", it.port)
        client = TlsClient(*streams, trusting(it.certificate))
        await client.handshake(finish=False)
        await client.send(it.edges.get("/bytes/7", "Connection: close"))
        assert (await client.rest()).endswith(pattern(7))


async def test_everything_in_one_packet_is_read_to_its_end(tmp_path: Path):
    """Head, tunnel bytes and the client's last word are decrypted at once; the kernel has no more to tell."""
    async with here(tmp_path) as it:
        client = await it.client()
        head, early = it.edges.connect_head(), pattern(150_000)
        client.tls.write(head + early)
        await client.end()
        got = await client.rest()
        assert got.partition(b"\r\n\r\n")[2] == early
        assert client.ended == "close_notify"
        assert await it.gone() == "User-Request"


async def test_a_pipelined_pair_is_answered_in_turn(tmp_path: Path):
    async with here(tmp_path, web) as it:
        client = await it.client()
        await client.send(it.edges.get("/bytes/3") + it.edges.get("/chunked/4", "Connection: close"))
        got = await client.rest()
        assert got.count(b"HTTP/1.1 200 OK") == 2


async def test_one_byte_in_each_record_is_as_good(tmp_path: Path):
    async with here(tmp_path, web) as it:
        client = await it.client()
        for byte in it.edges.get("/bytes/9", "Connection: close"):
            await client.send(bytes((byte,)))
        assert (await client.rest()).endswith(pattern(9))


async def test_a_client_that_reads_slowly_gets_all_of_it(tmp_path: Path):
    async with here(tmp_path, web) as it:
        client = await it.client()
        client.reader._limit = 4_096  # type: ignore[attr-defined]
        await client.send(it.edges.get("/bytes/20000000", "Connection: close"))
        await eventually(it.edges.access.held)
        await client.until(b"\r\n\r\n")
        assert await client.rest() == pattern(20_000_000)


async def test_a_throttled_transfer_is_whole(tmp_path: Path):
    async with here(tmp_path, web) as it:
        it.edges.access.resources["res_alice"].rate_limit_bytes_s = 2_000_000
        client = await it.client()
        await client.send(it.edges.get("/bytes/1000000", "Connection: close"))
        await client.until(b"\r\n\r\n")
        assert await client.rest() == pattern(1_000_000)


# ── how it ends ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_half_closed_tunnel_carries_the_answer(tmp_path: Path):
    """A close_notify without a FIN: no more from the client, and the origin still talks."""

    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read()
        writer.write(b"you said " + question)
        await writer.drain()

    async with here(tmp_path, answer_at_the_end) as it:
        client = await it.tunnel()
        await client.send(b"hello")
        await client.end()
        assert await client.rest() == b"you said hello"
        assert client.ended == "close_notify"
        assert await it.gone() == "User-Request"


async def test_an_origin_that_ends_first_still_hears_the_client(tmp_path: Path):
    heard: list[bytes] = []

    async def speak_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        heard.append(await reader.read())

    async with here(tmp_path, speak_first) as it:
        client = await it.tunnel()
        assert await client.rest() == b"bye"
        assert client.ended == "close_notify"
        for _ in range(3):
            await client.send(pattern(20_000))
        await client.end(fin=True)
        await eventually(lambda: heard == [pattern(20_000) * 3])
        assert await it.gone() == "User-Request"


async def test_a_half_closed_request_is_answered(tmp_path: Path):
    async with here(tmp_path, web) as it:
        client = await it.client()
        client.tls.write(it.edges.get("/bytes/11"))
        await client.end(fin=True)
        assert (await client.rest()).endswith(pattern(11))


async def test_a_client_that_resets_leaves_nothing_behind(tmp_path: Path):
    async with here(tmp_path, flood) as it:
        before = len(os.listdir("/proc/self/fd"))
        client = await it.tunnel()
        await client.exactly(1_000_000)
        sock = client.writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: close by a reset
        client.writer.transport.abort()
        assert await it.gone() == "Lost-Carrier"
        await eventually(lambda: len(os.listdir("/proc/self/fd")) <= before + 4)  # the pool of pipes


async def test_an_operators_stop_is_not_taken_for_a_proper_end(tmp_path: Path):
    async with here(tmp_path, flood) as it:
        client = await it.tunnel()
        await client.exactly(10_000)
        it.edges.access.resources["res_alice"].active = False
        it.edges.access.announce("resource_stopped", resource_id="res_alice")
        await client.rest()
        assert client.ended in {"cut", "reset"}
        assert await it.gone() == "Admin-Reset"


# ── who does not speak it ───────────────────────────────────────────────────────────────────────────


async def test_who_speaks_something_else_is_told_in_that(tmp_path: Path):
    async with here(tmp_path) as it:
        for said, heard in (
            (it.edges.get("/"), b"This port speaks TLS: https://\n"),
            (b"\x05\x01\x02", b"\x05\xff"),
        ):
            client = await Client.connect(it.port)
            await client.send(said)
            assert (await client.rest()).endswith(heard)


@pytest.mark.parametrize(
    "say",
    [lambda it: b"\x16\x03\x01\x02", lambda it: b"\x16\x03\x01\x00\x05rubbish"],
    ids=["half a greeting", "rubbish"],
)
async def test_who_does_not_finish_the_handshake_is_closed(tmp_path: Path, say: Callable[[Here], bytes]):
    async with here(tmp_path, head_timeout_s=0.5) as it:
        client = await Client.connect(it.port)
        await client.send(say(it))
        await client.rest()
        async with asyncio.timeout(20):
            assert (await (await it.tunnel()).exactly(0)) == b""


async def test_without_a_certificate_it_is_not_served(tmp_path: Path):
    async with edge_setup(tmp_path) as setup:
        assert "https" not in setup.edge.ports
        assert [one.protocol for one in setup.edge._access.endpoints] == ["http", "socks5"]


# ── the certificate ─────────────────────────────────────────────────────────────────────────────────


async def test_a_new_certificate_serves_new_clients_and_open_tunnels_go_on(tmp_path: Path):
    certificate = write_certificate(tmp_path)
    access, monotonic = FakeAccess(), FakeMonotonic(runs=True)
    access.add()
    files: Any = {"tls_cert": str(certificate), "tls_key": str(tmp_path / "key.pem")}
    async with (
        Origin(echo).serving() as origin,
        running_edge(tmp_path, access, monotonic=monotonic, meter_sync_s=0.02, **files) as edge,
    ):
        port, target = edge.ports["https"], f"127.0.0.1:{origin.port}"
        before = await TlsClient.connect(port, trusting(certificate))
        await before.send(f"CONNECT {target} HTTP/1.1\r\nProxy-Authorization: {LOGIN}\r\n\r\n".encode())
        await before.until(b"\r\n\r\n")

        (tmp_path / "cert.pem").write_bytes(b"rubbish")
        monotonic.advance(11)
        await asyncio.sleep(0.1)  # the edge has looked at it; nothing tells so
        assert (await TlsClient.connect(port, before.context)).tls.getpeercert()

        new = trusting(write_certificate(tmp_path))
        monotonic.advance(11)

        async def is_served() -> bool:
            try:
                await TlsClient.connect(port, new)
            except ssl.SSLCertVerificationError:
                return False
            return True

        async with asyncio.timeout(10):
            while not await is_served():
                await asyncio.sleep(0.02)
        await before.send(b"still here")
        assert await before.exactly(10) == b"still here"


async def test_a_certificate_that_cannot_be_used_is_said_at_the_start(tmp_path: Path):
    with pytest.raises(ListenError, match=r"cannot use edge\.tls_cert"):
        async with edge_setup(tmp_path, tls_cert=str(tmp_path / "none.pem")):
            pass


async def test_a_fin_without_a_close_notify_is_a_last_word_too(tmp_path: Path):
    async with here(tmp_path, web) as it:
        client = await it.client()
        await client.send(it.edges.get("/bytes/100000", "Connection: close"))
        client.writer.write_eof()
        await client.until(b"\r\n\r\n")
        assert await client.rest() == pattern(100_000)
        assert client.ended == "close_notify"
