"""The gateway as a component: limits over HTTP, health, metrics, TLS, draining, clear words on bad settings."""

import asyncio
import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.kit.clock import FakeClock
from tests.kit.eventually import eventually
from tests.kit.gateway import ALICE, HOST, PLENTY, Client, Seen, default_routes, running_gateway
from tollway.cli.authority import Authority
from tollway.gateway.route.table import InvalidRoutes
from tollway.gateway.settings import GatewaySettings, LimitSettings

HOURLY = {
    "default": LimitSettings(quota=100, window_s=3_600),
    "login": LimitSettings(quota=3, window_s=3_600, by="ip"),
}


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────


async def test_two_hundred_at_once_against_a_hundred_admit_exactly_a_hundred(tmp_path: Path):
    async with running_gateway(tmp_path, limits=HOURLY) as setup:
        answers = await asyncio.gather(*(setup.ask("GET", "/api/orders", ALICE) for _ in range(200)))
        assert sorted(answer.status for answer in answers) == [200] * 100 + [429] * 100
        assert len(setup.upstream.seen) == 100
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.code == "too_many_requests"
        assert int(refused.header("Retry-After") or 0) in range(1, 38)
        assert refused.header("RateLimit-Policy") == '"default";q=100;w=3600'
        assert (refused.header("RateLimit") or "").startswith('"default";r=0;t=')
        assert refused.header("X-RateLimit-Limit") == "100"
        assert refused.header("X-RateLimit-Remaining") == "0"


async def test_the_remaining_count_is_told_and_users_do_not_share(tmp_path: Path):
    async with running_gateway(tmp_path, limits=HOURLY) as setup:
        left = [
            (await setup.ask("GET", "/api/orders", ALICE)).header("X-RateLimit-Remaining") for _ in range(3)
        ]
        assert left == ["99", "98", "97"]
        bob = await setup.ask("GET", "/api/orders", b"Authorization: Bearer usr_bob\r\n")
        assert bob.header("X-RateLimit-Remaining") == "99"
        anonymous = await setup.ask("GET", "/api/catalog")
        assert anonymous.header("X-RateLimit-Remaining") == "99"  # counted by address


async def test_guesses_count_against_the_address(tmp_path: Path):
    async with running_gateway(tmp_path, limits=HOURLY) as setup:
        for _ in range(100):
            assert (await setup.ask("GET", "/api/orders")).status == 401
        assert (await setup.ask("GET", "/api/orders")).status == 429
        assert (await setup.ask("GET", "/api/orders", ALICE)).status == 200


async def test_logins_are_scarcer_and_counted_by_address_whoever_asks(tmp_path: Path):
    async with running_gateway(tmp_path, limits=HOURLY) as setup:
        statuses = [
            (await setup.ask("POST", "/api/auth/login", who)).status for who in (b"", ALICE, b"", b"", ALICE)
        ]
        assert statuses == [200, 200, 200, 429, 429]


