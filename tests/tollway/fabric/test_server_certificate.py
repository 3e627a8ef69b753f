"""The HTTPS certificate is read again when its files change, and only a usable one takes its place."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

from tests.kit.gateway import HOST, Client, Setup, running_gateway
from tests.kit.tls import write_certificate


def paths(folder: Path) -> dict[str, Any]:
    return {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}


async def connect(setup: Setup) -> Client:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = await Client.connect(setup.gateway.tls_port, ssl=context)
    setup.clients.append(client)
    return client


def certificate_of(client: Client) -> bytes:
    return client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


async def test_a_new_certificate_serves_new_connections_and_open_ones_go_on(tmp_path: Path):
    write_certificate(tmp_path, "first")
    async with running_gateway(tmp_path, **paths(tmp_path)) as setup:
        before = await connect(setup)
        await before.ask("GET", "/api/catalog")  # one that is silent from the start is closed meanwhile
        write_certificate(tmp_path, "second")
        setup.advance(11)
        after = await connect(setup)
        assert certificate_of(before) != certificate_of(after)
        for client in (before, after):
            assert (await client.ask("GET", "/api/catalog")).status == 200


async def test_an_unusable_one_changes_nothing_and_the_next_good_one_is_taken(tmp_path: Path):
    write_certificate(tmp_path, "first")
    async with running_gateway(tmp_path, **paths(tmp_path)) as setup:
        first = certificate_of(await connect(setup))
        good_key = (tmp_path / "key.pem").read_bytes()
        for broken in (b"", b"rubbish"):
            (tmp_path / "cert.pem").write_bytes(broken)
            setup.advance(11)
            assert certificate_of(await connect(setup)) == first
        write_certificate(tmp_path, "second")
        (tmp_path / "key.pem").write_bytes(good_key)  # the key of the first: they do not belong together
        setup.advance(11)
        client = await connect(setup)
        assert certificate_of(client) == first
        assert (await client.ask("GET", "/livez")).status == 200
        write_certificate(tmp_path, "third")
        setup.advance(11)
        assert certificate_of(await connect(setup)) != first


async def test_it_is_read_again_on_demand(tmp_path: Path):
    write_certificate(tmp_path, "first")
    async with running_gateway(tmp_path, **paths(tmp_path)) as setup:
        first = certificate_of(await connect(setup))
        write_certificate(tmp_path, "second")
        setup.gateway.reload()
        assert certificate_of(await connect(setup)) != first


async def test_a_client_that_never_finishes_its_handshake_holds_nobody_up(tmp_path: Path):
    write_certificate(tmp_path, "first")
    async with running_gateway(tmp_path, **paths(tmp_path)) as setup:
        reader, writer = await asyncio.open_connection("127.0.0.1", setup.gateway.tls_port)
        writer.write(b"\x16\x03\x01")
        client = await connect(setup)
        client.send(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.answer()).status == 200
        writer.close()
        del reader
