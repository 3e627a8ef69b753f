"""Keeps other web sites out: a page that a developer looks at must not drive the mock on their machine.

A request is answered under known hosts only, so that no foreign name can be pointed here (DNS rebinding). What changes
something is refused when a browser says that another site's page sent it, and /mock takes nothing but JSON, which no
plain form can send.
"""

from collections.abc import Set as AbstractSet

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tollway.services.payments_mock.model.hosts import host_of, is_known_host

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SiteGuard:
    """An application behind these rules. `hosts` are the names beside loopback that it answers to."""

    def __init__(self, app: ASGIApp, hosts: AbstractSet[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_known_host(host_of(host), self._hosts):
            return PlainTextResponse("The mock is not known under this name; see payments_mock.hosts.\n", 421)
        if scope["method"] in _SAFE:
            return None
        if not _is_same_site(headers, host):
            return PlainTextResponse("Another web site may not do that.\n", 403)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["path"].startswith("/mock") and kind != "application/json":
            return PlainTextResponse("Send application/json.\n", 415)
        return None


def _is_same_site(headers: Headers, host: str) -> bool:
    """Return whether a request comes from a program, or from a page of the mock itself."""
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host.lower()
