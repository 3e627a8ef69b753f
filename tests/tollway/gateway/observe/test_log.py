"""The access log: one true line per request, which nobody can forge."""

from pathlib import Path

import pytest

from tests.kit.gateway import ALICE, HOST, running_gateway


async def test_a_line_says_what_happened(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        answer = await setup.ask(
            "POST", "/api/orders/x?token=secret", ALICE, b"User-Agent: test/1\r\n", body=b"hi"
        )
        (line,) = setup.lines()
        assert line["duration_ms"] >= line["upstream_ms"] > 0
        assert line["timestamp"] == "2026-11-22T00:00:00.000000Z"
        expected = {
            "level": "info",
            "logger": "tollway.gateway.access",
            "event": "request",
            "method": "POST",
            "path": "/api/orders/x",
            "status": 200,
            "route": "orders",
            "user_id": "usr_alice",
            "ip": "127.0.0.1",
            "agent": "test/1",
            "bytes_out": answer.head.size + len(answer.body),
            "correlation_id": answer.header("X-Correlation-Id"),
            "reason": "",
        }
        assert {name: line[name] for name in expected} == expected
        assert "secret" not in setup.log.read_text()


async def test_bytes_are_those_on_the_wire(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        request = (
            b"POST /api/catalog HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        )
        client = await setup.client()
        client.send(request)
        await client.answer()
        assert setup.lines()[0]["bytes_in"] == len(request)


@pytest.mark.parametrize(
    ("path", "status", "reason"), [("/nothing", 404, "not_found"), ("/api/orders", 401, "unauthenticated")]
)
async def test_a_refusal_says_why(tmp_path: Path, path: str, status: int, reason: str):
    async with running_gateway(tmp_path) as setup:
        await setup.ask("GET", path)
        assert [(line["status"], line["reason"]) for line in setup.lines()] == [(status, reason)]


async def test_nobody_forges_a_line(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        await setup.ask("GET", '/a","status":200,"x":"', b'User-Agent: x","status":200,"y":"\xff\r\n')
        (line,) = setup.lines()
        assert (line["status"], line["path"]) == (404, '/a","status":200,"x":"')
        assert line["agent"] == 'x","status":200,"y":"ÿ'


async def test_off_is_off(tmp_path: Path):
    async with running_gateway(tmp_path, access_log="off") as setup:
        await setup.ask("GET", "/livez")
        assert not setup.log.exists()
