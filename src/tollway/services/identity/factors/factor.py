"""What a factor is: a way for a user to prove who they are."""

from collections.abc import Mapping
from typing import Protocol

from tollway.services.identity.model import User

Details = Mapping[str, str]
"""What a client needs to answer a challenge, such as the options of a passkey."""


class Factor(Protocol):
    """One way to prove who somebody is.

    A `primary` factor can start a sign-in. The others are asked for after one, if the user has set them up. The
    user is None for an address without an account: the same work is done then, and the same things are said.
    """

    @property
    def name(self) -> str:
        """What the API calls the factor."""
        ...

    @property
    def primary(self) -> bool:
        """Return whether a sign-in can start with the factor."""
        ...

    async def challenge(self, user: User | None) -> Details | None:
        """Return a new challenge; None when the user has not set the factor up."""
        ...

    async def verify(self, user: User | None, response: str, challenge: Details) -> str | None:
        """Return how the user proved who they are, as `amr` names it (RFC 8176); None for a wrong response.

        Raises Problem when it could not be looked at; the attempt is then not counted.
        """
        ...
