"""One API call: who asks, what for, is it a repeat, what is the answer.

The answer to a POST with an Idempotency-Key is stored in the transaction that did the work, so that a repeat
gets the same answer and does nothing, even when the first answer was lost on the way. A refusal that changed
nothing is not stored: the key may be used again.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tollway.fabric.db import Tx
from tollway.services.payments_mock import store
from tollway.services.payments_mock.model import forms
from tollway.services.payments_mock.model.refusals import Declined, Refused
from tollway.services.payments_mock.providers.stripe import check
from tollway.services.payments_mock.service import (
    charges,
    checkout,
    customers,
    disputes,
    lists,
    payment_intents,
    payment_methods,
    products,
    setup_intents,
    webhooks,
)
from tollway.services.payments_mock.service.api_context import ApiContext, MockRoute

Json = dict[str, Any]

ROUTES: Sequence[MockRoute] = [
    *customers.ROUTES,
    *payment_methods.ROUTES,
    *payment_intents.ROUTES,
    *setup_intents.ROUTES,
    *charges.ROUTES,
    *disputes.ROUTES,
    *products.ROUTES,
    *checkout.ROUTES,
    *webhooks.ROUTES,
]
KEY_LIFE_US = 24 * 3_600 * 1_000_000
MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class ApiCall:
    """An API request as it came in. `form` is the query string of a GET, else the body."""

    method: str
    path: str
    form: str = ""
    authorization: str = ""
    idempotency_key: str = ""
    mock_fault: str = ""
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What is answered, and with which headers. `body` is JSON text."""

    status: int
    body: str
    request_id: str
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was understood: its operation, its parameters, the ids in its path."""

    route: MockRoute
    params: Json
    refs: Sequence[str]


def authenticate(header: str) -> None:
    """Check the API key: any test key is good, a live key has no business here. Raises Refused."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            credentials = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except ValueError:
            credentials = ""
    if not credentials:
        text = "You did not provide an API key. Send it as `Authorization: Bearer YOUR_SECRET_KEY`."
        raise Refused(401, text)
    if credentials.startswith(("sk_live_", "rk_live_")):
        raise Refused(401, "This is a mock for development. It takes test keys only, never a live key.")
    if not credentials.startswith(("sk_test_", "rk_test_")):
        raise Refused(401, f"Invalid API Key provided: {'*' * 8}{credentials[-4:]}")


def understand(call: ApiCall) -> Asked:
    """Find the operation and check its parameters. Raises Refused."""
    parts = call.path.split("/")
    for route in ROUTES:
        if (refs := route.refs(call.method, parts)) is not None:
            return Asked(route, check(route.params, forms.decode(call.form)), refs)
    text = f"Unrecognized request URL ({call.method}: {call.path[:200]}). This mock knows a part of the API only."
    raise Refused(404, text)


async def carry_out(context: ApiContext, asked: Asked) -> tuple[int, str]:
    """Do what was asked; return the status and the body. A decline is an answer too: what it booked stands."""
    try:
        body = await asked.route.run(context, asked.params, asked.refs)
        body = await lists.expand(context, body, asked.params.get("expand", ()))
    except Declined as declined:
        return declined.status, json.dumps({"error": declined.error})
    return 200, json.dumps(body)


async def repeated(tx: Tx, call: ApiCall) -> ApiAnswer | None:
    """Take the call's Idempotency-Key; return the stored answer when it is a repeat.

    Raises Refused (idempotency_error) when the key was used with other parameters.
    """
    key = call.idempotency_key
    if len(key) > MAX_KEY:
        raise Refused(
            400, f"Idempotency keys can be up to {MAX_KEY} characters long.", kind="idempotency_error"
        )
    text = json.dumps([call.method, call.path, forms.decode(call.form)], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = await store.claim_key(tx, key, digest, tx.now_us - KEY_LIFE_US)
    if known is None:
        return None
    if known.request_hash != digest:
        text = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{key}' if you meant to execute a different request."
        )
        raise Refused(400, text, kind="idempotency_error")
    headers = {"Idempotent-Replayed": "true", "Original-Request": known.request_id}
    return ApiAnswer(known.status, known.body, known.request_id, headers)
