"""Bearer tokens."""

import pytest

from tests.kit.credentials import CredentialStage, kept
from tollway.contracts.access_pb2 import TokenCredential
from tollway.contracts.errors import BadCredentials
from tollway.kit.errors import Invalid
from tollway.services.access.credentials import Public
from tollway.services.access.credentials.kind import digest
from tollway.services.access.credentials.token import TOKEN


def test_a_token_is_found_by_its_digest() -> None:
    made = TOKEN.make("", [])
    stored = kept(TOKEN, made)
    presented = TOKEN.parse(TokenCredential(token=made.secret))
    assert presented.identifier == stored.identifier == digest(made.secret)
    assert TOKEN.verify(presented, [stored]) is stored
    assert TOKEN.verify(presented, []) is None


def test_the_token_is_kept_nowhere_and_has_no_public_part() -> None:
    made = TOKEN.make("", [])
    stored = kept(TOKEN, made)
    assert made.secret not in repr(stored)
    assert TOKEN.public(stored) == Public()


def test_no_two_are_alike() -> None:
    assert len({TOKEN.make("", []).secret for _ in range(100)}) == 100


def test_a_token_has_no_public_key() -> None:
    with pytest.raises(Invalid, match="public_key"):
        TOKEN.make("ssh-ed25519 AAAA", [])


async def test_a_node_is_granted_its_access_until_it_is_revoked(node: CredentialStage) -> None:
    mine, theirs = await node.resource(), await node.resource("usr_2")
    one = await node.issue(mine.id, "token")
    two = await node.issue(theirs.id, "token", user_id="usr_2")
    for issued in (one, two):
        grant = await node.authenticate(token=TokenCredential(token=issued.secret))
        assert (grant.resource_id, grant.user_id, grant.credential_id) == (
            issued.resource.id,
            issued.resource.user_id,
            issued.credential.id,
        )
    await node.revoke(one)
    with pytest.raises(BadCredentials):
        await node.authenticate(token=TokenCredential(token=one.secret))
    assert (await node.authenticate(token=TokenCredential(token=two.secret))).resource_id == theirs.id


async def test_anything_but_the_token_is_refused(node: CredentialStage) -> None:
    issued = await node.issue((await node.resource()).id, "token")
    # What is stored must not work in place of the token.
    for wrong in ("", "wrong", issued.secret + "x", issued.credential.identifier, issued.credential.id):
        with pytest.raises(BadCredentials):
            await node.authenticate(token=TokenCredential(token=wrong))


async def test_the_token_is_shown_once_and_not_stored(node: CredentialStage) -> None:
    resource = await node.resource()
    given = await node.issue_over_rest(resource.id, kind="token")
    assert (given["username"], given["password"]) == (None, None)
    shown, stored = await node.shown(resource.id), await node.stored()
    assert given["credential"]["id"] in shown
    assert given["token"] not in shown
    assert given["token"] not in stored
    assert digest(given["token"]) in stored
    assert digest(given["token"]) not in shown
