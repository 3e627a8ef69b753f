"""ETag and If-None-Match (RFC 9110, section 13) for single resources."""

import hashlib
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

TAGGED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has the current version already"}}
"""The `responses` of a route that answers with `tagged`."""


def tagged(request: Request, view: BaseModel) -> Response:
    """Answer with `view` and the tag of its contents, or 304 without a body to who has it already."""
    body = view.model_dump_json()
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _matches(condition: str, tag: str) -> bool:
    # Compared weakly, as for every GET: a tag that a proxy weakened still matches.
    given = [one.strip().removeprefix("W/") for one in condition.split(",")]
    return condition.strip() == "*" or tag in given
