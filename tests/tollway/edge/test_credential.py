"""Credentials: whatever its kind, a protocol passes one typed value and the access service gets just that."""

from itertools import combinations
from pathlib import Path

import pytest

from tests.kit.edges import FREE_PORTS, Client, edge_setup
from tests.kit.eventually import eventually
from tests.kit.fake_access import FakeAccess
from tollway.contracts.access_pb2 import (
    PasswordCredential,
    PublicKeyCredential,
    TokenCredential,
    WireGuardPeerCredential,
)
from tollway.edge.awaitable import AwaitableSession, serve_with
from tollway.edge.credential import Credential, authenticate_request, fingerprint
from tollway.edge.protocol_spec import ProtocolSpec
from tollway.edge.protocols import PROTOCOLS
from tollway.edge.refusal import REFUSALS
from tollway.edge.settings import ListenerSettings

KINDS: dict[str, Credential] = {
    "password": PasswordCredential(username="alice", secret="s3cret"),
    "public_key": PublicKeyCredential(username="alice", algorithm="ssh-ed25519", key=b"s3cret"),
    "wireguard_peer": WireGuardPeerCredential(public_key=bytes(range(32))),
    "token": TokenCredential(token="alice"),
}
ALIKE = [
    PasswordCredential(username="alice"),
    PasswordCredential(secret="alice"),
    PasswordCredential(username="ali", secret="ce"),
    PasswordCredential(username="ali\0ce"),
    TokenCredential(token="ali\0ce"),
    WireGuardPeerCredential(public_key=b"alice"),
    PublicKeyCredential(username="alice"),
    PublicKeyCredential(algorithm="alice"),
    PublicKeyCredential(key=b"alice"),
]


def test_no_two_credentials_are_remembered_by_the_same_bytes() -> None:
    for one, other in combinations([*KINDS.values(), *ALIKE], 2):
        assert fingerprint(one) != fingerprint(other), (one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_carries_exactly_the_credential(kind: str) -> None:
    request = authenticate_request(KINDS[kind], "ssh", "192.0.2.1:7", "edge-1")
    assert request.WhichOneof("credential") == kind
    assert getattr(request, kind) == KINDS[kind]
    assert (request.protocol, request.client_address, request.node) == ("ssh", "192.0.2.1:7", "edge-1")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_protocol_may_present_any_kind(tmp_path: Path, kind: str) -> None:
    access = FakeAccess()
    access.add()

    async def serve(session: AwaitableSession) -> None:
        await session.authenticate(KINDS[kind])

    spec = ProtocolSpec("toy", "Toy", 7007, serve_with("toy", serve), dict.fromkeys(REFUSALS, ""), True)
    ports = FREE_PORTS | {"toy": ListenerSettings(host="", port=0)}
    async with edge_setup(tmp_path, access=access, protocols=(*PROTOCOLS, spec), listeners=ports) as here:
        client = await Client.connect(here.edge.ports["toy"])
        await eventually(lambda: access.presented)
        await client.rest()
        await client.close()
    (request,) = access.presented
    assert request.WhichOneof("credential") == kind
    assert getattr(request, kind) == KINDS[kind]


async def test_preferences_of_a_username_are_not_part_of_the_credential(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with edge_setup(tmp_path, access=access) as here:
        _, reply = await here.socks_ask("127.0.0.1", here.origin.port, "user-alice-session-a")
        assert reply == 0
    assert [request.password.username for request in access.presented] == ["alice"]
