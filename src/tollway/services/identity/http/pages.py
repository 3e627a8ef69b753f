"""The pages that mails lead to: signing in, and one page that posts the token of a link to the API."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from tollway.fabric.rest import route
from tollway.services.identity.model import LINK_PAGES, LOGIN_PAGE
from tollway.services.identity.service import Identity

_HERE = Path(__file__).parent
_HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def add_routes(routes: APIRouter, _service: Identity) -> None:
    """Add the routes of the pages."""
    for path in LINK_PAGES.values():
        _add_page(routes, f"/{path}", "link.html")
    _add_page(routes, f"/{LOGIN_PAGE}", "login.html")


def _add_page(routes: APIRouter, path: str, file: str) -> None:
    style = (_HERE / "page.css").read_text("utf-8")
    page = (_HERE / file).read_text("utf-8").replace("/* page.css */", style)

    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers=_HEADERS)

    declared = route(permission="public", content="page")
    routes.add_api_route(path, show, include_in_schema=False, response_class=HTMLResponse, **declared)
