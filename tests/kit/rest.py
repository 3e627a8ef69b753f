"""Calls an application as a client would, in process: `rest(router)` and then `await client.post(...)`.

Tokens are faked at the verifier only: `Bearer usr_1` is user usr_1 with the role customer, `Bearer usr_1:admin`
an admin.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.types import ASGIApp

from tests.kit.api_document import refusals_of
from tests.kit.clock import FakeClock
from tollway.contracts.clients import ALL_SCOPES
from tollway.fabric.access_tokens import Principal, Revocations, Verifier
from tollway.fabric.rest import build_app
from tollway.kit.errors import Unauthenticated
from tollway.topology import roles

# What the platform's roles may do, and what the routes of tests demand besides.
_OWN = {"support": {"admin:read"}, "admin": {"admin:read", "admin:write"}}
ROLES = {role: granted | _OWN.get(role, set()) for role, granted in roles().items()}


class FakeVerifier(Verifier):
    """Believes a token of the form `usr_id` or `usr_id:role,role`."""

    def __init__(self, auth_time_us: int = 0) -> None:
        """Needs no keys; everybody signed in at `auth_time_us`."""
        self._auth_time_us = auth_time_us

    async def verify(self, token: str) -> Principal:
        if not token.startswith("usr_"):
            raise Unauthenticated("this token is not valid")
        user_id, _, roles = token.partition(":")
        return Principal(
            user_id=user_id,
            session_id=f"ses_{user_id}",
            roles=frozenset(roles.split(",") if roles else ["customer"]),
            auth_time_us=self._auth_time_us,
            issued_at_us=2**60,
            expires_at_us=2**61,
            scopes=frozenset({ALL_SCOPES}),
        )


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RestClient:
    """Speaks ASGI to an application. Keyword arguments become the JSON body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def get(self, path: str, token: str = "", **headers: str) -> Reply:
        return await self.call("GET", path, token=token, headers=headers)

    async def post(self, path: str, body: Any = None, token: str = "", key: str = "") -> Reply:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.call("POST", path, body, token, headers)

    async def call(
        self, method: str, path: str, body: Any = None, token: str = "", headers: dict[str, str] | None = None
    ) -> Reply:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"host": "test", "content-type": "application/json", **(headers or {})}
        if token:
            sent["authorization"] = f"Bearer {token}"
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().replace("_", "-").encode(), value.encode()) for name, value in sent.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("test", 80),
        }
        incoming = [{"type": "http.request", "body": raw, "more_body": False}]
        outgoing: list[Any] = []
        answered = asyncio.Event()

        async def receive() -> Any:
            if incoming:
                return incoming.pop(0)
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            outgoing.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered.set()

        await self.app(scope, receive, send)
        start = next(message for message in outgoing if message["type"] == "http.response.start")
        answer = b"".join(m.get("body", b"") for m in outgoing if m["type"] == "http.response.body")
        received: dict[str, str] = {}
        for name, value in ((k.decode(), v.decode()) for k, v in start["headers"]):
            received[name] = f"{received[name]}, {value}" if name in received else value
        reply = Reply(start["status"], received, answer)
        _check_described(method, path, reply)
        return reply


def _check_described(method: str, path: str, reply: Reply) -> None:
    """Hold every refusal in any test to what the API document says of the operation."""
    if reply.status < 400 or method == "HEAD":
        return
    described = refusals_of(method, path)
    if described is not None and reply.json.get("code") not in ("method_not_allowed", "problem"):
        code = reply.json["code"]
        assert code in described, f"{method} {path} answered {code}; name it in the route's `problems`"


def rest(*routers: APIRouter, clock: FakeClock | None = None) -> RestClient:
    """Give a client of an application made of these routers. Everybody signed in when the clock stood at its start."""
    clock = clock or FakeClock()
    signed_in_at_us = clock.now_us()
    return RestClient(
        build_app(routers, FakeVerifier(signed_in_at_us), Revocations(clock), clock=clock, roles=ROLES)
    )
