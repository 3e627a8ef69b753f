"""Source addresses: let in without a password, by whoever was seen to come from there, and nobody else."""

import asyncio

import pytest

from tests.kit.credentials import CredentialStage, kept
from tests.kit.metering import USER
from tollway.contracts.access_pb2 import SourceAddressCredential
from tollway.contracts.errors import BadCredentials
from tollway.kit.errors import Conflict, Invalid
from tollway.services.access import store
from tollway.services.access.credentials import Public
from tollway.services.access.credentials.source_address import SOURCE_ADDRESS
from tollway.services.access.service.credentials import Issued
from tollway.services.access.store.changes import SOURCE_ADDRESS_ADDED

HOME, OFFICE = "198.51.100.7", "2001:db8:1:2::5"


def source(address: str) -> dict[str, SourceAddressCredential]:
    return {"source_address": SourceAddressCredential(address=address)}


async def register(node: CredentialStage, resource_id: str, address: str, caller: str, **more: str) -> Issued:
    return await node.issue(resource_id, "source_address", address=address, caller=caller, **more)


def test_there_is_nothing_to_keep_secret() -> None:
    made = SOURCE_ADDRESS.make(f"{HOME}/32", [])
    stored = kept(SOURCE_ADDRESS, made)
    assert (made.secret, made.secret_sha256, made.public_key) == ("", "", "")
    assert SOURCE_ADDRESS.public(stored) == Public(network=f"{HOME}/32")
    presented = SOURCE_ADDRESS.parse(SourceAddressCredential(address=HOME))
    assert SOURCE_ADDRESS.verify(presented, [stored]) is stored
    assert SOURCE_ADDRESS.verify(presented, []) is None


@pytest.mark.parametrize("wrong", ["", "localhost", "198.51.100", "198.51.100.7:80", "198.51.100.0/24"])
def test_what_is_not_an_address_is_refused(wrong: str) -> None:
    with pytest.raises(BadCredentials):
        SOURCE_ADDRESS.parse(SourceAddressCredential(address=wrong))


async def test_clients_from_there_are_let_in_until_it_is_revoked_and_no_others(node: CredentialStage) -> None:
    resource = await node.resource()
    issued = await register(node, resource.id, HOME, HOME)
    for written in (HOME, f"::ffff:{HOME}"):
        grant = await node.authenticate(**source(written))
        assert (grant.resource_id, grant.credential_id) == (resource.id, issued.credential.id)
    for other in ("198.51.100.6", "198.51.100.8", "0.0.0.0", "::1", f"::{HOME}", f"64:ff9b::{HOME}"):
        with pytest.raises(BadCredentials):
            await node.authenticate(**source(other))
    await node.revoke(issued)
    with pytest.raises(BadCredentials):
        await node.authenticate(**source(HOME))


async def test_a_network_lets_in_all_of_it_and_its_edges_are_sharp(node: CredentialStage) -> None:
    resource = await node.resource()
    await register(node, resource.id, "2001:db8:1:2::/64", OFFICE)
    for inside in ("2001:db8:1:2::", OFFICE, "2001:db8:1:2:ffff:ffff:ffff:ffff"):
        assert (await node.authenticate(**source(inside))).resource_id == resource.id
    for outside in ("2001:db8:1:1:ffff:ffff:ffff:ffff", "2001:db8:1:3::"):
        with pytest.raises(BadCredentials):
            await node.authenticate(**source(outside))


async def test_only_who_comes_from_there_may_register_it(node: CredentialStage) -> None:
    resource = await node.resource()
    for address, caller in (
        (HOME, "198.51.100.8"),
        (HOME, OFFICE),
        ("2001:db8:1:3::/64", OFFICE),
        (HOME, ""),
    ):
        with pytest.raises(Invalid, match="address"):
            await register(node, resource.id, address, caller)


async def test_a_network_is_of_one_access_until_it_is_revoked(node: CredentialStage) -> None:
    mine, theirs = await node.resource(), await node.resource("usr_2")
    issued = await register(node, mine.id, "2001:db8:1:2::/64", OFFICE)
    for overlapping in ("2001:db8:1:2::/64", f"{OFFICE}/128", "2001:db8:1:2::/72"):
        with pytest.raises(Conflict, match="is registered"):
            await register(node, theirs.id, overlapping, OFFICE, user_id="usr_2")
        with pytest.raises(Conflict, match="is registered"):
            await register(node, mine.id, overlapping, OFFICE)
    await register(node, theirs.id, "2001:db8:1:3::/64", "2001:db8:1:3::1", user_id="usr_2")
    await node.revoke(issued)
    await register(node, theirs.id, f"{OFFICE}/128", OFFICE, user_id="usr_2")
    with pytest.raises(Conflict, match="is registered"):
        await register(node, mine.id, "2001:db8:1:2::/64", OFFICE)
    assert (await node.authenticate(**source(OFFICE))).resource_id == theirs.id


async def test_of_many_who_register_it_at_once_one_gets_it(node: CredentialStage) -> None:
    resources = [await node.resource(f"usr_{number}") for number in range(6)]
    results = await asyncio.gather(
        *(register(node, one.id, HOME, HOME, user_id=one.user_id) for one in resources),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Issued) for one in results) == 1
    assert all(isinstance(one, Issued | Conflict) for one in results)


async def test_nodes_are_told_that_they_may_have_refused_it_before(node: CredentialStage) -> None:
    resource = await node.resource()
    issued = await register(node, resource.id, HOME, HOME)
    async with node.access_setup.db.snapshot() as tx:
        *_, last = await store.changes.after(tx, 0, 100)
    assert (last.kind, last.credential_id) == (SOURCE_ADDRESS_ADDED, issued.credential.id)


async def test_it_is_shown_and_without_an_address_it_is_the_callers(node: CredentialStage) -> None:
    resource = await node.resource()
    path = f"/api/access/resources/{resource.id}/credentials"
    body = {"kind": "source_address", "label": "browser"}
    reply = await node.client.call("POST", path, body, USER, {"X-Forwarded-For": f"10.0.0.1, {HOME}"})
    assert reply.status == 201, reply.json
    assert (reply.json["username"], reply.json["password"], reply.json["token"]) == (None, None, None)
    assert reply.json["credential"]["address"] == f"{HOME}/32"
    assert f"{HOME}/32" in await node.shown(resource.id)


async def test_other_kinds_have_no_address_and_this_one_no_key(node: CredentialStage) -> None:
    resource = await node.resource()
    with pytest.raises(Invalid, match="address"):
        await node.issue(resource.id, "password", address=HOME, caller=HOME)
    with pytest.raises(Invalid, match="public_key"):
        await node.issue(resource.id, "source_address", "ssh-ed25519 AAAA", address=HOME, caller=HOME)
