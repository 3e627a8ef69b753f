"""What the kinds of credential share: secrets, usernames, digests."""

import hashlib

import pytest

from tollway.contracts.access_pb2 import AuthenticateRequest
from tollway.kit.errors import Invalid
from tollway.services.access.credentials import CREDENTIAL_KINDS
from tollway.services.access.credentials.kind import (
    digest,
    matches,
    new_secret,
    new_username,
    refuse_public_key,
)
from tollway.services.access.http.resources import NewCredential


def test_a_secret_matches_itself_only() -> None:
    secret = new_secret()
    assert matches(secret, digest(secret))
    assert not matches(secret + "x", digest(secret))
    assert not matches(secret, digest(new_secret()))
    assert not matches(secret, "")
    assert not matches(secret, None)


def test_secrets_and_usernames_need_no_escaping_and_leave_the_dash_free() -> None:
    assert new_secret().isalnum()
    assert new_username().isalnum()
    assert new_username()[0].isalpha()
    assert len({new_secret() for _ in range(100)}) == 100
    assert len({new_username() for _ in range(100)}) == 100
    # Each character of the alphabet of 31 carries 4.95 bits.
    assert len(new_secret()) * 4.95 >= 160


def test_a_digest_is_sha_256() -> None:
    assert digest("secret") == hashlib.sha256(b"secret").hexdigest()


def test_a_kind_without_public_keys_refuses_one() -> None:
    refuse_public_key("", "token")
    with pytest.raises(Invalid) as refused:
        refuse_public_key("ssh-ed25519 AAAA", "token")
    assert refused.value.extra["errors"][0]["field"] == "public_key"


def test_the_kinds_are_those_of_the_service_api_and_of_the_rest_api() -> None:
    carried = [one.name for one in AuthenticateRequest.DESCRIPTOR.oneofs_by_name["credential"].fields]
    assert list(CREDENTIAL_KINDS) == carried
    for name in carried:
        assert NewCredential.model_validate({"kind": name}).kind == name
