"""For whom a call is made: proved by the access token that comes with it, on both transports, at every method."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter

from tests.api.test_call_policy import APIS, Answers, call, leg, post
from tests.kit.clock import FakeClock
from tests.kit.rest import FakeVerifier, rest
from tests.kit.service_api import TRANSPORTS, Transport, api
from tollway.contracts import (
    catalog_pb2,
    identity_pb2,
    ledger_pb2,
    tokens_pb2,
    user_data_pb2,
    user_data_pb2_grpc,
)
from tollway.contracts.books import customer, platform
from tollway.contracts.call_rules import ACTING_RULES, NEEDS_TOKEN
from tollway.contracts.clients import ALL_SCOPES
from tollway.fabric.access_tokens import Principal
from tollway.fabric.rest import CurrentUser, route
from tollway.fabric.rpc import Call, LocalChannel, LocalServer, call_context, current
from tollway.fabric.rpc.acting import Acting
from tollway.fabric.rpc.own_token import OwnToken
from tollway.fabric.service import methods_of, serve, stub_of
from tollway.kit.errors import Forbidden, Unauthenticated
from tollway.kit.times import SECOND_US
from tollway.settings import load
from tollway.topology import SERVICES, call_policy, service_methods
from tollway.topology.process import Process
from tollway.topology.service_clients import ServiceClients

ANN, BOB, EVE, OLGA = "usr_ann", "usr_bob", "usr_eve", "usr_olga"
ROLES = {ANN: "customer", BOB: "customer", OLGA: "admin"}


class Issued:
    """Stands for checked tokens: `token of usr_ann` is Ann's, `token of orders` is that service's own."""

    def __init__(self) -> None:
        self.checked = 0

    def known(self, token: str) -> Principal | None:
        return None

    async def check(self, token: str) -> Principal:
        self.checked += 1
        user_id = token.removeprefix("token of ")
        if user_id in SERVICES:
            scopes = frozenset(service_methods().get(user_id, ()))
            return Principal(user_id, "tok_1", frozenset(), 0, 0, 2**60, kind="service", scopes=scopes)
        if user_id not in ROLES:
            raise Unauthenticated("the access token's signature is not good")
        return Principal(
            user_id, "ses_1", frozenset({ROLES[user_id]}), 0, 0, 2**60, scopes=frozenset({ALL_SCOPES})
        )


def acting() -> Acting:
    return Acting(Issued(), ACTING_RULES, NEEDS_TOKEN)


def own(caller: str, name: str, method: str) -> str:
    """Return what a caller presents at a method where it acts for nobody."""
    return f"token of {caller}" if f"{name}.{method}" in service_methods().get(caller, ()) else ""


class Watched(Answers):
    """Answers every method, and notes the call."""

    def __init__(self, generated: Any) -> None:
        super().__init__(generated)
        self.seen: list[Call] = []

    def __getattr__(self, method: str) -> Any:
        answers = super().__getattr__(method)
        streams = self.messages.answers[method][1]

        async def one(request: Any, context: Any) -> Any:
            self.seen.append(current())
            return await answers(request, context)

        async def several(request: Any, context: Any) -> Any:
            self.seen.append(current())
            async for answer in answers(request, context):
                yield answer

        return several if streams else one


@asynccontextmanager
async def mounted(name: str, transport: Transport) -> AsyncIterator[tuple[Any, Watched]]:
    watched = Watched(APIS[name])
    async with api(transport, APIS[name], watched, policy=call_policy(), acting=acting()) as found:
        yield found, watched


# ── every method, every caller ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_service_whose_tokens_key_was_dropped_goes_on_with_another(transport: Transport) -> None:
    """Or nobody could sign in and nothing be paid until the old one expires, which is up to an hour."""
    issued = iter(("signed with a key that was dropped", "token of orders", "token of orders"))
    clock = FakeClock()

    async def issue() -> tuple[str, int]:
        return next(issued), clock.now_us() + 3_600 * SECOND_US

    async with mounted("ledger", transport) as (found, watched):
        stub = found.asked_by("orders", own_token=OwnToken(service_methods()["orders"], issue, clock))
        for _ in range(2):
            await stub.Post(post("orders"))
        assert [seen.caller_service for seen in watched.seen] == ["orders", "orders"]
        with call_context(user_id=EVE, token=f"token of {EVE}"), pytest.raises(Unauthenticated):
            await stub.Post(post("orders"))
        assert next(issued) == "token of orders", "a person's token that is refused costs the service none"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", APIS)
async def test_who_is_named_without_a_token_is_the_service_that_names_them(
    name: str, transport: Transport
) -> None:
    async with mounted(name, transport) as (found, watched):
        for method in methods_of(APIS[name]):
            for caller in call_policy()[name][method]:
                ask = call(found.asked_by(caller), watched.messages, method)
                with call_context(user_id=OLGA, token=own(caller, name, method)):
                    if (name, method) == ("catalog", "Price"):
                        with pytest.raises(Forbidden, match="with the access token"):
                            await ask
                        continue
                    await ask
                assert (watched.seen[-1].user_id, watched.seen[-1].principal) == (caller, None), method


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", APIS)
async def test_a_token_proves_its_person_whoever_is_named(name: str, transport: Transport) -> None:
    async with mounted(name, transport) as (found, watched):
        for method in methods_of(APIS[name]):
            for caller in call_policy()[name][method]:
                with call_context(user_id=BOB, token=f"token of {OLGA}"):
                    await call(found.asked_by(caller), watched.messages, method)
                seen = watched.seen[-1]
                assert seen.principal is not None
                assert (seen.user_id, seen.principal.roles, seen.caller_service) == (
                    OLGA,
                    frozenset({"admin"}),
                    caller,
                )


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", APIS)
async def test_a_token_that_is_not_good_is_refused_by_every_method(name: str, transport: Transport) -> None:
    async with mounted(name, transport) as (found, watched):
        for method in methods_of(APIS[name]):
            for caller in call_policy()[name][method]:
                with (
                    call_context(user_id=EVE, token=f"token of {EVE}"),
                    pytest.raises(Unauthenticated, match="signature"),
                ):
                    await call(found.asked_by(caller), watched.messages, method)
        assert watched.seen == []


# ── as the service itself ───────────────────────────────────────────────────────────────────────────────

CHANGING = [(name, method) for name, methods in NEEDS_TOKEN.items() for method in sorted(methods)]
USER_DATA = {"user_data": user_data_pb2_grpc}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("name", "method"), CHANGING)
async def test_what_changes_something_takes_a_token_of_a_person_or_of_the_caller_itself(
    name: str, method: str, transport: Transport
) -> None:
    """Of all services' own tokens only the caller's is good, and only where it declares to call by itself."""
    watched = Watched((APIS | USER_DATA)[name])
    async with api(
        transport, (APIS | USER_DATA)[name], watched, policy=call_policy(), acting=acting()
    ) as found:
        for caller in call_policy()[name][method]:
            ask = found.asked_by(caller)
            with pytest.raises(Forbidden, match="takes an access token"):
                await call(ask, watched.messages, method)
            for other in {*SERVICES} - {caller}:
                with (
                    call_context(user_id="", token=f"token of {other}"),
                    pytest.raises(Forbidden, match=f"{caller} presents the access token of {other}"),
                ):
                    await call(ask, watched.messages, method)
            assert watched.seen == []
            assert f"{name}.{method}" in service_methods()[caller], (
                "nobody needs it: take it out of the manifest"
            )
            with call_context(user_id=OLGA, token=f"token of {caller}"):
                await call(ask, watched.messages, method)
            seen = watched.seen.pop()
            assert (seen.user_id, seen.principal, seen.token) == (caller, None, "")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", APIS)
async def test_a_services_own_token_is_good_for_its_methods_and_no_other(
    name: str, transport: Transport
) -> None:
    async with mounted(name, transport) as (found, watched):
        for method in methods_of(APIS[name]):
            for caller in call_policy()[name][method]:
                if own(caller, name, method) or caller not in SERVICES:
                    continue
                with (
                    call_context(user_id="", token=f"token of {caller}"),
                    pytest.raises(Forbidden, match=rf"{caller} does not call {name}\.{method} by itself"),
                ):
                    await call(found.asked_by(caller), watched.messages, method)


def test_by_itself_a_service_calls_what_it_declares_to_call_and_what_takes_a_token() -> None:
    for name, service in SERVICES.items():
        for api_name, methods in service.by_itself.items():
            for method in methods:
                assert name in call_policy()[api_name][method], f"{name} does not call {api_name}.{method}"
                assert method in NEEDS_TOKEN[api_name], f"{api_name}.{method} takes no token"


# ── whose things are asked for ──────────────────────────────────────────────────────────────────────────

ASKED_FOR_ANN: list[tuple[str, str, str, Any]] = [
    ("catalog", "Price", "orders", catalog_pb2.PriceRequest(buyer=ANN)),
    ("ledger", "ListAccounts", "orders", ledger_pb2.ListAccountsRequest(owner_kind="user", owner_id=ANN)),
    ("ledger", "ListAccounts", "access", ledger_pb2.ListAccountsRequest(owner_kind="user", owner_id=ANN)),
    ("ledger", "ListLots", "orders", ledger_pb2.ListLotsRequest(owner_kind="user", owner_id=ANN)),
    ("identity", "GetUser", "payments", identity_pb2.GetUserRequest(user_id=ANN)),
    ("tokens", "OpenSession", "identity", tokens_pb2.OpenSessionRequest(user_id=ANN)),
    ("tokens", "Revoke", "identity", tokens_pb2.RevokeRequest(user_id=ANN)),
]
NEEDS_A_TOKEN = {"Price", "ListAccounts", "ListLots"}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("name", "method", "caller", "request_"), ASKED_FOR_ANN)
async def test_what_is_anns_is_asked_for_with_her_token_or_an_operators(
    name: str, method: str, caller: str, request_: Any, transport: Transport
) -> None:
    async with mounted(name, transport) as (found, _):
        ask = getattr(found.asked_by(caller), method)
        for user_id in (ANN, OLGA):
            with call_context(user_id=user_id, token=f"token of {user_id}"):
                await ask(request_)
        with call_context(user_id=ANN, token=f"token of {BOB}"), pytest.raises(Forbidden, match="operator's"):
            await ask(request_)
        with call_context(user_id=ANN, token=own(caller, name, method)):
            if method in NEEDS_A_TOKEN:
                with pytest.raises(Forbidden, match="access token of the person"):
                    await ask(request_)
            else:
                await ask(request_)


OF_OPERATORS: list[tuple[str, str, Any]] = [
    ("DefineAsset", "catalog", ledger_pb2.DefineAssetRequest()),
    (
        "Post",
        "catalog",
        post("catalog", leg(platform("catalog", "b", "issuance"), platform("catalog", "b", "inventory"))),
    ),
    (
        "Post",
        "payments",
        post(
            "payments", leg(platform("payments", "USD", "adjustment"), customer(ANN, "USD")), code="correct"
        ),
    ),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("method", "caller", "request_"), OF_OPERATORS)
async def test_what_operators_do_takes_no_customers_token(
    method: str, caller: str, request_: Any, transport: Transport
) -> None:
    """With its own, the service goes on with what an operator began: a job after a crash."""
    async with mounted("ledger", transport) as (found, _):
        ask = getattr(found.asked_by(caller), method)
        for token in (f"token of {OLGA}", f"token of {caller}"):
            with call_context(user_id=OLGA, token=token):
                await ask(request_)
        with call_context(user_id=OLGA), pytest.raises(Forbidden, match="takes an access token"):
            await ask(request_)
        with (
            call_context(user_id=OLGA, token=f"token of {ANN}"),
            pytest.raises(Forbidden, match="operator's"),
        ):
            await ask(request_)


async def test_the_ledger_looks_up_whom_somebody_gives_to() -> None:
    async with mounted("identity", "local") as (found, _):
        with call_context(user_id=ANN, token=f"token of {ANN}"):
            await found.asked_by("ledger").GetUser(identity_pb2.GetUserRequest(user_id=BOB))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_is_kept_of_somebody_is_shown_to_them_and_to_operators(transport: Transport) -> None:
    answers = Watched(user_data_pb2_grpc)
    async with api(transport, user_data_pb2_grpc, answers, caller="users", acting=acting()) as found:

        async def export() -> None:
            await anext(found.stub.Export(user_data_pb2.ExportRequest(service="orders", user_id=ANN)))

        async def look() -> None:
            await found.stub.ListObstacles(user_data_pb2.ListObstaclesRequest(service="orders", user_id=ANN))

        for ask in (export, look):
            for user_id in (ANN, OLGA):
                with call_context(user_id=user_id, token=f"token of {user_id}"):
                    await ask()
            with (
                call_context(user_id=ANN, token=f"token of {BOB}"),
                pytest.raises(Forbidden, match="operator"),
            ):
                await ask()

        for ask, service in ((export, "users"), (look, "identity")):
            with call_context(user_id=ANN, token=f"token of {service}"):
                if service == "users":  # its jobs make the file; those of identity let somebody go
                    await ask()
                    continue
                with pytest.raises(Forbidden, match="users presents the access token of identity"):
                    await ask()


def test_every_rule_is_of_a_method_that_there_is() -> None:
    methods = {name: set(service.methods) for name, service in SERVICES.items()}
    methods["user_data"] = set(methods_of(user_data_pb2_grpc))
    assert all(rules.keys() <= methods[name] for name, rules in ACTING_RULES.items())


# ── through every hop ───────────────────────────────────────────────────────────────────────────────────


async def test_the_token_goes_through_every_hop_and_ends_with_the_request() -> None:
    """Orders asks the catalogue, and the catalogue the ledger: the ledger knows for whom."""
    server = LocalServer(acting=acting())
    ledger = Watched(importlib.import_module("tollway.contracts.ledger_pb2_grpc"))
    asks = stub_of(APIS["ledger"], LocalChannel(server, "catalog"))

    class Catalogue(Watched):
        def __getattr__(self, method: str) -> Any:
            async def one(request: Any, context: Any) -> Any:
                await asks.ListAccounts(
                    ledger_pb2.ListAccountsRequest(owner_kind="user", owner_id=request.buyer)
                )
                return catalog_pb2.PriceLine()

            return one

    serve(APIS["ledger"], ledger, server)
    serve(APIS["catalog"], Catalogue(APIS["catalog"]), server)
    catalogue = stub_of(APIS["catalog"], LocalChannel(server, "orders"))
    with call_context(user_id=ANN, token=f"token of {ANN}"):
        await catalogue.Price(catalog_pb2.PriceRequest(buyer=ANN))
        seen = ledger.seen[-1]
        assert (seen.user_id, seen.caller_service) == (ANN, "catalog")
        with call_context(user_id=ANN), pytest.raises(Forbidden):  # as a job does that Ann has caused
            await catalogue.Price(catalog_pb2.PriceRequest(buyer=ANN))
    assert current().token == ""


def test_a_call_does_not_show_its_token() -> None:
    shown = repr(Call("orders", ANN, token="a secret"))
    assert "a secret" not in shown
    assert ANN in shown


async def test_a_route_acts_with_the_token_that_it_was_asked_with() -> None:
    server = LocalServer(acting=Acting(BelievedTokens(), {}, {}))
    ledger = Watched(APIS["ledger"])
    serve(APIS["ledger"], ledger, server)
    asks = stub_of(APIS["ledger"], LocalChannel(server, "orders"))
    routes = APIRouter()

    @routes.get("/mine", **route(permission="orders:read"))
    async def mine(who: CurrentUser) -> None:
        await asks.ListAssets(ledger_pb2.ListAssetsRequest())

    @routes.get("/open", **route(permission="public"))
    async def everybodys() -> None:
        await asks.ListAssets(ledger_pb2.ListAssetsRequest())

    client = rest(routes)
    for path in ("/mine", "/open"):
        assert (await client.get(path, f"{OLGA}:admin")).status == 200
    asked, public = ledger.seen
    assert asked.principal is not None
    assert (asked.user_id, asked.principal.roles) == (OLGA, frozenset({"admin"}))
    assert (public.user_id, public.principal, public.token) == ("", None, "")


class BelievedTokens:
    """Checks tokens as the REST side of tests does."""

    def known(self, token: str) -> Principal | None:
        return None

    async def check(self, token: str) -> Principal:
        return await FakeVerifier().verify(token)


def test_every_process_with_services_proves_for_whom_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServiceClients, "_check_certificates", lambda _: None)
    settings = load({"data": str(tmp_path)}).settings
    for targets in (["business"], ["ledger"], ["tokens", "identity"]):
        apis = Process(settings, targets)._apis
        assert isinstance(apis.acting, Acting), targets
        assert apis.acting.rule("catalog", "Price") is not None
