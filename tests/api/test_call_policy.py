"""Who may call which method, tried on both transports against every method of every API."""

import importlib
from types import ModuleType
from typing import Any

import pytest

from tests.kit.service_api import TRANSPORTS, Transport, api
from tollway.contracts import events_pb2, events_pb2_grpc
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
