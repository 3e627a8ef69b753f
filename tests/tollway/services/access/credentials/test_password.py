"""Username and password."""

import pytest

from tests.kit.credentials import CredentialStage, kept
from tollway.contracts.access_pb2 import PasswordCredential
from tollway.contracts.errors import BadCredentials
from tollway.kit.errors import Invalid
from tollway.services.access.credentials import Presented, Public
from tollway.services.access.credentials.kind import digest
from tollway.services.access.credentials.password import PASSWORD


def test_what_is_made_is_what_a_client_presents() -> None:
    made = PASSWORD.make("", [])
    stored = kept(PASSWORD, made)
    presented = PASSWORD.parse(PasswordCredential(username=made.identifier, secret=made.secret))
    assert presented == Presented(made.identifier, made.secret)
    assert PASSWORD.verify(presented, [stored]) is stored


def test_of_the_secret_only_the_digest_is_kept_and_the_username_is_shown() -> None:
    made = PASSWORD.make("", [])
    stored = kept(PASSWORD, made)
    assert stored.secret_sha256 == digest(made.secret)
    assert made.secret not in repr(stored)
    assert PASSWORD.public(stored) == Public(username=made.identifier)


def test_no_two_are_alike() -> None:
    many = [PASSWORD.make("", []) for _ in range(100)]
    assert len({one.identifier for one in many}) == len({one.secret for one in many}) == 100


def test_anything_but_the_secret_is_refused() -> None:
    made = PASSWORD.make("", [])
    stored = kept(PASSWORD, made)
    for wrong in (
        "",
        "wrong",
        made.secret + "x",
        made.secret[:-1],
        made.secret.upper(),
        stored.secret_sha256,
    ):
        assert PASSWORD.verify(Presented(made.identifier, wrong), [stored]) is None
    assert PASSWORD.verify(Presented("nobody", made.secret), []) is None


def test_a_password_has_no_public_key() -> None:
    with pytest.raises(Invalid, match="public_key"):
        PASSWORD.make("ssh-ed25519 AAAA", [])


async def test_a_node_is_granted_its_access_until_it_is_revoked(node: CredentialStage) -> None:
    resource = await node.resource()
    issued, other = [await node.issue(resource.id, "password") for _ in range(2)]
    name = issued.credential.identifier
    good = PasswordCredential(username=name, secret=issued.secret)
    grant = await node.authenticate(password=good)
    assert (grant.resource_id, grant.credential_id) == (resource.id, issued.credential.id)
    await node.revoke(issued)
    with pytest.raises(BadCredentials):
        await node.authenticate(password=good)
    # Its sibling goes on.
    sibling = PasswordCredential(username=other.credential.identifier, secret=other.secret)
    assert (await node.authenticate(password=sibling)).credential_id == other.credential.id


async def test_the_secret_of_another_access_does_not_fit(node: CredentialStage) -> None:
    mine, theirs = await node.resource(), await node.resource("usr_2")
    one = await node.issue(mine.id, "password")
    two = await node.issue(theirs.id, "password", user_id="usr_2")
    with pytest.raises(BadCredentials):
        await node.authenticate(
            password=PasswordCredential(username=one.credential.identifier, secret=two.secret)
        )


async def test_the_secret_is_shown_once_and_not_stored(node: CredentialStage) -> None:
    resource = await node.resource()
    given = await node.issue_over_rest(resource.id, kind="password")
    assert given["token"] is None
    secret = given["password"]
    shown = await node.shown(resource.id)
    assert given["username"] in shown
    for text in (shown, await node.stored()):
        assert secret not in text
    assert digest(secret) in await node.stored()
    assert digest(secret) not in shown
