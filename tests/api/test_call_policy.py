"""Who may call which method, tried on both transports against every method of every API."""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.kit.service_api import TRANSPORTS, Transport, api
from tollway.contracts import events_pb2, events_pb2_grpc, ledger_pb2
from tollway.contracts.books import customer, platform
from tollway.contracts.call_rules import RULES
from tollway.contracts.chart import KIND_OWNERS
from tollway.fabric.events.pull import OutboxServer
from tollway.fabric.rpc.policy import service_of
from tollway.fabric.service import methods_of
from tollway.kit.errors import Forbidden, NotFound
from tollway.topology import EDGE, GATEWAY, OPERATOR, SERVICES, call_policy, subscribers_of

APIS = {name: service.api for name, service in SERVICES.items() if service.api is not None}
EVERYBODY = (*SERVICES, GATEWAY, EDGE, OPERATOR, "stranger")


class Answers:
    """Stands for any servicer: each method answers with an empty message of its kind."""

    def __init__(self, generated: ModuleType) -> None:
        self.messages = Messages(generated)

    def __getattr__(self, method: str) -> Any:
        answer, streams = self.messages.answers[method]

        async def one(request: Any, context: Any) -> Any:
            return answer()

        async def several(request: Any, context: Any) -> Any:
            yield answer()

        return several if streams else one


class Messages:
    """Reads the messages of each method out of the generated descriptors."""

    def __init__(self, generated: ModuleType) -> None:
        pb = importlib.import_module(generated.__name__.removesuffix("_grpc"))
        (service,) = pb.DESCRIPTOR.services_by_name.values()
        self.requests: dict[str, Any] = {}
        self.answers: dict[str, tuple[Any, bool]] = {}
        for method in service.methods:
            self.requests[method.name] = method.input_type._concrete_class
            self.answers[method.name] = (method.output_type._concrete_class, method.server_streaming)


async def call(stub: Any, messages: Messages, method: str) -> None:
    answer = getattr(stub, method)(messages.requests[method]())
    await (anext(answer) if messages.answers[method][1] else answer)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", APIS)
async def test_each_method_admits_its_declared_callers_and_nobody_else(
    name: str, transport: Transport
) -> None:
    generated, policy = APIS[name], call_policy()
    answers = Answers(generated)
    async with api(transport, generated, answers, policy=policy) as mounted:
        for caller in EVERYBODY:
            stub = mounted.asked_by(caller)
            for method in methods_of(generated):
                if caller in policy[name][method]:
                    await call(stub, answers.messages, method)
                    continue
                with pytest.raises(Forbidden, match=rf"{caller} may not call {name}\.{method}"):
                    await call(stub, answers.messages, method)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_log_of_events_is_read_by_its_subscribers_only(transport: Transport) -> None:
    servicer = OutboxServer({name: subscribers_of(name) for name in SERVICES})
    async with api(transport, events_pb2_grpc, servicer, policy=call_policy()) as mounted:
        for caller in ("access", "audit", "notifications", "orders", EDGE):
            for source in SERVICES:
                # A subscriber is let in, and told that nothing publishes in this process.
                refusal = NotFound if caller in subscribers_of(source) else Forbidden
                with pytest.raises(refusal):
                    await mounted.asked_by(caller).Read(events_pb2.ReadRequest(service=source))


def test_a_method_that_the_policy_omits_is_for_nobody() -> None:
    policy = call_policy()
    assert service_of("/tollway.ledger.v1.Ledger/Post") == ("ledger", "Post")
    assert "Invented" not in policy["ledger"]


# ── what a caller may send ──────────────────────────────────────────────────────────────────────────────

LEDGER_CALLERS = ("orders", "payments", "catalog", "access")
OWN = {
    "orders": platform("orders", "USD", "fee"),
    "payments": platform("payments", "USD", "clearing"),
    "catalog": platform("catalog", "bandwidth.x", "inventory"),
    "access": platform("access", "bandwidth.x", "consumed"),
}
ANN = customer("usr_ann", "USD")


KINDS = {
    caller: next(kind for kind, owner in KIND_OWNERS.items() if owner == caller)
    for caller in OWN
    if caller in KIND_OWNERS.values()
}


def post(scope: str, *legs: ledger_pb2.Leg, code: str = "") -> ledger_pb2.PostRequest:
    return ledger_pb2.PostRequest(scope=scope, key="k", code=code or KINDS.get(scope, "issue"), legs=legs)


def leg(debit: ledger_pb2.AccountRef, credit: ledger_pb2.AccountRef, **more: Any) -> ledger_pb2.Leg:
    return ledger_pb2.Leg(kind=ledger_pb2.LEG_KIND_POST, debit=debit, credit=credit, amount=1, **more)


