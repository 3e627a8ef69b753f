"""The description of the whole API: one committed document, and one page that draws it without any other host."""

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from tollway.fabric.rest import problem_types
from tollway.fabric.rest.policy import PUBLIC, route

HERE = Path(__file__).parent
DOCUMENT = HERE / "openapi.json"
PAGE = HERE / "docs.html"


def router() -> APIRouter:
    """Make the routes of the document and its page; every process serves the whole, whatever services it runs."""
    api = APIRouter(include_in_schema=False)

    @api.get("/api/openapi.json", **route(permission=PUBLIC, content="page"))
    async def document() -> Response:
        return Response(_read(DOCUMENT), media_type="application/json")

    @api.get("/api/docs", **route(permission=PUBLIC, content="page"))
    async def page() -> Response:
        return Response(_read(PAGE), media_type="text/html; charset=utf-8")

    problem_types.add_routes(api)
    return api


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()
