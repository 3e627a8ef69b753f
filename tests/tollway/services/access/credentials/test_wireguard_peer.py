"""WireGuard peers."""

import base64

import pytest

from tests.kit.credentials import CredentialStage, kept
from tollway.contracts.access_pb2 import WireGuardPeerCredential
from tollway.contracts.errors import BadCredentials
from tollway.kit.errors import Conflict, Invalid
from tollway.services.access.credentials import Public
from tollway.services.access.credentials.wireguard_peer import WIREGUARD_PEER

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_a_peer_is_who_its_public_key_says() -> None:
    made = WIREGUARD_PEER.make(f" {text(KEY)}\n", [])
    stored = kept(WIREGUARD_PEER, made)
    assert (made.secret, made.secret_sha256) == ("", "")
    presented = WIREGUARD_PEER.parse(WireGuardPeerCredential(public_key=KEY))
    assert presented.identifier == stored.identifier
    assert WIREGUARD_PEER.verify(presented, [stored]) is stored
    assert WIREGUARD_PEER.verify(presented, []) is None
    assert WIREGUARD_PEER.public(stored) == Public(public_key=text(KEY))


@pytest.mark.parametrize(
    "wrong",
    ["", "key", text(KEY[:31]), text(KEY + b"x"), text(bytes(32)), text(KEY)[:-1], KEY.hex(), "é" * 44],
)
def test_what_is_not_a_public_key_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid, match="wg pubkey"):
        WIREGUARD_PEER.make(wrong, [])


async def test_a_node_is_granted_its_access_until_it_is_revoked(node: CredentialStage) -> None:
    resource = await node.resource()
    issued = await node.issue(resource.id, "wireguard_peer", text(KEY))
    grant = await node.authenticate(wireguard_peer=WireGuardPeerCredential(public_key=KEY))
    assert (grant.resource_id, grant.credential_id) == (resource.id, issued.credential.id)
    for wrong in (OTHER_KEY, KEY[:31], b""):
        with pytest.raises(BadCredentials):
            await node.authenticate(wireguard_peer=WireGuardPeerCredential(public_key=wrong))
    await node.revoke(issued)
    with pytest.raises(BadCredentials):
        await node.authenticate(wireguard_peer=WireGuardPeerCredential(public_key=KEY))


async def test_a_key_is_of_one_access_until_it_is_revoked(node: CredentialStage) -> None:
    mine, theirs = await node.resource(), await node.resource("usr_2")
    issued = await node.issue(mine.id, "wireguard_peer", text(KEY))
    with pytest.raises(Conflict, match="in use"):
        await node.issue(theirs.id, "wireguard_peer", text(KEY), user_id="usr_2")
    await node.revoke(issued)
    await node.issue(theirs.id, "wireguard_peer", text(KEY), user_id="usr_2")
    grant = await node.authenticate(wireguard_peer=WireGuardPeerCredential(public_key=KEY))
    assert grant.resource_id == theirs.id


async def test_the_public_key_is_shown_and_there_is_no_secret(node: CredentialStage) -> None:
    resource = await node.resource()
    given = await node.issue_over_rest(resource.id, kind="wireguard_peer", public_key=text(KEY))
    assert (given["username"], given["password"], given["token"]) == (None, None, None)
    assert given["credential"]["public_key"] == text(KEY)
    assert text(KEY) in await node.shown(resource.id)
