"""What the `type` of a problem document leads to: a page about each problem, and the list of all (RFC 9457, 4)."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tollway.fabric.rest.policy import PUBLIC, route
from tollway.kit.errors import TYPE_BASE, NotFound, Problem

_STYLE = "body{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}"


def add_routes(api: APIRouter) -> None:
    """Add the routes below /problems: HTML for a browser, JSON for everybody else."""

    @api.get("/problems", **route(permission=PUBLIC, content="page"))
    async def problems(request: Request) -> Response:
        found = [_describe(kind) for kind in sorted(Problem.by_code.values(), key=lambda one: one.code)]
        return _answer(request, found, {"items": found})

    @api.get("/problems/{code}", **route(permission=PUBLIC, content="page"))
    async def problem(code: str, request: Request) -> Response:
        kind = Problem.by_code.get(code)
        if kind is None:
            raise NotFound(f"no problem has this code; {TYPE_BASE.rstrip('/')} lists all")
        found = _describe(kind)
        return _answer(request, [found], found)


def _describe(kind: type[Problem]) -> dict[str, Any]:
    return {
        "type": TYPE_BASE + kind.code,
        "code": kind.code,
        "status": kind.status,
        "title": kind.title,
        "detail": kind.hint or kind.title,
    }


def _answer(request: Request, rows: list[dict[str, Any]], document: dict[str, Any]) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(document, headers={"Vary": "Accept"})
    lines = [
        f'<tr><td><a href="{row["type"]}">{row["code"]}</a><td>{row["status"]}<td>{escape(row["title"])}'
        f"<td>{escape(row['detail'])}"
        for row in rows
    ]
    head = "<tr><th>code<th>status<th>title<th>what it means"
    page = f"<!doctype html><html lang=en><title>Problems</title><style>{_STYLE}</style><h1>Problems</h1>"
    return HTMLResponse(f"{page}<table>{head}{''.join(lines)}</table>", headers={"Vary": "Accept"})
