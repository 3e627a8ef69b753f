"""WebSockets and streams: the same admission as every request, and an end when the session ends."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from fastapi import APIRouter, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.kit.clock import FakeClock
from tests.kit.rest import ROLES, FakeVerifier
from tollway.fabric.access_tokens import Revocations
from tollway.fabric.rest import CurrentUser, RestServer, build_app, route, send_updates
from tollway.fabric.rpc import current
from tollway.kit.errors import Conflict

WITHIN_S = 5


class Word(BaseModel):
    word: str


class Words:
    """A service that says what a test gives it."""

    def __init__(self) -> None:
        self.queues: defaultdict[str, asyncio.Queue[str]] = defaultdict(asyncio.Queue)
        self.listeners = 0

    def say(self, user_id: str, word: str) -> None:
        self.queues[user_id].put_nowait(word)

    async def follow(self, user_id: str) -> AsyncGenerator[Word]:
        self.listeners += 1
        try:
            while word := await self.queues[user_id].get():
                yield Word(word=word)
        finally:
            self.listeners -= 1


def router(words: Words) -> APIRouter:
    api = APIRouter()

    @api.websocket("/live", **route(permission="usage:read", kind="websocket"))
    async def live(websocket: WebSocket, who: CurrentUser) -> None:
        call = current()
        acting = "with a token" if call.token else "as itself"
        words.say(who.user_id, f"{who.user_id} {call.user_id} {call.left_s()} {acting}")
        await send_updates(websocket, words.follow(who.user_id))

    @api.websocket("/refused", **route(permission="usage:read", kind="websocket"))
    async def refused(websocket: WebSocket) -> None:
        raise Conflict("not now")

    @api.websocket("/late", **route(permission="public", kind="websocket"))
    async def late(websocket: WebSocket) -> None:
        await websocket.accept()
        raise Conflict("not now")

    @api.websocket("/echo", **route(permission="public", kind="websocket", body_limit_bytes=10))
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    @api.websocket("/operators", **route(permission="admin:read", owner="any", kind="websocket"))
    async def operators(websocket: WebSocket) -> None:
        await websocket.accept()

    @api.get("/stream", **route(permission="usage:read", kind="stream"))
    async def stream(who: CurrentUser) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            async for word in words.follow(who.user_id):
                yield f"{word.word}\n"

        return StreamingResponse(lines(), media_type="text/plain")

    return api


class LiveSetup:
    def __init__(self) -> None:
        self.words = Words()
        clock = FakeClock()
        self.revocations = Revocations(clock)
        app = build_app([router(self.words)], FakeVerifier(), self.revocations, clock=clock, roles=ROLES)
        self.server = RestServer(app, "127.0.0.1:0", drain_s=1)

    def open(self, path: str, token: str = "usr_1") -> connect:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return connect(f"ws://127.0.0.1:{self.server.port}{path}", additional_headers=headers)

    async def get(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer usr_1\r\n\r\n".encode())
        return reader, writer

    def end_session(self, user_id: str) -> None:
        self.revocations.add(f"ses_{user_id}", user_id, 0)


@pytest.fixture
async def live() -> AsyncIterator[LiveSetup]:
    live = LiveSetup()
    await live.server.start()
    yield live
    await live.server.stop()


async def receive(client: ClientConnection) -> str | bytes:
    async with asyncio.timeout(WITHIN_S):
        return await client.recv()


async def closed(client: ClientConnection) -> tuple[int, str]:
    """How the server closed it."""
    with pytest.raises(ConnectionClosed) as found:
        await receive(client)
    assert found.value.rcvd is not None
    return found.value.rcvd.code, found.value.rcvd.reason


async def refusal(live: LiveSetup, path: str, token: str = "usr_1") -> tuple[int, str, bytes]:
    with pytest.raises(InvalidStatus) as found:
        async with live.open(path, token):
            pass
    response = found.value.response
    return response.status_code, response.headers["content-type"], bytes(response.body or b"")


async def test_a_websocket_knows_who_asks_and_has_no_deadline(live: LiveSetup) -> None:
    async with live.open("/live") as client:
        assert await receive(client) == '{"word":"usr_1 usr_1 None as itself"}'
        live.words.say("usr_1", "next")
        assert await receive(client) == '{"word":"next"}'


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        ("/live", "", 401, "unauthenticated"),
        ("/live", "forged", 401, "unauthenticated"),
        ("/operators", "usr_1", 403, "forbidden"),
        ("/refused", "usr_1", 409, "conflict"),
        ("/nowhere", "usr_1", 404, "not_found"),
    ],
)
async def test_what_is_refused_before_it_is_accepted_is_a_problem_document(
    live: LiveSetup, path: str, token: str, status: int, code: str
) -> None:
    refused, media_type, body = await refusal(live, path, token)
    assert (refused, media_type) == (status, "application/problem+json")
    assert f'"code":"{code}"' in body.decode()


async def test_a_plain_request_to_a_websocket_is_told_to_upgrade(live: LiveSetup) -> None:
    reader, writer = await live.get("/live")
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 426 ")
    assert b"upgrade: websocket" in head
    writer.close()


async def test_a_problem_afterwards_is_a_close_code_with_its_name(live: LiveSetup) -> None:
    async with live.open("/late") as client:
        assert await closed(client) == (4409, "conflict")


async def test_a_message_over_the_limit_closes_the_connection(live: LiveSetup) -> None:
    async with live.open("/echo") as client:
        await client.send("x" * 10)
        assert await receive(client) == "x" * 10
        await client.send("x" * 11)
        assert await closed(client) == (4413, "too_large")


async def test_a_revoked_session_ends_its_websockets_and_no_others(live: LiveSetup) -> None:
    async with live.open("/live") as mine, live.open("/live", "usr_2") as other:
        await receive(mine)
        await receive(other)
        live.end_session("usr_1")
        assert await closed(mine) == (4401, "session_ended")
        live.words.say("usr_2", "still here")
        assert await receive(other) == '{"word":"still here"}'
    assert (await refusal(live, "/live"))[0] == 401


async def test_nothing_is_left_behind_when_the_client_goes_away(live: LiveSetup) -> None:
    async with live.open("/live") as client:
        await receive(client)
        assert live.words.listeners == 1
    async with asyncio.timeout(WITHIN_S):
        while live.words.listeners:
            await asyncio.sleep(0.01)


async def test_a_revoked_session_ends_its_streams(live: LiveSetup) -> None:
    live.words.say("usr_1", "first")
    reader, writer = await live.get("/stream")
    async with asyncio.timeout(WITHIN_S):
        await reader.readuntil(b"first\n\r\n")
        live.end_session("usr_1")
        assert await reader.readuntil(b"\r\n\r\n") == b"0\r\n\r\n"  # the last chunk: a proper end
    writer.close()
    assert live.words.listeners == 0
