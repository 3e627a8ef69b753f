"""What happened at the mock, for the developer: requests, webhook deliveries, objects."""

import json
from html import escape
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from tollway.kit.times import to_rfc3339
from tollway.services.payments_mock.http.markup import link, page, table
from tollway.services.payments_mock.service import PaymentsMock

Json = dict[str, Any]


def router(service: PaymentsMock) -> APIRouter:
    """Serve the dashboard."""
    routes = APIRouter()

    async def overview() -> Response:
        seen = await service.overview()
        kinds = [[link(f"/mock/kinds/{kind}", kind), str(count)] for kind, count in seen.counts.items()]
        body = (
            "<h1>Payments mock</h1><p class='soft'>A payment provider for development. No money moves here.</p>"
            f"<section><h2>Objects</h2>{table(['Kind', 'How many'], kinds, 'Nothing yet.')}</section>"
            f"<section><h2>Requests</h2>{_requests(seen.requests)}</section>"
            f"<section><h2>Webhook deliveries</h2>{_deliveries(seen.deliveries)}</section>"
            f"<section><h2>Planned faults</h2>{_faults(seen.faults)}</section>"
        )
        return page("Payments mock", body, wide=True)

    async def kind(kind: str) -> Response:
        rows = [
            [link(f"/mock/objects/{body['id']}", body["id"]), _gist(body)]
            for body in await service.objects_of(kind)
        ]
        title = f"Latest objects: {kind}"
        body = f"<p>{link('/', '← Overview')}</p><section><h2>{escape(title)}</h2>{table(['Id', ''], rows, 'None.')}"
        return page(title, f"{body}</section>", wide=True)

    async def one(ref: str) -> Response:
        found = await service.object(ref)
        text = json.dumps(found, indent=2, sort_keys=True) if found else "There is no such object."
        body = f"<p>{link('/', '← Overview')}</p><section><h2>{escape(ref)}</h2><pre>{escape(text)}</pre></section>"
        return page(ref, body, wide=True, status=200 if found else 404)

    routes.add_api_route("/", overview, methods=["GET"])
    routes.add_api_route("/mock/kinds/{kind}", kind, methods=["GET"])
    routes.add_api_route("/mock/objects/{ref}", one, methods=["GET"])
    return routes


def _requests(rows: list[Json]) -> str:
    cells = [
        [
            _when(row["at_us"]),
            f"<code>{escape(row['method'])} {escape(row['path'])}</code>",
            f'<span class="{"good" if row["status"] < 300 else "bad"}">{row["status"]}</span>',
            f"<code>{escape(json.dumps(row['params'], ensure_ascii=False)[:160])}</code>",
            escape(row["note"]),
        ]
        for row in rows
    ]
    return table(["When", "Request", "Status", "Parameters", ""], cells, "No request yet.")


def _deliveries(rows: list[Json]) -> str:
    tone = {"delivered": "good", "failed": "bad"}
    cells = [
        [
            _when(row["created_at_us"]),
            link(f"/mock/objects/{row['event_id']}", row["event_id"]),
            f'<span class="{tone.get(row["state"], "soft")}">{escape(row["state"])}</span>',
            str(row["attempts"]),
            f"{row['last_status'] or ''} {escape(row['last_error'][:80])}",
        ]
        for row in rows
    ]
    return table(["Made", "Event", "State", "Attempts", "Last answer"], cells, "No delivery yet.")


def _faults(rows: list[Json]) -> str:
    cells = [[escape(str(row[name])) for name in ("kind", "match", "delay_s", "times_left")] for row in rows]
    return table(["Fault", "Where", "Seconds", "Times left"], cells, "None: everything works.")


def _gist(body: Json) -> str:
    names = ("status", "amount", "currency", "type", "email", "name", "url")
    shown = {name: body[name] for name in names if isinstance(body.get(name), (str, int))}
    return escape(", ".join(f"{name} {value}" for name, value in shown.items()))


def _when(at_us: int) -> str:
    return escape(to_rfc3339(at_us)[11:23])
