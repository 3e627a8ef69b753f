"""Username and password, both made here: what a proxy client can send."""

from collections.abc import Sequence

from tollway.contracts.access_pb2 import PasswordCredential
from tollway.services.access.credentials.kind import (
    Made,
    Presented,
    Public,
    digest,
    matches,
    new_secret,
    new_username,
    refuse_public_key,
)
from tollway.services.access.model import Credential


class Password:
    """Found by its username; the digest of the secret is compared in constant time."""

    name = "password"

    def make(self, given: str, live: Sequence[Credential]) -> Made:  # noqa: ARG002
        """Make a username and a secret."""
        refuse_public_key(given, self.name)
        secret = new_secret()
        return Made(new_username(), digest(secret), secret=secret)

    def parse(self, message: PasswordCredential) -> Presented:
        """Read username and secret."""
        return Presented(message.username, message.secret)

    def verify(self, presented: Presented, found: Sequence[Credential]) -> Credential | None:
        """Compare the secret; a username that does not exist costs as much as a wrong secret."""
        stored = found[0] if found else None
        same = matches(str(presented.proof), None if stored is None else stored.secret_sha256)
        return stored if same else None

    def public(self, credential: Credential) -> Public:
        """Show the username."""
        return Public(username=credential.identifier)


PASSWORD = Password()