async def test_health_has_no_limit_and_webhooks_have_one_of_their_own(tmp_path: Path):
    scarce = {"default": LimitSettings(quota=1, window_s=3_600)}
    async with running_gateway(tmp_path, limits=scarce) as setup:
        for path in ("/health", "/livez", "/readyz"):
            for _ in range(3):
                answer = await setup.ask("GET", path)
                assert (answer.status, answer.header("RateLimit")) == (200, None)
        answers = [await setup.ask("GET", "/hooks/stripe") for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert (answers[0].header("RateLimit-Policy") or "").startswith('"webhooks";q=1000;')


# ── health and metrics ──────────────────────────────────────────────────────────────────────────────


async def test_the_states_of_others_are_asked_for_when_health_is(tmp_path: Path):
    states = {"orders": "not known yet"}

    async def refresh() -> None:
        states["orders"] = "ok"

    async with running_gateway(tmp_path, health=lambda: states, refresh_health=refresh) as setup:
        assert (await setup.ask("GET", "/livez")).status == 200
        assert states == {"orders": "not known yet"}, "only /health speaks of others"
        assert (await setup.ask("GET", "/health")).json["components"] == {"gateway": "ok", "orders": "ok"}


async def test_health_names_each_component(tmp_path: Path):
    states = {"ledger": "ok", "orders": "ok"}
    async with running_gateway(tmp_path, health=lambda: states) as setup:
        assert (await setup.ask("GET", "/health")).json == {
            "status": "ok",
            "components": {"gateway": "ok", "ledger": "ok", "orders": "ok"},
        }
        assert (await setup.ask("GET", "/readyz")).status == 200
        states["orders"] = "does not answer"
        assert (await setup.ask("GET", "/health")).status == 503
        # Another gateway could do no better: this one is not taken away from customers.
        assert (await setup.ask("GET", "/readyz")).status == 200
        assert (await setup.ask("GET", "/livez")).status == 200
        assert (await setup.ask("HEAD", "/livez")).body == b""
        assert (await setup.ask("POST", "/livez")).status == 405


# ── HTTPS ───────────────────────────────────────────────────────────────────────────────────────────


async def test_https(tmp_path: Path):
    identity = Authority(tmp_path / "keys", tmp_path, FakeClock()).ensure("gateway", ["localhost"])
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(identity.certificate)
    key.write_bytes(identity.key)
    trust = ssl.create_default_context(cadata=identity.roots.decode())
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT if hasattr(ssl, "VERIFY_X509_STRICT") else ~0
    async with running_gateway(tmp_path, tls_cert=str(certificate), tls_key=str(key)) as setup:
        client = await Client.connect(setup.gateway.tls_port, ssl=trust, server_hostname="localhost")
        answer = await client.ask("GET", "/api/orders", ALICE)
        assert answer.status == 200
        assert ["x-forwarded-proto", "https"] in answer.json["headers"]
        assert "max-age=31536000" in (answer.header("Strict-Transport-Security") or "")
        big = await client.ask("POST", "/api/orders", ALICE, body=b"x" * 900_000)
        assert len(big.json["body"]) == 900_000
        client.send(b"BAD\r\n\r\n")
        assert (await client.answer()).status == 400
        client.close()


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────


async def test_stopping_finishes_what_is_in_hand_and_takes_no_more(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        answering = asyncio.Event()

        async def wait(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answering.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

        setup.upstream.script = wait
        busy, idle = await setup.client(), await setup.client()
        assert (await idle.ask("GET", "/livez")).status == 200
        busy.send(b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"\r\n")
        await eventually(lambda: len(setup.upstream.seen) == 1)
        stopping = asyncio.ensure_future(setup.gateway.stop())
        assert await idle.rest() == b""
        assert setup.gateway.context.ready is False
        with pytest.raises(OSError):  # noqa: PT011
            await setup.client()
        answering.set()
        answer = await busy.answer()
        assert (answer.body, answer.header("Connection")) == (b"done", "close")
        await stopping


async def test_stopping_does_not_wait_for_ever(tmp_path: Path):
    async with running_gateway(tmp_path, drain_timeout_s=0.2) as setup:

        async def never(_seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        setup.upstream.script = never
        client = await setup.client()
        client.send(b"GET /api/catalog HTTP/1.1\r\n" + HOST + b"\r\n")
        await eventually(lambda: len(setup.upstream.seen) == 1)
        await asyncio.wait_for(setup.gateway.stop(), 20)
        assert await client.rest() == b""
        assert setup.gateway.connections == set()


async def test_a_taken_port_says_what_to_do(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        with pytest.raises(
            OSError, match=r"cannot listen on 127.0.0.1:\d+: .*; free it, or set gateway.port"
        ):
            async with running_gateway(tmp_path, port=setup.gateway.port):
                pass


@pytest.mark.parametrize(
    "wrong",
    [
        {"tls_cert": "x.pem"},
        {"limits": {"default": {"quota": 0, "window_s": 1}}},
        {"limits": {'a"b': PLENTY}},
        {"unknown": 1},
        {"port": 70_000},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate(wrong)


async def test_a_missing_certificate_says_so(tmp_path: Path):
    with pytest.raises(OSError, match=r"cannot use gateway\.tls_cert"):
        async with running_gateway(tmp_path, tls_cert="/nowhere.pem", tls_key="/nowhere.pem"):
            pass


async def test_a_route_with_an_unknown_limit_is_refused(tmp_path: Path):
    def routes(address: str):
        return [default_routes(address)[0].model_copy(update={"limit": "no such class"})]

    with pytest.raises(InvalidRoutes, match="no class 'no such class'"):
        async with running_gateway(tmp_path, routes=routes):
            pass
