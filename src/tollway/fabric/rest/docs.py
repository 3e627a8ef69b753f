"""The description of the whole API: one committed document, and one page that draws it without any other host."""

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse

HERE = Path(__file__).parent
DOCUMENT = HERE / "openapi.json"
PAGE = HERE / "docs.html"


def install(app: FastAPI) -> None:
    """Serve the document and its page; every process serves the whole, whatever rooms it runs."""
    app.add_route("/api/openapi.json", _document)
    app.add_route("/api/docs", _page)


async def _document(_request: Request) -> FileResponse:
    return FileResponse(DOCUMENT, media_type="application/json")


async def _page(_request: Request) -> FileResponse:
    return FileResponse(PAGE, media_type="text/html; charset=utf-8")
