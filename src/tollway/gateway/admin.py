"""The admin API: what the gateway does, how it routes, and the few things that an operator may make it do.

It is an ordinary REST application, served on a port of its own that is bound to loopback by default. Reading needs no
credential: it shows what /metrics shows, and never the values of headers. What changes something needs the access
token of an operator, checked as any service would. No second secret is kept for it: when no token can be had,
SIGHUP reloads the routes and SIGTERM drains, and who may send those may do everything already.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.base import RequestResponseEndpoint

from tollway.fabric.access_tokens import Verifier
from tollway.fabric.admin import HEALTH, Page, metrics_page
from tollway.fabric.hosts import Hosts
from tollway.fabric.rest import problems
from tollway.gateway.listen.server import Gateway
from tollway.gateway.route.table import CompiledRoute, InvalidRoutes
from tollway.gateway.upstream.cluster import Cluster
from tollway.kit.errors import MEDIA_TYPE, Forbidden, Invalid, Misdirected, Unauthenticated, problem_document

OPERATOR = "admin"  # the role that may change things


def admin_app(gateway: Gateway, verifier: Verifier, pages: Mapping[str, Page], hosts: Hosts) -> FastAPI:
    """Make the application. `pages` are more pages by path, such as the status page.

    It answers for its own `hosts` only: a page that leads a name of its own here (DNS rebinding) reads nothing.
    """
    app = FastAPI(
        title="Tollway gateway", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    shown = {
        **{path.decode(): page for path, page in gateway.context.pages.items()},
        "/metrics": metrics_page(gateway.registry),
        **pages,
    }
    asked = {HEALTH.decode(), *pages}
    for path, page in shown.items():
        refresh = gateway.context.refresh_health if path in asked else None
        app.add_api_route(path, _show(page, refresh), methods=["GET", "HEAD"])
    app.include_router(_router(gateway, verifier))
    problems.install(app)

    @app.middleware("http")
    async def check_host(request: Request, go_on: RequestResponseEndpoint) -> Response:
        if hosts.answers(request.headers.get("host", "").encode("latin-1")):
            return await go_on(request)
        document = problem_document(Misdirected(), request.url.path, "")
        return JSONResponse(document, Misdirected.status, media_type=MEDIA_TYPE)

    del check_host  # the application has it
    return app


def _show(page: Page, refresh: Callable[[], Awaitable[None]] | None):
    async def show() -> Response:
        if refresh is not None:
            await refresh()
        status, media_type, body = page()
        return Response(body, status, {"Cache-Control": "no-store"}, media_type.decode())

    return show


def _router(gateway: Gateway, verifier: Verifier) -> APIRouter:
    router = APIRouter()
    routes = gateway.routes

    async def operator(request: Request) -> None:
        """Raise Unauthenticated or Forbidden unless an operator's access token came with the request."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send the access token of an operator, from /api/auth/token")
        claims = await verifier.verify(token)
        gateway.authenticator.revocations.check(claims)
        if OPERATOR not in claims.roles:
            raise Forbidden("this needs the role admin")

    @router.get("/admin/routes")
    async def list_routes() -> dict[str, Any]:
        table = gateway.context.table
        return {"error": routes.error, "routes": [_route(one) for one in table.routes.values()]}

    @router.post("/admin/routes/reload")
    async def reload_routes(_: Annotated[None, Depends(operator)]) -> dict[str, Any]:
        try:
            routes.load()
        except InvalidRoutes as error:
            raise Invalid(f"{error}; the routes stay as they were") from error
        return {"routes": len(gateway.context.table.routes)}

    @router.get("/admin/clusters")
    async def list_clusters() -> dict[str, Any]:
        return {"clusters": [_cluster(one) for one in gateway.context.table.clusters.values()]}

    @router.post("/admin/drain", status_code=202)
    async def drain(_: Annotated[None, Depends(operator)]) -> dict[str, Any]:
        gateway.drain()
        return {
            "connections": len(gateway.connections),
            "requests": gateway.requests_under_way,
            "websockets": len(gateway.context.tunnels),
        }

    del list_routes, reload_routes, list_clusters, drain  # the router has them
    return router


def _route(compiled: CompiledRoute) -> dict[str, Any]:
    route = compiled.route
    return {
        "name": route.name,
        "hosts": route.hosts,
        "path": route.path,
        "prefix": route.prefix,
        "methods": route.methods,
        "headers": list(route.headers),
        "kind": route.kind,
        "auth": route.auth,
        "limit": route.limit,
        "cluster": compiled.cluster.name,
        "retries": route.retries,
        "body_limit_bytes": route.body_limit_bytes,
        "time_limit_s": route.time_limit_s,
    }


def _cluster(cluster: Cluster) -> dict[str, Any]:
    return {
        "name": cluster.name,
        "endpoints": [
            {
                "address": one.address,
                "breaker": "open" if one.is_open else "closed",
                "requests": one.active,
                "connections": len(one.pool.connections),
                "idle_connections": one.pool.idle,
            }
            for one in cluster.endpoints
        ],
    }