def attacks(caller: str) -> Iterator[tuple[str, Any]]:
    """Give what this caller may not send to the ledger, by method."""
    for scope in {*EVERYBODY, "wallet", "ledger", "", caller.upper(), f"{caller} ", f"{caller}\x00"} - {
        caller
    }:
        yield "Post", post(scope, leg(OWN[caller], ANN))
        yield "Reverse", ledger_pb2.ReverseRequest(transaction_id="txn_1", scope=scope, key="k")
    for owner, account in OWN.items():
        if owner == caller or (caller, owner) == ("orders", "catalog"):
            continue
        yield "Post", post(caller, leg(account, ANN))
        yield "Post", post(caller, leg(ANN, account))
        yield "Post", post(caller, leg(OWN[caller], ANN), leg(ANN, OWN[caller]), leg(account, ANN))
        hold = ledger_pb2.Leg(kind=ledger_pb2.LEG_KIND_HOLD, debit=account, credit=ANN, amount=1)
        yield "Post", post(caller, hold)
        for role in ("deferred", "revenue", "breakage"):
            accounts: Any = {role: account}
            terms = ledger_pb2.LotTerms(cost=1, **accounts)
            yield "Post", post(caller, leg(OWN[caller], ANN, lot=terms))
        reserve = ledger_pb2.ReserveRequest(hold_id="hld_1", to=account, want=1)
        getattr(reserve, "from").CopyFrom(ANN)
        yield "Reserve", reserve
        from_platform = ledger_pb2.ReserveRequest(hold_id="hld_1", to=OWN[caller], want=1)
        getattr(from_platform, "from").CopyFrom(account)
        yield "Reserve", from_platform


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("caller", LEDGER_CALLERS)
async def test_a_service_books_in_its_own_name_and_on_its_own_accounts(
    caller: str, transport: Transport
) -> None:
    generated, policy = APIS["ledger"], call_policy()
    answers = Answers(generated)
    async with api(transport, generated, answers, policy=policy, rules=RULES) as mounted:
        stub = mounted.asked_by(caller)
        for method, request in attacks(caller):
            with pytest.raises(Forbidden):
                await getattr(stub, method)(request)
        if caller in policy["ledger"]["Post"]:
            await stub.Post(post(caller, leg(OWN[caller], ANN), leg(ANN, OWN[caller])))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_kind_of_transaction_is_posted_by_the_service_that_declares_it_and_by_no_other(
    transport: Transport,
) -> None:
    """A catalogue that is taken over cannot say that a customer has paid."""
    generated, policy = APIS["ledger"], call_policy()
    async with api(transport, generated, Answers(generated), policy=policy, rules=RULES) as mounted:
        for caller in policy["ledger"]["Post"]:
            stub = mounted.asked_by(caller)
            for kind in (*KIND_OWNERS, "", "gift", "deposit ", "DEPOSIT"):
                request = post(caller, leg(OWN[caller], ANN), code=kind or "\t")
                if KIND_OWNERS.get(kind) == caller:
                    await stub.Post(request)
                    continue
                with pytest.raises(Forbidden, match="posts no transactions of the kind"):
                    await stub.Post(request)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_orders_takes_what_it_sells_out_of_the_catalogues_inventory(transport: Transport) -> None:
    generated = APIS["ledger"]
    async with api(transport, generated, Answers(generated), policy=call_policy(), rules=RULES) as mounted:
        await mounted.asked_by("orders").Post(post("orders", leg(OWN["catalog"], ANN)))
        with pytest.raises(Forbidden, match="may not book on catalog's account 'issuance'"):
            issuance = platform("catalog", "bandwidth.x", "issuance")
            await mounted.asked_by("orders").Post(post("orders", leg(issuance, ANN)))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_how_far_events_were_read_is_noted_for_the_caller_alone(transport: Transport) -> None:
    """A reader that says it has read everything would have others' events forgotten."""
    noted: list[tuple[str, int]] = []

    class Outbox:
        async def acknowledge(self, reader: str, position: int) -> None:
            noted.append((reader, position))

        async def read(self, after: int, limit: int, wait_s: float) -> list[Any]:
            return []

    servicer = OutboxServer({name: subscribers_of(name) for name in SERVICES})
    servicer.add("identity", Outbox())
    async with api(transport, events_pb2_grpc, servicer, policy=call_policy()) as mounted:
        for reader, position in (("access", 7), ("audit", 2**62)):
            await mounted.asked_by(reader).Read(events_pb2.ReadRequest(service="identity", after=position))
    assert noted == [("access", 7), ("audit", 2**62)]
