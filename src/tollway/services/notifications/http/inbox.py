"""The development inbox in a browser: every message the platform would have sent, and a JSON API for programs.

    GET /inbox                            the page
    GET /inbox/api/messages?to=&limit=    the newest messages, with the links they hold
    GET /inbox/api/messages/{id}          one message whole
    GET /inbox/messages/{id}/html         its HTML part as the receiver sees it
    DELETE /inbox/api/messages            empty the inbox

It shows sign-up and password links to whoever can reach it, so it belongs on the loopback address only, and answers
only requests for this machine's own names (or a web page elsewhere could read it by DNS rebinding).
"""

from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tollway.fabric.mail import Inbox, StoredMessage
from tollway.fabric.rest import UtcTime, problems

OWN_NAMES = ["127.0.0.1", "localhost", "[::1]"]
_PAGE = Path(__file__).with_name("inbox.html")
# The page has one script and one style of its own; a message may show nothing but text, styles and pictures it carries.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'"
)
_SANDBOX = "sandbox allow-popups allow-popups-to-escape-sandbox"
_MESSAGE_POLICY = f"{_SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class MessageSummary(BaseModel):
    """A message in the list. `links` are those in its text, in order: programs follow the first."""

    id: str
    at: UtcTime
    sender: str
    to: str
    subject: str
    preview: str
    links: tuple[str, ...]


class MessageWhole(MessageSummary):
    text: str
    html: str


class MessageSummaries(BaseModel):
    messages: list[MessageSummary]


def inbox_app(inbox: Inbox) -> FastAPI:
    """Make the application."""
    app = FastAPI(
        title="Development inbox", openapi_url="/inbox/api/openapi.json", docs_url=None, redoc_url=None
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=OWN_NAMES)
    problems.install(app)
    page = _PAGE.read_text("utf-8")

    @app.get("/", include_in_schema=False)
    async def start() -> RedirectResponse:
        return RedirectResponse("/inbox")

    @app.get("/inbox", include_in_schema=False)
    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers=_headers(_PAGE_POLICY))

    @app.get("/inbox/api/messages")
    async def messages(to: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100) -> MessageSummaries:
        """List the newest messages, the newest first; only those to one address when `to` is given."""
        return MessageSummaries(messages=[_summary(kept) for kept in await inbox.messages(to, limit)])

    @app.get("/inbox/api/messages/{message_id}")
    async def message(message_id: str) -> MessageWhole:
        """Show one message whole."""
        kept = await inbox.message(message_id)
        return MessageWhole(**dict(_summary(kept)), text=kept.text, html=kept.html)

    @app.get("/inbox/messages/{message_id}/html", include_in_schema=False)
    async def message_html(message_id: str) -> HTMLResponse:
        kept = await inbox.message(message_id)
        # A link in the frame would otherwise open inside of it, where no script runs.
        shown = kept.html.replace("<head>", '<head><base target="_blank">', 1)
        return HTMLResponse(shown, headers=_headers(_MESSAGE_POLICY))

    @app.delete("/inbox/api/messages", status_code=204)
    async def clear() -> Response:
        """Throw every message away."""
        await inbox.clear()
        return Response(status_code=204)

    return app


def _summary(kept: StoredMessage) -> MessageSummary:
    return MessageSummary(
        id=kept.id,
        at=kept.at_us,
        sender=kept.sender,
        to=kept.to,
        subject=kept.subject,
        preview=" ".join(kept.text.split())[:140],
        links=kept.links,
    )


def _headers(policy: str) -> dict[str, str]:
    # Links carry secrets, which must not travel on in a Referer.
    return {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
