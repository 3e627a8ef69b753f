"""Other pages: who may call, and what a preflight is told."""

from pathlib import Path

import pytest

from tests.kit.gateway import ALICE, Setup, running_gateway

ASKS = b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"


async def test_a_named_origin_may_call(tmp_path: Path):
    async with running_gateway(tmp_path, cors_origins=["https://console.test"]) as setup:
        asked = await setup.ask("OPTIONS", "/api/orders", b"Origin: https://console.test\r\n", ASKS)
        assert asked.status == 204
        assert asked.header("Access-Control-Allow-Origin") == "https://console.test"
        assert "POST" in (asked.header("Access-Control-Allow-Methods") or "")
        assert "X-Tollway-Csrf" in (asked.header("Access-Control-Allow-Headers") or "")
        assert setup.upstream.seen == []
        answer = await setup.ask("GET", "/api/orders", ALICE, b"Origin: https://console.test\r\n")
        assert answer.header("Access-Control-Allow-Origin") == "https://console.test"
        assert answer.header("Access-Control-Allow-Credentials") == "true"
        assert "Origin" in (answer.header("Vary") or "")
        refused = await setup.ask("GET", "/api/orders", b"Origin: https://console.test\r\n")
        assert (refused.status, refused.header("Access-Control-Allow-Origin")) == (
            401,
            "https://console.test",
        )


@pytest.mark.parametrize(
    "origin", [b"http://evil.test", b"null", b"https://console.test.evil.test", b"console.test"]
)
async def test_another_origin_may_not(tmp_path: Path, origin: bytes):
    async with running_gateway(tmp_path, cors_origins=["https://console.test"]) as setup:
        asked = await setup.ask("OPTIONS", "/api/orders", b"Origin: %b\r\n" % origin, ASKS)
        assert (asked.status, asked.code) == (403, "foreign_origin")
        answer = await setup.ask("GET", "/api/catalog", b"Origin: %b\r\n" % origin)
        assert answer.header("Access-Control-Allow-Origin") is None
        assert answer.header("Vary") == "Origin"


async def test_caches_are_told_that_answers_differ_by_origin_also_when_none_was_sent(tmp_path: Path):
    async with running_gateway(tmp_path, cors_origins=["https://console.test"]) as setup:
        assert (await setup.ask("GET", "/api/catalog")).header("Vary") == "Origin"


async def test_without_named_origins_nothing_is_said_about_them(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        answer = await setup.ask("GET", "/api/catalog", b"Origin: http://evil.test\r\n")
        assert [answer.header(name) for name in ("Access-Control-Allow-Origin", "Vary")] == [None, None]


async def test_options_without_a_browser_goes_to_the_upstream(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        assert (await setup.ask("OPTIONS", "/api/catalog")).json["method"] == "OPTIONS"


async def preflight(setup: Setup, wanted: str) -> set[str]:
    """The headers that a page of the console may send."""
    asked = await setup.ask(
        "OPTIONS",
        "/api/orders",
        b"Origin: https://console.test\r\nAccess-Control-Request-Method: POST\r\n",
        f"Access-Control-Request-Headers: {wanted}\r\n".encode(),
    )
    assert asked.status == 204
    return set((asked.header("Access-Control-Allow-Headers") or "").lower().split(", "))


@pytest.mark.parametrize(
    "name",
    ["traceparent", "tracestate", "baggage", "idempotency-key", "authorization", "x-correlation-id", "x-of-my-own",
     "sentry-trace", "b3", "x-b3-traceid", "x-requested-with"],
)  # fmt: skip
async def test_a_page_may_send_what_is_passed_on(tmp_path: Path, name: str):
    async with running_gateway(tmp_path, cors_origins=["https://console.test"]) as setup:
        assert name in await preflight(setup, f"content-type, {name}")


@pytest.mark.parametrize(
    "name", ["x-user-id", "x-roles", "x-forwarded-for", "x_custom", "connection", "a b", 'a"b']
)
async def test_what_is_dropped_on_the_way_is_not_allowed_either(tmp_path: Path, name: str):
    async with running_gateway(tmp_path, cors_origins=["https://console.test"]) as setup:
        assert name not in await preflight(setup, name)


async def test_a_page_can_read_where_it_stands(tmp_path: Path):
    async with running_gateway(tmp_path, cors_origins=["https://console.test"]) as setup:
        answer = await setup.ask("GET", "/api/catalog", b"Origin: https://console.test\r\n")
        exposed = set((answer.header("Access-Control-Expose-Headers") or "").lower().split(", "))
        sent = {name.decode().lower() for name, _ in answer.head.headers}
        assert {name for name in sent if "ratelimit" in name} <= exposed
        assert {"retry-after", "etag", "x-request-id", "x-correlation-id", "www-authenticate"} <= exposed
