"""What a kind of credential does: make one, read what a client presents, compare the two, show what is public."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tollway.kit.errors import Invalid
from tollway.services.access.model import Credential

_UNAMBIGUOUS = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Presented:
    """What a client presents: what it is found by, and what is compared then (empty when nothing is).

    `within`: found by the network in which this address is, in the form of `source_networks.sortable`.
    """

    identifier: str
    proof: bytes | str = ""
    within: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A credential to keep. `secret` is shown once and not kept; empty when the customer brought the key."""

    identifier: str
    secret_sha256: str = ""
    public_key: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Public:
    """What may be shown of a credential at any time; empty where a kind has no such thing."""

    username: str = ""
    public_key: str = ""
    fingerprint: str = ""
    network: str = ""


class CredentialKind(Protocol):
    """One kind of credential."""

    name: str

    def make(self, given: str, live: Sequence[Credential]) -> Made:
        """Make a credential for an access that has these live ones. `given` is the customer's public key or network.

        Raises Invalid for what is given.
        """
        ...

    def parse(self, message: Any) -> Presented:
        """Read the field of `AuthenticateRequest` that has this kind's name. Raises BadCredentials."""
        ...

    def verify(self, presented: Presented, found: Sequence[Credential]) -> Credential | None:
        """Return which of the credentials with this identifier was presented; None when none was."""
        ...

    def public(self, credential: Credential) -> Public:
        """Return what may be shown."""
        ...


def new_username() -> str:
    """Make a username: a letter and eleven letters or digits, without look-alikes and without `-`.

    `-` is free to separate the parameters that a client may append to its username.
    """
    return secrets.choice(_UNAMBIGUOUS[:24]) + "".join(secrets.choice(_UNAMBIGUOUS) for _ in range(11))


def new_secret() -> str:
    """Make a secret of 190 random bits that needs no escaping in a URL, a shell or a header."""
    return "".join(secrets.choice(_UNAMBIGUOUS) for _ in range(38))


def digest(secret: str) -> str:
    """Return what is kept of a secret. It is random, so a plain hash cannot be searched backwards."""
    return hashlib.sha256(secret.encode()).hexdigest()


_UNKNOWN = digest(new_secret())


def matches(secret: str, kept: str | None) -> bool:
    """Compare in constant time. `kept` None (no such username) takes as long and is False."""
    same = hmac.compare_digest(digest(secret), kept or _UNKNOWN)
    return same and kept is not None


def refuse_public_key(public_key: str, kind: str) -> None:
    """Raise Invalid when a public key is given for a kind that has none."""
    if public_key:
        raise Invalid.of("public_key", f"a {kind} credential has no public key; leave it out")
