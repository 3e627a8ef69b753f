"""The pages that links in mails lead to: one page that posts the link's token to the API."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from tollway.fabric.rest import route
from tollway.services.identity.service import Identity

_PAGE = Path(__file__).with_name("link.html")


def add_routes(routes: APIRouter, _service: Identity) -> None:
    """Add the routes of the pages."""
    page = _PAGE.read_text("utf-8")

    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers={"Referrer-Policy": "no-referrer"})

    for path in ("/verify-email", "/reset-password"):
        declared = route(permission="public", content="page")
        routes.add_api_route(path, show, include_in_schema=False, response_class=HTMLResponse, **declared)
