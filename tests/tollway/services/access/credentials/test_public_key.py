"""SSH public keys."""

import base64
import hashlib

import pytest

from tests.kit.credentials import CredentialStage, kept, ssh_blob, ssh_line
from tollway.contracts.access_pb2 import PublicKeyCredential
from tollway.contracts.errors import BadCredentials
from tollway.kit.errors import Conflict, Invalid
from tollway.services.access.credentials import Presented
from tollway.services.access.credentials.public_key import PUBLIC_KEY

ED25519 = "ssh-ed25519"
KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
LINE, OTHER_LINE = ssh_line(ED25519, [KEY]), ssh_line(ED25519, [OTHER_KEY])
BLOB, OTHER_BLOB = ssh_blob(ED25519.encode(), KEY), ssh_blob(ED25519.encode(), OTHER_KEY)
RSA = [b"\x01\x00\x01", b"\x00" + b"\x91" * 256]


def encoded(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def test_a_key_is_kept_without_its_comment_and_shown_with_its_fingerprint() -> None:
    stored = kept(PUBLIC_KEY, PUBLIC_KEY.make(LINE, []))
    assert (stored.public_key, stored.secret_sha256) == (" ".join(LINE.split()[:2]), "")
    shown = PUBLIC_KEY.public(stored)
    assert (shown.username, shown.public_key) == (stored.identifier, stored.public_key)
    assert shown.fingerprint == "SHA256:" + encoded(hashlib.sha256(BLOB).digest()).rstrip("=")


@pytest.mark.parametrize(
    ("key_type", "strings"),
    [
        (ED25519, [KEY]),
        ("ecdsa-sha2-nistp256", [b"nistp256", b"\x04" + bytes(64)]),
        ("ecdsa-sha2-nistp384", [b"nistp384", b"\x04" + bytes(96)]),
        ("ecdsa-sha2-nistp521", [b"nistp521", b"\x04" + bytes(132)]),
        ("ssh-rsa", RSA),
    ],
)
def test_the_usual_types_are_accepted(key_type: str, strings: list[bytes]) -> None:
    line = ssh_line(key_type, strings)
    stored = kept(PUBLIC_KEY, PUBLIC_KEY.make(line, []))
    message = PublicKeyCredential(
        username=stored.identifier, algorithm=key_type, key=ssh_blob(key_type.encode(), *strings)
    )
    assert PUBLIC_KEY.verify(PUBLIC_KEY.parse(message), [stored]) is stored


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ED25519,
        LINE.split()[1],
        f"{ED25519} not-base64!",
        f"{ED25519} ééé=",
        f"ssh-rsa {encoded(BLOB)}",  # of another type than it says
        ssh_line("ssh-dss", [b"p", b"q", b"g", b"y"]),
        f'command="ls" {LINE}',
        f"{ED25519} {encoded(ssh_blob(ED25519.encode()))}",  # the type alone
        f"{ED25519} {encoded(BLOB[:-1])}",  # cut short
        f"{ED25519} {encoded(BLOB + b'x')}",  # something behind it
        ssh_line("ssh-rsa", RSA[:1]),
    ],
)
def test_what_is_not_a_key_is_refused(wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        PUBLIC_KEY.make(wrong, [])
    assert refused.value.extra["errors"][0]["field"] == "public_key"


def test_all_keys_of_an_access_share_a_username() -> None:
    first = kept(PUBLIC_KEY, PUBLIC_KEY.make(LINE, []))
    second = kept(PUBLIC_KEY, PUBLIC_KEY.make(OTHER_LINE, [first]), "crd_2")
    assert first.identifier == second.identifier
    found = [first, second]
    assert PUBLIC_KEY.verify(Presented(first.identifier, OTHER_BLOB), found) is second
    assert PUBLIC_KEY.verify(Presented(first.identifier, BLOB), found) is first
    assert PUBLIC_KEY.verify(Presented(first.identifier, BLOB[:-1]), found) is None
    assert PUBLIC_KEY.make(LINE, []).identifier != first.identifier


def test_rsa_keys_sign_under_names_of_their_own() -> None:
    blob = ssh_blob(b"ssh-rsa", *RSA)
    for algorithm in ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"):
        PUBLIC_KEY.parse(PublicKeyCredential(username="u", algorithm=algorithm, key=blob))


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("ssh-rsa", BLOB), ("rsa-sha2-256", BLOB), (ED25519, b"\0\0"), (ED25519, BLOB[:-1])],
)
def test_a_key_that_is_not_of_its_algorithm_is_refused(algorithm: str, key: bytes) -> None:
    with pytest.raises(BadCredentials):
        PUBLIC_KEY.parse(PublicKeyCredential(username="u", algorithm=algorithm, key=key))


async def test_a_node_is_granted_its_access_until_it_is_revoked(node: CredentialStage) -> None:
    resource = await node.resource()
    issued = await node.issue(resource.id, "public_key", LINE)
    other = await node.issue(resource.id, "public_key", OTHER_LINE)
    name = issued.credential.identifier

    def presented(key: bytes, username: str = name) -> PublicKeyCredential:
        return PublicKeyCredential(username=username, algorithm=ED25519, key=key)

    grant = await node.authenticate(public_key=presented(BLOB))
    assert (grant.resource_id, grant.credential_id) == (resource.id, issued.credential.id)
    unknown = ssh_blob(ED25519.encode(), bytes(32))
    for wrong in (presented(unknown), presented(BLOB, "nobody"), PublicKeyCredential()):
        with pytest.raises(BadCredentials):
            await node.authenticate(public_key=wrong)
    await node.revoke(issued)
    with pytest.raises(BadCredentials):
        await node.authenticate(public_key=presented(BLOB))
    grant = await node.authenticate(public_key=presented(OTHER_BLOB))
    assert grant.credential_id == other.credential.id


async def test_the_username_says_which_access_a_key_is_for(node: CredentialStage) -> None:
    mine, theirs = await node.resource(), await node.resource("usr_2")
    one = await node.issue(mine.id, "public_key", LINE)
    two = await node.issue(theirs.id, "public_key", OTHER_LINE, user_id="usr_2")
    with pytest.raises(BadCredentials):
        await node.authenticate(
            public_key=PublicKeyCredential(
                username=one.credential.identifier, algorithm=ED25519, key=OTHER_BLOB
            )
        )
    # The same person may use one key with two accesses.
    both = await node.issue(theirs.id, "public_key", LINE, user_id="usr_2")
    assert both.credential.identifier == two.credential.identifier
    grant = await node.authenticate(
        public_key=PublicKeyCredential(username=two.credential.identifier, algorithm=ED25519, key=BLOB)
    )
    assert grant.resource_id == theirs.id


async def test_a_key_is_taken_once_by_an_access(node: CredentialStage) -> None:
    resource = await node.resource()
    await node.issue(resource.id, "public_key", LINE)
    with pytest.raises(Conflict, match="in use"):
        await node.issue(resource.id, "public_key", LINE)


async def test_the_key_is_shown_and_there_is_no_secret(node: CredentialStage) -> None:
    resource = await node.resource()
    given = await node.issue_over_rest(resource.id, kind="public_key", public_key=LINE)
    assert (given["password"], given["token"]) == (None, None)
    assert given["credential"]["public_key"] in await node.shown(resource.id)
    assert given["credential"]["fingerprint"].startswith("SHA256:")
