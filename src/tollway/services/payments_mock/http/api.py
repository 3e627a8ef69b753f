"""Stripe's API: one handler for all of it, as the operations and their parameters are data."""

import logging

from fastapi import APIRouter, Request, Response

from tollway.kit.errors import Problem
from tollway.services.payments_mock.model.resources import API_VERSION
from tollway.services.payments_mock.service import ApiAnswer, ApiCall, PaymentsMock

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1_000_000
_TOO_LARGE = '{"error": {"message": "Request body too large.", "type": "invalid_request_error"}}'
_BROKEN = '{"error": {"message": "An unknown error occurred.", "type": "api_error"}}'


def router(service: PaymentsMock) -> APIRouter:
    """Serve /v1."""
    routes = APIRouter()

    async def handle(request: Request) -> Response:
        if (body := await read_body(request)) is None:
            return Response(_TOO_LARGE, 413, media_type="application/json")
        call = _call(request, body)
        try:
            return _render(await service.call(call), call)
        except Problem as problem:
            _log.warning("%s %s: %s", call.method, call.path, problem.detail)
            return Response(_BROKEN, 500, media_type="application/json")

    routes.add_api_route("/v1/{rest:path}", handle, methods=["GET", "POST", "DELETE"])
    return routes


async def read_body(request: Request) -> str | None:
    """Return the body as text, or None when it is larger than any request of the API."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_BODY_BYTES:
            return None
    return read.decode(errors="replace")


def base_url(request: Request) -> str:
    """Return the address that the caller used."""
    return str(request.base_url)


def _call(request: Request, body: str) -> ApiCall:
    headers = request.headers
    return ApiCall(
        method=request.method,
        path=request.url.path,
        form=body if request.method == "POST" else request.url.query,
        authorization=headers.get("authorization", ""),
        idempotency_key=headers.get("idempotency-key", ""),
        mock_fault=headers.get("mock-fault", ""),
        base_url=base_url(request),
    )


def _render(answer: ApiAnswer, call: ApiCall) -> Response:
    headers = {"Request-Id": answer.request_id, "Stripe-Version": API_VERSION, **answer.headers}
    if call.idempotency_key:
        headers["Idempotency-Key"] = call.idempotency_key
    return Response(answer.body, answer.status, headers, media_type="application/json")
