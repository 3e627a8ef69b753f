"""Bearer tokens (RFC 6750): one secret that says who and proves it."""

from collections.abc import Sequence

from tollway.contracts.access_pb2 import TokenCredential
from tollway.services.access.credentials.kind import (
    Made,
    Presented,
    Public,
    digest,
    new_secret,
    refuse_public_key,
)
from tollway.services.access.model import Credential


class Token:
    """Found by the digest of the secret, so the lookup's timing reveals nothing of the secret itself."""

    name = "token"

    def make(self, given: str, live: Sequence[Credential]) -> Made:  # noqa: ARG002
        """Make a secret."""
        refuse_public_key(given, self.name)
        secret = new_secret()
        return Made(digest(secret), digest(secret), secret=secret)

    def parse(self, message: TokenCredential) -> Presented:
        """Read the token."""
        return Presented(digest(message.token))

    def verify(self, presented: Presented, found: Sequence[Credential]) -> Credential | None:  # noqa: ARG002
        """Return the credential of this token."""
        return found[0] if found else None

    def public(self, credential: Credential) -> Public:  # noqa: ARG002
        """Show nothing: a token has no public part."""
        return Public()


TOKEN = Token()
