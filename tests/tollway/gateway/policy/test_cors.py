"""Other pages: who may call, and what a preflight is told."""

from pathlib import Path

import pytest

from tests.kit.gateway import ALICE, running_gateway

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
